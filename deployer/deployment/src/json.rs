//! Invalid JSON, in words that do not depend on the parser.

use compiler::source::document::MemberError;
use serde_json::error::Category;

/// The reason a JSON text cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonProblem {
    /// The text is JSON, but not of the expected form.
    #[error("{0}")]
    Content(String),
    /// The text ends before its value does.
    #[error("incomplete JSON")]
    Incomplete,
    /// The text is not JSON.
    #[error("invalid JSON at line {line}, column {column}")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
}

impl From<serde_json::Error> for JsonProblem {
    fn from(error: serde_json::Error) -> Self {
        match error.classify() {
            Category::Data => Self::Content(MemberError::from(&error).cause),
            Category::Eof => Self::Incomplete,
            Category::Io | Category::Syntax => {
                Self::Syntax { line: error.line(), column: error.column() }
            }
        }
    }
}
