//! The parts of a function's ARN.

use compiler::api::Arn;

/// Splits a function's ARN into the unqualified ARN and the version or alias.
pub(super) fn split_qualifier(function: &str) -> (String, Option<String>) {
    match Arn::function(function).and_then(|_| function.rsplit_once(':')) {
        Some((name, qualifier)) if function.split(':').count() == 8 => {
            (name.to_owned(), Some(qualifier.to_owned()))
        }
        _ => (function.to_owned(), None),
    }
}
