//! Decisions by something that the cache does not know requests by: another request would get
//! the answer that this one earned.

use authorizer::config::{IssuerDocument, TokenSource};
use authorizer::issuer::Possession;

use super::Locations;
use crate::api::{Api, Authorizer, AuthorizerKind, IdentitySource};
use crate::source::diagnostic::{Code, Diagnostics};

const CERTIFICATE: &str = "identity.clientCert.clientCertPem";

pub(super) fn lint(api: &Api, locations: &Locations<'_>, diagnostics: &mut Diagnostics) {
    for (name, authorizer) in &api.authorizers {
        for (message, help) in problems(name, authorizer) {
            let span = (locations.authorizer)(name);
            diagnostics.violation(Code::IdentitySources, span, message, help);
        }
    }
}

fn problems(name: &str, authorizer: &Authorizer) -> Vec<(String, String)> {
    let asks = |of: fn(&IssuerDocument) -> Option<Possession>| {
        let asked = authorizer.issuers.iter().filter_map(of);
        asked.into_iter().any(|asked| asked != Possession::Forbidden)
    };
    let (dpop, mtls) = (asks(|issuer| issuer.dpop), asks(|issuer| issuer.mtls));
    let (token_alone, caches) =
        (authorizer.kind == AuthorizerKind::Token, authorizer.caches_results());
    let mut problems = Vec::new();
    if token_alone && (dpop || mtls) {
        problems.push((
            format!("`dpop` and `mtls` of the authorizer `{name}` cannot be checked: it is sent the token alone"),
            "set `type = \"request\"` and `cache_ttl = \"0s\"`: the proof is in each request".to_owned(),
        ));
    } else if caches && dpop {
        problems.push((
            format!("`{name}` checks a DPoP proof of each request, and its answers are cached"),
            "set `cache_ttl = \"0s\"`: a proof is good for one request".to_owned(),
        ));
    } else if caches
        && mtls
        && !authorizer.has_identity_source(&IdentitySource::Context(CERTIFICATE.to_owned()))
    {
        problems.push((
            format!(
                "`{name}` checks the client's certificate, and its answers are not cached by it"
            ),
            format!(
                "add \"context.{CERTIFICATE}\" to `identity_sources`, or set `cache_ttl = \"0s\"`"
            ),
        ));
    }
    if token_alone && matches!(authorizer.token, TokenSource::Query(_)) {
        problems.push((
            format!("`{name}` finds its token in the query, and is sent one header alone"),
            "set `type = \"request\"`".to_owned(),
        ));
    }
    let place = authorizer
        .token_identity_source()
        .filter(|place| caches && !authorizer.has_identity_source(place));
    if let Some(place) = place {
        problems.push((
            format!("`{name}` decides by {place}, and its answers are not cached by it: a caller would get another one's answer"),
            format!("add \"{place}\" to `identity_sources`"),
        ));
    }
    problems
}
