//! A plan for people: dangerous things first, marked by words and not by colour alone.

use std::fmt;

use super::{AccessImpact, Aspect, Change, Plan, Sign};

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.sign {
            Sign::Add => '+',
            Sign::Alter => '~',
            Sign::Remove => '-',
        };
        write!(f, "{sign} {}", self.subject)?;
        if self.aspect != Aspect::Whole {
            write!(f, "  {}", self.aspect)?;
        }
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => write!(f, ": {before} → {after}")?,
            (Some(only), None) if self.sign == Sign::Alter => write!(f, ": {only} → none")?,
            (None, Some(only)) if self.sign == Sign::Alter => write!(f, ": → {only}")?,
            (Some(only), None) | (None, Some(only)) => write!(f, ": {only}")?,
            (None, None) => {}
        }
        match self.impact {
            AccessImpact::BecomesPublic => write!(f, "  [becomes public]"),
            AccessImpact::NewPublic => write!(f, "  [public]"),
            AccessImpact::Security => write!(f, "  [security]"),
            AccessImpact::None => Ok(()),
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.id.as_deref().map(|id| format!(" ({id})")).unwrap_or_default();
        let Self { api, stage, place, .. } = self;
        let (account, region) = (&place.account, &place.region);
        writeln!(f, "{api}{id}, stage {stage}, account {account}, {region}")?;
        for note in &self.notes {
            writeln!(f, "  note: {note}")?;
        }
        if !self.functions.is_empty() {
            writeln!(f, "\nfunctions that `deploy --build` makes anew:")?;
            for function in &self.functions {
                writeln!(f, "  ~ {function}  [security]")?;
            }
        }
        if self.is_empty() {
            return write!(f, "nothing to do: revision {} is what the files say", self.revisions.1);
        }
        if !self.drift.is_empty() {
            writeln!(f, "\nchanged on AWS by somebody else, and undone by this:")?;
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
            writeln!(f, "  {}. {}", number + 1, step.sentence())?;
        }
        let estimate = self.estimate();
        let from = self.revisions.0.map_or("nothing".to_owned(), |n| format!("revision {n}"));
        write!(
            f,
            "\nfrom {from} to revision {}: {} calls of API Gateway's, {} of them writing, at least {} s",
            self.revisions.1, estimate.calls, estimate.writing, estimate.seconds
        )
    }
}
