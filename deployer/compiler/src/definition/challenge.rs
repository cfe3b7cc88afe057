//! Challenges: the value of `WWW-Authenticate` (RFC 6750 section 3, RFC 9449 section 7.1).

use authorizer::issuer::Possession;
use authorizer::signature::Algorithm;

use crate::api::Api;

/// Returns the mapping of a gateway response's header: a fixed value, because API Gateway
/// concatenates none. It has a challenge for each scheme that an issuer's tokens may have.
pub(super) fn challenge(api: &Api, error: Option<&str>) -> String {
    let issuers = || api.authorizers.values().flat_map(|authorizer| &authorizer.issuers);
    let dpop = || issuers().map(|issuer| issuer.dpop.unwrap_or_default());
    let mut challenges = Vec::new();
    if dpop().any(|dpop| dpop != Possession::Required) {
        challenges.push(one("Bearer", api, error, &[]));
    }
    if dpop().any(|dpop| dpop != Possession::Forbidden) {
        let algorithms = Algorithm::FOR_PROOFS.map(Algorithm::name).join(" ");
        challenges.push(one("DPoP", api, error, &[("algs", &algorithms)]));
    }
    format!("'{}'", challenges.join(", "))
}

/// Returns the challenge of a scheme. It always has a parameter.
fn one(scheme: &str, api: &Api, error: Option<&str>, more: &[(&str, &str)]) -> String {
    let realm = realm(&api.name);
    let error = error.map(|error| ("error", error));
    let parameters = [("realm", realm.as_str())].into_iter().chain(error);
    let parameters = parameters.chain(more.iter().copied());
    let parameters: Vec<String> =
        parameters.map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    format!("{scheme} {}", parameters.join(", "))
}

/// Returns an API's name as the content of a quoted string (RFC 9110 section 5.6.4) in a fixed value,
/// which ends at `'` and in which `$` could be a variable.
fn realm(name: &str) -> String {
    let is_allowed = |c: char| (' '..='~').contains(&c) && !"\"\\'$".contains(c);
    name.chars().map(|c| if is_allowed(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::realm;

    #[test]
    fn a_realm_has_the_characters_of_a_quoted_string_in_a_fixed_value() {
        for (name, expected) in [
            ("petstore", "petstore"),
            ("Pet Store (v2), EU", "Pet Store (v2), EU"),
            ("a\"b\\c'd$e", "a_b_c_d_e"),
            ("caf\u{e9}\r\n\t\u{7f}", "caf_____"),
        ] {
            assert_eq!(realm(name), expected, "{name:?}");
        }
        for c in '\0'..='\u{ff}' {
            let realm = realm(&c.to_string());
            assert!(
                realm.bytes().all(|b| (0x20..0x7f).contains(&b) && !b"\"\\'$".contains(&b)),
                "{c:?}"
            );
        }
    }
}
