//! The only module that writes to stdout, and the exit codes. Data is written to stdout, messages to
//! stderr; color never carries information alone.

use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use anstream::{AutoStream, ColorChoice};
use serde_json::Value as Json;

use crate::program::Program;
use compiler::source::diagnostic::Diagnostic;

mod code;
mod human;
mod json;

pub use code::ErrorCode;

/// True while a prompt waits for an answer.
static IS_PROMPTING: AtomicBool = AtomicBool::new(false);

/// Returns whether a prompt waits for an answer.
pub fn is_prompting() -> bool {
    IS_PROMPTING.load(Ordering::SeqCst)
}

/// The exit status of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Success, or nothing to do.
    Success,
    /// Failure.
    Failed,
    /// Changes are pending, or there is drift.
    Pending,
    /// The configuration or the Region is invalid.
    InvalidConfiguration,
    /// AWS credentials are missing or insufficient.
    AccessDenied,
    /// A plan is stale, or something else modified the API concurrently.
    Conflict,
    /// A stage was updated, failed its check, and was rolled back.
    RolledBack,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::Failed => 1,
            Exit::Pending => 2,
            Exit::InvalidConfiguration => 3,
            Exit::AccessDenied => 4,
            Exit::Conflict => 5,
            Exit::RolledBack => 6,
        })
    }
}

/// An output format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Text
    #[default]
    Human,
    /// JSON, one object per line
    Json,
    /// Markdown, for a comment: `plan` only
    Markdown,
}

/// The output of a command.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// The name that the program was called by.
    pub program: Program,
    format: Format,
    color: bool,
}

impl Output {
    /// Creates the output of a program that was called by this name; `--no-color`, the environment and
    /// stderr decide whether it is colored.
    pub fn new(program: Program, format: Format) -> Self {
        Self { program, format, color: AutoStream::choice(&io::stderr()) != ColorChoice::Never }
    }

    /// Writes the command's result to stdout, in the output format.
    pub fn data(&self, text: &str, json: &Json) {
        match self.format {
            Format::Human | Format::Markdown => self.message(text),
            Format::Json => self.json(json),
        }
    }

    /// Writes the command's result to stdout, in the output format, for a command that has Markdown.
    pub fn report(&self, text: &str, json: &Json, markdown: &str) {
        match self.format {
            Format::Markdown => self.message(markdown.trim_end()),
            Format::Human | Format::Json => self.data(text, json),
        }
    }

    /// Writes a document to stdout, unchanged in every output format.
    pub fn document(&self, text: &str) {
        Self::line(text);
    }

    /// Writes warnings to stderr.
    pub fn warnings(&self, diagnostics: &[Diagnostic]) {
        match self.format {
            _ if diagnostics.is_empty() => {}
            Format::Human | Format::Markdown => {
                self.note(&human::diagnostics(diagnostics, self.color));
            }
            Format::Json => self.note(&json::document(&json::diagnostics(diagnostics))),
        }
    }

    /// Writes diagnostics that are the command's result: as text to stderr, or as one JSON object
    /// to stdout.
    pub fn diagnostics(&self, diagnostics: &[Diagnostic]) {
        match self.format {
            Format::Human | Format::Markdown => {
                self.note(&human::diagnostics(diagnostics, self.color));
            }
            Format::Json => self.json(&json::diagnostics(diagnostics)),
        }
    }

    /// Writes a message to stderr.
    pub fn note(&self, text: &str) {
        if !text.is_empty() {
            // A closed stderr cannot be reported.
            let text = self.program.in_message(text.trim_end());
            let _ = writeln!(io::stderr().lock(), "{text}");
        }
    }

    /// Returns the user's answer to a prompt; none if stdin is not a terminal.
    pub fn prompt(&self, prompt: &str) -> Option<String> {
        let stdin = io::stdin();
        if !stdin.is_terminal() {
            return None;
        }
        IS_PROMPTING.store(true, Ordering::SeqCst);
        let _ = write!(io::stderr().lock(), "{} ", self.program.in_message(prompt));
        let mut answer = String::new();
        let read = stdin.lock().read_line(&mut answer);
        IS_PROMPTING.store(false, Ordering::SeqCst);
        read.ok()?;
        Some(answer.trim().to_owned())
    }

    /// Writes the diagnostics of an invalid configuration: as text to stderr, or as one JSON object
    /// with the failure's code to stdout.
    pub fn invalid(&self, code: ErrorCode, message: &str, diagnostics: &[Diagnostic]) {
        match self.format {
            Format::Human | Format::Markdown => {
                self.note(&human::diagnostics(diagnostics, self.color));
            }
            Format::Json => self.json(&json::invalid(code, message, diagnostics)),
        }
    }

    /// Writes the error and its help: as text to stderr, or as one JSON object to stdout.
    pub fn failure(&self, code: ErrorCode, message: &str, help: Option<&str>) {
        match self.format {
            Format::Human | Format::Markdown => {
                self.note(&format!("error: {message}"));
                self.note(&help.map(|help| format!("  help: {help}")).unwrap_or_default());
            }
            Format::Json => self.json(&json::failure(code, message, help)),
        }
    }

    fn json(self, json: &Json) {
        self.message(&json::document(json));
    }

    fn message(self, text: &str) {
        Self::line(&self.program.in_message(text));
    }

    fn line(text: &str) {
        // A reader that closes the pipe early (`| head`) is not an error.
        let _ = writeln!(io::stdout().lock(), "{text}");
    }
}
