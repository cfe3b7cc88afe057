//! The JSON output. Every document has the version of its format at the top level.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::code::ErrorCode;

use compiler::source::diagnostic::{Diagnostic, Severity};

/// The version of the format. It changes when a member is removed or changes its meaning.
const FORMAT: u32 = 1;

/// Returns the text of a document, with the version of its format.
pub(super) fn document(json: &Json) -> String {
    let format = Json::from(FORMAT);
    let mut members: BTreeMap<&str, &Json> = match json {
        Json::Object(object) => object.iter().map(|(name, value)| (&**name, value)).collect(),
        other => BTreeMap::from([("data", other)]),
    };
    members.insert("format", &format);
    // Serializing a JSON value cannot fail.
    serde_json::to_string(&members).unwrap_or_default()
}

pub(super) fn failure(code: ErrorCode, message: &str, help: Option<&str>) -> Json {
    json!({"code": code.name(), "error": message, "help": help})
}

pub(super) fn invalid(code: ErrorCode, message: &str, found: &[Diagnostic]) -> Json {
    let mut json = failure(code, message, None);
    if let (Json::Object(members), Json::Object(found)) = (&mut json, diagnostics(found)) {
        members.extend(found);
    }
    json
}

pub(super) fn diagnostics(diagnostics: &[Diagnostic]) -> Json {
    let all = diagnostics.iter().map(|diagnostic| {
        let (line, column) = diagnostic.source.position(diagnostic.span.start);
        json!({
            "code": diagnostic.code.name(),
            "severity": match diagnostic.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Note => "note",
            },
            "file": diagnostic.source.name,
            "line": line,
            "column": column,
            "message": diagnostic.message,
            "help": diagnostic.help,
        })
    });
    json!({"diagnostics": all.collect::<Vec<_>>()})
}
