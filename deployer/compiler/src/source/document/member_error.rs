//! Errors of typed members, in the words of the files: no word of the JSON library reaches the
//! user.

use serde::de::DeserializeOwned;

use super::Node;
use crate::source::diagnostic::{Diagnostics, Span, suggestion_or_list};

/// The cause of an invalid member, and the fix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberError {
    /// The cause, such as ``unknown member `x` ``.
    pub cause: String,
    /// The fix, if one is known.
    pub help: Option<String>,
    /// The name that the cause is about.
    name: Option<String>,
}

/// Reads a value of a known form. An error is reported as `subject: cause`, at the name that it is
/// about if the value has that name once.
pub fn deserialize<T: DeserializeOwned>(
    node: &Node,
    json: serde_json::Value,
    subject: &str,
    diagnostics: &mut Diagnostics,
) -> Option<T> {
    serde_json::from_value(json)
        .map_err(|error| {
            let error = MemberError::from(&error);
            let span = error.name.as_deref().and_then(|name| find(node, name));
            let message = format!("{subject}: {}", error.cause);
            diagnostics.error(span.unwrap_or(node.span), message, error.help);
        })
        .ok()
}

/// Returns the range of a key or text that a value has once.
fn find(node: &Node, name: &str) -> Option<Span> {
    let mut found = Vec::new();
    collect(node, name, &mut found);
    if let [only] = found.as_slice() { Some(*only) } else { None }
}

fn collect(node: &Node, name: &str, found: &mut Vec<Span>) {
    if node.text() == Some(name) {
        found.push(node.span);
    }
    for entry in node.entries() {
        if entry.key == name {
            found.push(entry.key_span);
        }
        collect(&entry.node, name, found);
    }
    for item in node.items() {
        collect(item, name, found);
    }
}

impl From<&serde_json::Error> for MemberError {
    fn from(error: &serde_json::Error) -> Self {
        let text = error.to_string();
        let text = text.split(" at line ").next().unwrap_or(&text);
        let quoted: Vec<&str> = text.split('`').skip(1).step_by(2).collect();
        let (name, known) =
            quoted.split_first().map_or(("", &[][..]), |(name, known)| (*name, known));
        let about =
            |cause: String, help: Option<String>| Self { cause, help, name: Some(name.to_owned()) };
        let expected = (!known.is_empty()).then(|| suggestion_or_list(name, known));
        if text.starts_with("unknown field") {
            return about(format!("unknown member `{name}`"), expected);
        }
        if text.starts_with("unknown variant") {
            return about(format!("unknown value `{name}`"), expected);
        }
        let cause = if text.starts_with("missing field") {
            format!("missing `{name}`")
        } else if text.starts_with("duplicate field") {
            format!("duplicate `{name}`")
        } else if text.starts_with("data did not match") {
            "not one of the supported forms".to_owned()
        } else if let Some(types) = text.strip_prefix("invalid type: ") {
            let (found, expected) = types.split_once(", expected ").unwrap_or((types, ""));
            format!("expected {}, found {}", expected_kind(expected), found_kind(found))
        } else if let Some(values) = text.strip_prefix("invalid value: ") {
            let (found, expected) = values.split_once(", expected ").unwrap_or((values, ""));
            let found = found.split_once(' ').map_or(found, |(_, value)| value).trim_matches('`');
            format!(
                "invalid value `{}`: expected {}",
                found.trim_matches('"'),
                expected_kind(expected)
            )
        } else {
            text.to_owned()
        };
        Self { cause, help: None, name: None }
    }
}

/// Returns the kind of value that a type reads.
fn expected_kind(text: &str) -> &str {
    match text {
        "a string" | "string" | "str" => "a string",
        "a boolean" => "`true` or `false`",
        "a sequence" => "a list",
        "u8" | "u16" | "u32" | "u64" | "usize" => "an integer of at least 0",
        "i8" | "i16" | "i32" | "i64" | "isize" => "an integer",
        "f32" | "f64" => "a number",
        _ if text.starts_with("struct") || text.starts_with("a map") => "a map",
        _ if text.contains("enum") => "a string or a map",
        _ => text,
    }
}

/// Returns the kind of a value that was found.
fn found_kind(text: &str) -> &str {
    match text.split(' ').next().unwrap_or_default() {
        "string" | "character" => "a string",
        "boolean" => "a boolean",
        "integer" | "floating" => "a number",
        "sequence" => "a list",
        "map" => "a map",
        "null" | "unit" | "Option" => "no value",
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::MemberError;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "snake_case")]
    enum Kind {
        HttpProxy,
        Mock,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Settings {
        #[expect(dead_code, reason = "only its errors are tested")]
        kind: Kind,
        #[serde(default)]
        #[expect(dead_code, reason = "only its errors are tested")]
        timeout: Option<u32>,
        #[serde(default)]
        #[expect(dead_code, reason = "only its errors are tested")]
        names: Vec<String>,
    }

    #[test]
    fn errors_are_in_the_words_of_the_files() {
        for (value, cause, help) in [
            (json!({"kin": "mock"}), "unknown member `kin`", "did you mean `kind`?"),
            (
                json!({"kind": "http_prox"}),
                "unknown value `http_prox`",
                "did you mean `http_proxy`?",
            ),
            (json!({"kind": "x"}), "unknown value `x`", "expected `http_proxy` or `mock`"),
            (json!({}), "missing `kind`", ""),
            (
                json!({"kind": "mock", "timeout": "1s"}),
                "expected an integer of at least 0, found a string",
                "",
            ),
            (
                json!({"kind": "mock", "timeout": -1}),
                "invalid value `-1`: expected an integer of at least 0",
                "",
            ),
            (json!({"kind": "mock", "names": {}}), "expected a list, found a map", ""),
            (json!({"kind": "mock", "names": [null]}), "expected a string, found no value", ""),
        ] {
            let error = serde_json::from_value::<Settings>(value).unwrap_err();
            let error = MemberError::from(&error);
            assert_eq!(
                (error.cause.as_str(), error.help.as_deref().unwrap_or_default()),
                (cause, help)
            );
        }
    }
}
