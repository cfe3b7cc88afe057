//! The only way to stdout, and what a command ends with. Data goes to stdout, what is said
//! about it to stderr; colour is never alone.

use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;

use anstream::{AutoStream, ColorChoice};
use serde_json::Value as Json;

use compiler::source::diagnostic::Diagnostic;

mod code;
mod human;
mod json;

pub use code::ErrorCode;

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, or nothing to do.
    Done,
    /// It failed.
    Failed,
    /// Something is to be done, or was changed by somebody else.
    Pending,
    /// The files are wrong.
    WrongFiles,
    /// The caller may not.
    NotPermitted,
    /// Somebody else was there: what was planned is not so any more.
    Conflict,
    /// It was done, did not work, and was undone.
    RolledBack,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Pending => 2,
            Exit::WrongFiles => 3,
            Exit::NotPermitted => 4,
            Exit::Conflict => 5,
            Exit::RolledBack => 6,
        })
    }
}

/// For whom a command writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// People.
    #[default]
    Human,
    /// Machines: JSON, one object a line where there are several.
    Json,
}

/// Where a command writes.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    format: Format,
    colour: bool,
}

impl Output {
    /// Makes one; whether it is coloured is decided by `--no-color`, the environment and stderr.
    pub fn new(format: Format) -> Self {
        Self { format, colour: AutoStream::choice(&io::stderr()) != ColorChoice::Never }
    }

    /// Writes what the command is for: text for people, the JSON for machines.
    pub fn data(&self, text: &str, json: &Json) {
        match self.format {
            Format::Human => Self::line(text),
            Format::Json => Self::line(&json::document(json)),
        }
    }

    /// Writes a document as it is, whoever reads it.
    pub fn document(&self, text: &str) {
        Self::line(text);
    }

    /// Writes warnings beside a command's data: always to stderr.
    pub fn asides(&self, diagnostics: &[Diagnostic]) {
        match self.format {
            _ if diagnostics.is_empty() => {}
            Format::Human => self.note(&human::diagnostics(diagnostics, self.colour)),
            Format::Json => self.note(&json::document(&json::diagnostics(diagnostics))),
        }
    }

    /// Writes diagnostics that are what the command found: to stderr for people, as one JSON
    /// object on stdout for machines.
    pub fn diagnostics(&self, diagnostics: &[Diagnostic]) {
        match self.format {
            Format::Human => self.note(&human::diagnostics(diagnostics, self.colour)),
            Format::Json => Self::line(&json::document(&json::diagnostics(diagnostics))),
        }
    }

    /// Says something that is not data.
    pub fn note(&self, text: &str) {
        if !text.is_empty() {
            // Nobody is left to tell if stderr is closed.
            let _ = writeln!(io::stderr().lock(), "{}", text.trim_end());
        }
    }

    /// Asks somebody who is there; nothing if nobody is.
    pub fn ask(&self, question: &str) -> Option<String> {
        let stdin = io::stdin();
        if !stdin.is_terminal() {
            return None;
        }
        let _ = write!(io::stderr().lock(), "{question} ");
        let mut answer = String::new();
        stdin.lock().read_line(&mut answer).ok()?;
        Some(answer.trim().to_owned())
    }

    /// Reports that the configuration is invalid: to stderr for people, as one JSON object with the
    /// failure's code on stdout for machines.
    pub fn invalid(&self, code: ErrorCode, message: &str, diagnostics: &[Diagnostic]) {
        match self.format {
            Format::Human => self.note(&human::diagnostics(diagnostics, self.colour)),
            Format::Json => Self::line(&json::document(&json::invalid(code, message, diagnostics))),
        }
    }

    /// Reports why the command failed and what to do next.
    pub fn failure(&self, code: ErrorCode, message: &str, help: Option<&str>) {
        match self.format {
            Format::Human => {
                self.note(&format!("error: {message}"));
                self.note(&help.map(|help| format!("  help: {help}")).unwrap_or_default());
            }
            Format::Json => {
                Self::line(&json::document(&json::failure(code, message, help)));
            }
        }
    }

    fn line(text: &str) {
        // A reader that went away (`| head`) is no failure of ours.
        let _ = writeln!(io::stdout().lock(), "{text}");
    }
}
