//! Diagnostics as text, with an excerpt of the file.

use std::fmt::Write;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Report,
    Severity as Level,
};

use compiler::source::diagnostic::{Diagnostic, Severity};

pub(super) fn diagnostics(diagnostics: &[Diagnostic], color: bool) -> String {
    let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(100);
    let mut text = String::new();
    for diagnostic in diagnostics {
        // Writing to a string cannot fail.
        let _ = handler.render_report(&mut text, report(diagnostic).as_ref());
    }
    let count =
        |severity| diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    if errors + warnings > 0 {
        let _ = writeln!(text, "{}, {}", plural(errors, "error"), plural(warnings, "warning"));
    }
    text
}

fn plural(count: usize, name: &str) -> String {
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}

fn report(diagnostic: &Diagnostic) -> Report {
    let (word, level) = match diagnostic.severity {
        Severity::Error => ("error", Level::Error),
        Severity::Warning => ("warning", Level::Warning),
        Severity::Note => ("note", Level::Advice),
    };
    let source = &diagnostic.source;
    let length = diagnostic.span.end.saturating_sub(diagnostic.span.start);
    // The first line is enough: a span may cover a whole table.
    let line = source
        .text
        .get(diagnostic.span.start..)
        .and_then(|rest| rest.lines().next())
        .map_or(0, str::len);
    let label = LabeledSpan::new(None, diagnostic.span.start, length.min(line).max(1));
    let mut report =
        MietteDiagnostic::new(format!("{word}: {}", diagnostic.message)).with_severity(level);
    if !source.text.is_empty() {
        report = report.with_label(label);
    }
    if let Some(help) = &diagnostic.help {
        report = report.with_help(help);
    }
    Report::from(report).with_source_code(NamedSource::new(&source.name, source.text.clone()))
}
