//! Scopes of authorizers that the document declares itself, of which API Gateway requires less than
//! OpenAPI: one of several (user pools), or none (functions).

use std::collections::BTreeSet;

use crate::api::AuthorizerType;
use crate::source::diagnostic::{Code, Diagnostics, Span};

/// Reports scopes of one alternative of `security` that API Gateway does not require.
pub(super) fn check_scopes(
    scheme: &str,
    kind: &AuthorizerType,
    scopes: &BTreeSet<String>,
    at: Span,
    diagnostics: &mut Diagnostics,
) {
    let names: Vec<String> = scopes.iter().map(|scope| format!("`{scope}`")).collect();
    let (message, help) = match (kind, names.as_slice()) {
        // An authorizer of another type is an error.
        (AuthorizerType::Other(_), _) | (_, []) | (AuthorizerType::CognitoUserPools, [_]) => return,
        (AuthorizerType::CognitoUserPools, names) => (
            format!(
                "OpenAPI requires {}, and API Gateway only one of them: `{scheme}` is a user pool",
                names.join(" and ")
            ),
            format!(
                "require one scope that implies the others, or add [authorizer.{scheme}] to portcullis.toml, which requires all"
            ),
        ),
        (_, names) => (
            format!(
                "API Gateway does not require {}: the function of `{scheme}` decides alone",
                names.join(" and ")
            ),
            "write `[]` if the function checks the scopes, or check them in the backend".to_owned(),
        ),
    };
    diagnostics.warning(Code::WeakerScopes, at, message, help);
}
