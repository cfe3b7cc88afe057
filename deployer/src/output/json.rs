//! Diagnostics for machines.

use serde_json::{Value as Json, json};

use compiler::source::diagnostic::{Diagnostic, Severity};

pub(super) fn diagnostics(diagnostics: &[Diagnostic]) -> Json {
    let all = diagnostics.iter().map(|diagnostic| {
        let (line, column) = diagnostic.source.position(diagnostic.span.start);
        json!({
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
