//! A plan as text: the most severe changes first, marked by words and not by color alone.

use std::fmt;

use super::{AccessImpact, Action, Aspect, Change, Plan};

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let symbol = match self.action {
            Action::Add => '+',
            Action::Update => '~',
            Action::Remove => '-',
        };
        write!(f, "{symbol} {}", self.subject)?;
        if self.aspect != Aspect::Existence {
            write!(f, "  {}", self.aspect)?;
        }
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => write!(f, ": {before} → {after}")?,
            (Some(only), None) if self.action == Action::Update => write!(f, ": {only} → (none)")?,
            (None, Some(only)) if self.action == Action::Update => write!(f, ": (none) → {only}")?,
            (Some(only), None) | (None, Some(only)) => write!(f, ": {only}")?,
            (None, None) => {}
        }
        match self.impact {
            AccessImpact::BecomesPublic => write!(f, "  [becomes public]"),
            AccessImpact::NewPublic => write!(f, "  [public]"),
            AccessImpact::Revived => write!(f, "  [no longer denied]"),
            AccessImpact::Widened => write!(f, "  [more access]"),
            AccessImpact::Security => write!(f, "  [security]"),
            AccessImpact::None => Ok(()),
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.id.as_deref().map(|id| format!(" ({id})")).unwrap_or_default();
        let Self { api, stage, target, .. } = self;
        let (account, region) = (&target.account, &target.region);
        writeln!(f, "{api}{id}, stage {stage}, account {account}, {region}")?;
        for note in &self.notes {
            writeln!(f, "  note: {note}")?;
        }
        if !self.functions.is_empty() {
            writeln!(f, "\nfunctions to rebuild (`deploy --build`):")?;
            for function in &self.functions {
                writeln!(f, "  ~ {function}  [security]")?;
            }
        }
        let next = self.revisions.1;
        if self.is_empty() {
            return match self.canary {
                None => write!(f, "no changes: revision {next} matches the configuration"),
                Some(percent) => write!(
                    f,
                    "no changes: the canary, {percent} revision {next}, matches the configuration"
                ),
            };
        }
        if !self.drift.is_empty() {
            writeln!(f, "\ndrift that this plan reverts:")?;
            for change in &self.drift {
                writeln!(f, "  {change}")?;
            }
        }
        if !self.changes.is_empty() {
            writeln!(f, "\nchanges:")?;
            for change in &self.changes {
                writeln!(f, "  {change}")?;
            }
        }
        writeln!(f, "\nsteps:")?;
        for (number, step) in self.steps.iter().enumerate() {
            writeln!(f, "  {}. {}", number + 1, step.description())?;
        }
        let estimate = self.estimate();
        let from = self.revisions.0.map_or("(none)".to_owned(), |n| format!("revision {n}"));
        let to = match self.canary {
            None => format!("revision {next}"),
            Some(percent) => format!("canary: {percent} revision {next}"),
        };
        write!(
            f,
            "\n{from} → {to}: {} API Gateway calls ({} mutating), ≥ {} s under quota",
            estimate.calls, estimate.mutating, estimate.seconds
        )
    }
}
