//! The reasons a function cannot be published.

use std::fmt;
use std::path::PathBuf;

/// The reason a function cannot be published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FunctionError {
    /// Its ARN has no alias.
    #[error("has no alias, which a rollback requires")]
    NoAlias,
    /// It does not exist, and `--function-role` is missing.
    #[error("does not exist, and creating it requires `--function-role`")]
    NoRole,
    /// It is not in the account and Region of the API.
    #[error("must be in {expected}, the account and Region of the API")]
    Elsewhere {
        /// The account and Region of the API.
        expected: String,
    },
    /// Two authorizers use it.
    #[error("is used by two authorizers, but a function has one configuration")]
    Shared,
}

/// The origin of a binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The zip of `--function-zip`, or of the release.
    Zip(PathBuf),
    /// Built from the sources.
    Sources(PathBuf),
    /// A published version.
    Version {
        /// The function's name.
        name: String,
        /// The version.
        version: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zip(path) | Self::Sources(path) => write!(f, "{}", path.display()),
            Self::Version { name, version } => write!(f, "version {version} of {name}"),
        }
    }
}

/// The reason a download failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DownloadError {
    /// The server cannot be reached, or the connection broke.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// The response has another status than 200.
    #[error("status {0}")]
    Status(u16),
    /// It takes too long.
    #[error("timed out")]
    Timeout,
    /// It is larger than a package can be.
    #[error("more than 60 MB")]
    TooLarge,
    /// AWS returned no valid URL.
    #[error("invalid URL")]
    Url,
}
