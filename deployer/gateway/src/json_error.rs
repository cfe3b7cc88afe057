//! JSON errors in JSON's terms instead of Rust's.

/// Returns the message of a JSON error: without the position, because the text is rarely shown.
pub(super) fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    if let Some(rest) = text.strip_prefix("invalid type: ")
        && let Some((found, expected)) = rest.split_once(", expected ")
    {
        let expected = if expected.starts_with("struct ") { "an object" } else { expected };
        let found = found.replacen("map", "object", 1).replacen("sequence", "array", 1);
        return format!("expected {expected}, found {found}");
    }
    let text = text.replacen("missing field ", "missing ", 1);
    let text = text.replacen("duplicate field ", "duplicate ", 1);
    let text = text.replacen("unknown variant ", "unknown value ", 1);
    text.replacen("unknown field ", "unknown member ", 1).replacen(", expected ", ": expected ", 1)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::message;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its errors are of interest")]
    struct Statement {
        effect: Effect,
        sid: Option<String>,
    }

    #[derive(Debug, Deserialize)]
    enum Effect {
        Allow,
        Deny,
    }

    #[test]
    fn json_errors_are_in_the_terms_of_json() {
        for (text, expected) in [
            ("true", "expected an object, found boolean `true`"),
            ("{}", "missing `effect`"),
            (r#"{"effect": "Allow", "effect": "Deny"}"#, "duplicate `effect`"),
            (r#"{"effect": "Maybe"}"#, "unknown value `Maybe`: expected `Allow` or `Deny`"),
            (r#"{"x": 1}"#, "unknown member `x`: expected `effect` or `sid`"),
            (r#"{"effect": "Allow", "sid": {}}"#, "expected a string, found object"),
        ] {
            let error = serde_json::from_str::<Statement>(text).unwrap_err();
            assert_eq!(message(&error), expected, "{text}");
        }
    }
}
