//! What is allowed and should not be: one rule a file, each from the compiled API alone.

use crate::api::Api;
use crate::diagnostic::{Diagnostics, Span};

mod inexpressible;
mod shadowed_guard;

/// Looks for what the rules know. `span` tells where a route stands in the document.
pub fn lint(api: &Api, span: &dyn Fn(&str) -> Span, diagnostics: &mut Diagnostics) {
    inexpressible::lint(api, span, diagnostics);
    shadowed_guard::lint(api, span, diagnostics);
}
