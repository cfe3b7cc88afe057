//! Dangerous changes: they are shown first, and confirmed by a person or by `--allow-dangerous`.

use super::Failure;
use crate::output::Output;
use deployment::plan::{Change, Direction, dangers};

/// The way in which a command is confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Confirmation {
    /// A person confirms the changes that are shown, or did so when the plan was saved.
    Person,
    /// `--yes` alone.
    Yes,
    /// `--yes` and `--allow-dangerous`.
    AllowDangerous,
}

impl Confirmation {
    /// Returns the confirmation of a command with these options.
    pub(super) const fn new(yes: bool, allow_dangerous: bool) -> Self {
        match (yes, allow_dangerous) {
            (true, true) => Self::AllowDangerous,
            (true, false) => Self::Yes,
            (false, _) => Self::Person,
        }
    }

    /// Returns whether a person confirms.
    pub(super) const fn prompts(self) -> bool {
        matches!(self, Self::Person)
    }
}

/// Prompts for a text that confirms an action.
pub(super) fn confirm(
    output: Output,
    prompt: &str,
    expected: &str,
    action: String,
) -> Result<(), Failure> {
    match output.prompt(prompt) {
        Some(answer) if answer == expected => Ok(()),
        Some(_) => Err(Failure::Cancelled { action }),
        None => Err(Failure::NotConfirmed { action }),
    }
}

/// Shows the dangers among changes. Without a person or `--allow-dangerous`, they are an error.
pub(super) fn check(
    changes: &[Change],
    direction: Direction,
    confirmation: Confirmation,
    output: Output,
) -> Result<(), Failure> {
    let dangers = dangers(changes, direction);
    if dangers.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = dangers.iter().map(ToString::to_string).collect();
    output.note(&format!("dangerous changes:\n  {}\n", lines.join("\n  ")));
    match confirmation {
        Confirmation::Person | Confirmation::AllowDangerous => Ok(()),
        Confirmation::Yes => Err(Failure::Dangerous(dangers.len())),
    }
}
