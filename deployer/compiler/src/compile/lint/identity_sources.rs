//! Decisions that depend on values outside of the cache key: another request would get the cached
//! result of this one.

use authorizer::config::{IssuerDocument, TokenScheme, TokenSource};
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
    let checks = |setting: fn(&IssuerDocument) -> Option<Possession>| {
        let settings = authorizer.issuers.iter().filter_map(setting);
        settings.into_iter().any(|setting| setting != Possession::Forbidden)
    };
    let (dpop, mtls) = (checks(|issuer| issuer.dpop), checks(|issuer| issuer.mtls));
    let (receives_token_alone, is_cached) =
        (authorizer.kind == AuthorizerKind::Token, authorizer.caches_results());
    let mut problems = Vec::new();
    if receives_token_alone && (dpop || mtls) {
        problems.push((
            format!(
                "`dpop` and `mtls` require a REQUEST authorizer: `{name}` receives the token alone"
            ),
            "set `type = \"request\"` and `cache_ttl = \"0s\"`: every request has its own proof"
                .to_owned(),
        ));
    } else if is_cached && dpop {
        problems.push((
            format!("`{name}` verifies a DPoP proof per request, but its results are cached"),
            "set `cache_ttl = \"0s\"`: a proof is valid for one request".to_owned(),
        ));
    } else if is_cached
        && mtls
        && !authorizer.has_identity_source(&IdentitySource::Context(CERTIFICATE.to_owned()))
    {
        problems.push((
            format!(
                "`{name}` verifies the client certificate, which is not among its identity sources"
            ),
            format!(
                "add \"context.{CERTIFICATE}\" to `identity_sources`, or set `cache_ttl = \"0s\"`"
            ),
        ));
    }
    let has_scheme =
        matches!(authorizer.token, TokenSource::Header { scheme: TokenScheme::Bearer, .. });
    if dpop && !has_scheme {
        problems.push((
            format!(
                "`dpop` requires a header with the scheme `DPoP`: the token of `{name}` has no scheme"
            ),
            "set `token = { header = \"Authorization\" }`, or `dpop = \"forbidden\"`".to_owned(),
        ));
    }
    let location = match authorizer.token {
        TokenSource::Cookie(_) => Some("a cookie"),
        TokenSource::Query(_) => Some("the query string"),
        TokenSource::Header { .. } | TokenSource::WebsocketProtocol(_) => None,
    };
    if let Some(location) = location.filter(|_| receives_token_alone) {
        problems.push((
            format!(
                "a token in {location} requires a REQUEST authorizer: `{name}` receives one header"
            ),
            "remove `type`, or set `type = \"request\"`".to_owned(),
        ));
    }
    let source = authorizer
        .token_identity_source()
        .filter(|source| is_cached && !authorizer.has_identity_source(source));
    if let Some(source) = source {
        problems.push((
            format!("the token of `{name}` is in {source}, which is not among its identity sources: callers would share cached results"),
            format!("add \"{source}\" to `identity_sources`"),
        ));
    }
    problems
}
