//! A plan as Markdown, for the comment of a pull request: dangers first, routes next, the rest folded.
//! It is shorter than the longest comment, whatever the plan has.

use std::fmt::Write;

use super::rule_changes::{Direction, dangers};
use super::{AccessImpact, Action, Aspect, Change, Plan, Subject};

/// The longest text, in bytes. A comment on GitHub has at most 65,536 characters, and one on GitLab
/// 1,000,000.
pub const MAX_BYTES: usize = 60_000;

/// The longest value in a table, in characters.
const MAX_VALUE: usize = 300;

impl Plan {
    /// Returns the plan as Markdown.
    pub fn markdown(&self) -> String {
        let mut text = Text::default();
        text.line(&self.heading());
        text.line("");
        text.line(&self.summary());
        let dangerous = dangers(&self.changes, Direction::Forward);
        if !dangerous.is_empty() {
            text.line("\n> [!CAUTION]");
            text.line("> These changes need `--allow-dangerous`:");
            let lines: Vec<String> =
                dangerous.iter().map(|change| format!("> - {}", item(change))).collect();
            text.list(&lines, "> - ");
        }
        let (routes, others): (Vec<&Change>, Vec<&Change>) =
            self.changes.iter().partition(|change| matches!(change.subject, Subject::Route(_)));
        if !routes.is_empty() {
            text.line("\n| | Route | Change | Impact |");
            text.line("| --- | --- | --- | --- |");
            let rows: Vec<String> = routes.iter().map(|change| row(change)).collect();
            text.list(&rows, "| | ");
        }
        text.fold("Drift that this plan reverts", &items(self.drift.iter()));
        text.fold("Other changes", &items(others.into_iter()));
        let functions: Vec<String> = self
            .functions
            .iter()
            .map(|function| format!("- {}", code(&function.to_string())))
            .collect();
        text.fold("Functions to rebuild", &functions);
        let notes: Vec<String> =
            self.notes.iter().map(|note| format!("- {}", prose(note))).collect();
        text.fold("Notes", &notes);
        let steps = self.steps.iter().enumerate();
        let steps: Vec<String> =
            steps.map(|(at, step)| format!("{}. {}", at + 1, prose(&step.description()))).collect();
        text.fold("Steps", &steps);
        text.0
    }

    fn heading(&self) -> String {
        format!("### Portcullis: {}, stage {}", prose(&self.api), prose(&self.stage))
    }

    fn summary(&self) -> String {
        let target = format!("account {}, {}", self.target.account, self.target.region);
        let next = self.revisions.1;
        if self.is_empty() {
            return format!("No changes: revision {next} matches the configuration ({target}).");
        }
        let from = self.revisions.0.map_or("none".to_owned(), |number| number.to_string());
        let share = self.canary.map(|percent| format!(" for {percent} of the requests"));
        let count = self.changes.len();
        let changes = if count == 1 { "1 change".to_owned() } else { format!("{count} changes") };
        format!("{changes}, revision {from} → {next}{} ({target})", share.unwrap_or_default())
    }
}

/// A text of limited length. What does not fit is counted.
#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    /// Adds lines as long as they fit; `prefix` begins the line about the others.
    fn list(&mut self, lines: &[String], prefix: &str) {
        for (at, line) in lines.iter().enumerate() {
            if self.0.len() + line.len() > MAX_BYTES {
                let left = lines.len() - at;
                return self.line(&format!("{prefix}{left} more are not shown"));
            }
            self.line(line);
        }
    }

    fn fold(&mut self, title: &str, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        let count = lines.len();
        self.line(&format!("\n<details><summary>{title} ({count})</summary>\n"));
        self.list(lines, "- ");
        self.line("\n</details>");
    }
}

fn items<'a>(changes: impl Iterator<Item = &'a Change>) -> Vec<String> {
    changes.map(|change| format!("- {}", item(change))).collect()
}

/// Returns a change in a row of the table of routes.
fn row(change: &Change) -> String {
    let impact = impact(change.impact);
    // A cell ends at a bar, in code too.
    let cell = |text: String| text.replace('|', "\\|");
    let (subject, values) = (cell(code(&change.subject.to_string())), cell(values(change)));
    format!("| {} | {subject} | {values} | {impact} |", action(change.action))
}

/// Returns a change in a list.
fn item(change: &Change) -> String {
    let mut text = format!("{} {}", action(change.action), code(&change.subject.to_string()));
    let values = values(change);
    // Writing to a string cannot fail.
    if !values.is_empty() {
        let _ = write!(text, ": {values}");
    }
    match impact(change.impact) {
        "" => {}
        impact => _ = write!(text, " ({impact})"),
    }
    text
}

const fn action(action: Action) -> &'static str {
    match action {
        Action::Add => "added",
        Action::Update => "changed",
        Action::Remove => "removed",
    }
}

const fn impact(impact: AccessImpact) -> &'static str {
    match impact {
        AccessImpact::BecomesPublic => "**becomes public**",
        AccessImpact::NewPublic => "**public**",
        AccessImpact::Revived => "**no longer denied**",
        AccessImpact::Widened => "**more access**",
        AccessImpact::Security => "security",
        AccessImpact::None => "",
    }
}

/// Returns the aspect of a change with its values.
fn values(change: &Change) -> String {
    let aspect = match &change.aspect {
        Aspect::Existence => String::new(),
        aspect => format!("{} ", prose(&aspect.to_string())),
    };
    let value = |value: &Option<String>| value.as_deref().map_or("none".to_owned(), code);
    let text = match (&change.before, &change.after, change.action) {
        (None, None, _) => String::new(),
        (before, after, Action::Update) => format!("{} → {}", value(before), value(after)),
        (only, None, _) | (None, only, _) => value(only),
        (before, after, _) => format!("{} → {}", value(before), value(after)),
    };
    format!("{aspect}{text}").trim_end().to_owned()
}

/// Returns a text as code, on one line. A longer fence than any run of backquotes in it encloses it.
fn code(text: &str) -> String {
    let text = shortened(text);
    if text.is_empty() {
        return "(empty)".to_owned();
    }
    let runs = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(runs + 1);
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// Returns a text in which nothing is markup, a link or a mention. Commands in backquotes are code.
fn prose(text: &str) -> String {
    let text = shortened(text);
    let parts: Vec<&str> = text.split('`').collect();
    // With an odd number of backquotes, the last one encloses nothing.
    let is_paired = parts.len() % 2 == 1;
    let mut escaped = String::new();
    for (at, part) in parts.iter().enumerate() {
        if is_paired && at % 2 == 1 {
            escaped.push_str(&code(part));
            continue;
        }
        for character in part.chars() {
            if "\\*_{}[]#+!|<>~@&".contains(character) {
                let _ = write!(escaped, "&#{};", u32::from(character));
            } else {
                escaped.push(character);
            }
        }
    }
    escaped.replace("://", "&#58;//")
}

/// Returns a text on one line, and not longer than a value may be.
fn shortened(text: &str) -> String {
    let line: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_VALUE).collect();
    if text.chars().count() > MAX_VALUE { format!("{line}…") } else { line }
}
