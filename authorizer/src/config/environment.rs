//! The `AUTHORIZER_*` environment variables. A variable that would have no effect is an error: a
//! misspelled restriction must not pass for one that applies.

use std::collections::BTreeMap;

/// The variables of a single issuer, only without a file.
const ISSUER: [&str; 8] = [
    "AUTHORIZER_ALGORITHMS",
    "AUTHORIZER_AUDIENCE",
    "AUTHORIZER_ISSUER",
    "AUTHORIZER_JWKS_URI",
    "AUTHORIZER_LEEWAY",
    "AUTHORIZER_PROFILE",
    "AUTHORIZER_SCOPES",
    "AUTHORIZER_SCOPE_CLAIMS",
];

/// The variables that apply with a file as well.
const ALWAYS: [&str; 3] = ["AUTHORIZER_CONFIG", "AUTHORIZER_LOG_ALLOWED", LOG_KEY];

/// The key of the hashes in the log.
pub(super) const LOG_KEY: &str = "AUTHORIZER_LOG_KEY";

/// Checks the names and values of all variables that begin with `AUTHORIZER_`; calls `report` with the
/// name and the message of each error. `file` is the path of the configuration file, if there is one.
pub(super) fn check(
    variables: &BTreeMap<String, String>,
    file: Option<&str>,
    report: &mut impl FnMut(&str, String),
) {
    let of_authorizer = variables.iter().filter(|(name, _)| name.starts_with("AUTHORIZER_"));
    for (name, value) in of_authorizer {
        let is_of_issuer = ISSUER.contains(&name.as_str());
        if !is_of_issuer && !ALWAYS.contains(&name.as_str()) {
            let known = [ISSUER.as_slice(), ALWAYS.as_slice()].concat().join(", ");
            report(name, format!("is not a known variable; expected one of {known}"));
        } else if value.trim().is_empty() {
            report(name, "is empty; unset it".to_owned());
        } else if let (true, Some(file)) = (is_of_issuer, file) {
            report(name, format!("has no effect beside {file}; remove one of them"));
        }
    }
}
