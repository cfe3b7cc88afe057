//! Scopes of authorizers that the document declares itself, of which API Gateway requires less than
//! OpenAPI: one of several (user pools), or none (functions).

use std::collections::BTreeSet;

use super::resolve_security::{Scheme, Schemes};
use crate::api::AuthorizerType;
use crate::source::diagnostic::{Code, Diagnostics, Span};

/// Reports scopes of one alternative of `security` that API Gateway does not require.
pub(super) fn check_scopes(
    scheme: &str,
    scopes: &BTreeSet<String>,
    at: Span,
    schemes: &Schemes,
    diagnostics: &mut Diagnostics,
) {
    let shape = schemes.values().find_map(|(name, found)| match found {
        Scheme::External(shape) if name == scheme => Some(shape),
        _ => None,
    });
    let names: Vec<String> = scopes.iter().map(|scope| format!("`{scope}`")).collect();
    let (message, help) = match (shape.map(|shape| &shape.kind), names.as_slice()) {
        // An authorizer of another type is an error.
        (None | Some(AuthorizerType::Other(_)), _)
        | (_, [])
        | (Some(AuthorizerType::CognitoUserPools), [_]) => return,
        (Some(AuthorizerType::CognitoUserPools), names) => (
            format!(
                "OpenAPI requires {}, and API Gateway only one of them: `{scheme}` is a user pool",
                names.join(" and ")
            ),
            format!(
                "require one scope that implies the others, or add [authorizer.{scheme}] to portcullis.toml, which requires all"
            ),
        ),
        (Some(_), names) => (
            format!(
                "API Gateway does not require {}: the function of `{scheme}` decides alone",
                names.join(" and ")
            ),
            "write `[]` if the function checks the scopes, or check them in the backend".to_owned(),
        ),
    };
    diagnostics.warning(Code::WeakerScopes, at, message, help);
}
