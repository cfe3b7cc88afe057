//! The name of the program: packages install it as `portcullis`, and the build as `deployer`. Texts
//! are written with the latter, and shown with the name that was called.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::Path;

/// A name of the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Program {
    /// `deployer`
    #[default]
    Deployer,
    /// `portcullis`
    Portcullis,
}

impl Program {
    /// Reads the name from the first argument of the process. A link with another name is `deployer`.
    pub fn called(argument: Option<&OsStr>) -> Self {
        match argument.map(Path::new).and_then(Path::file_stem) {
            Some(name) if name == Self::Portcullis.name() => Self::Portcullis,
            _ => Self::Deployer,
        }
    }

    /// Returns the name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deployer => "deployer",
            Self::Portcullis => "portcullis",
        }
    }

    /// Returns a message with this name in the commands that it quotes.
    pub fn in_message(self, text: &str) -> Cow<'_, str> {
        self.replace(text, "`deployer ")
    }

    /// Returns a help text with this name.
    pub fn in_help(self, text: &str) -> Cow<'_, str> {
        self.replace(text, "deployer ")
    }

    fn replace<'a>(self, text: &'a str, command: &str) -> Cow<'a, str> {
        if self == Self::Deployer || !text.contains(command) {
            return Cow::Borrowed(text);
        }
        Cow::Owned(text.replace(command, &command.replace(Self::Deployer.name(), self.name())))
    }
}
