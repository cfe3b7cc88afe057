//! [`IssuerDocument`] → [`Issuer`].

use std::collections::BTreeSet;
use std::time::Duration;

use super::document::{ContextSource, IssuerDocument, UsageKey};
use super::rule;
use crate::claim_path::ClaimPath;
use crate::issuer::{Bundled, ContextClaim, ContextForm, Issuer, TENANT, UsageKeySource};
use crate::jwk::KeySet;
use crate::secure_url;
use crate::signature::{Algorithm, UnknownAlgorithm};
use crate::time::UnixTime;

/// Clocks of issuers and of Lambda differ by seconds; RFC 7519 section 4.1.4 allows "no more
/// than a few minutes".
const DEFAULT_LEEWAY: u64 = 30;
const MAX_LEEWAY: u64 = 300;

/// A revoked key works no longer than this.
const DEFAULT_KEY_MAX_AGE: u64 = 600;
const KEY_MAX_AGE: std::ops::RangeInclusive<u64> = 60..=86_400;

/// Names that API Gateway's own context or the standard members of ours have.
const RESERVED: [&str; 8] = [
    "principalId",
    "integrationLatency",
    "iss",
    "sub",
    "scope",
    "client_id",
    "reason",
    "required_scope",
];

/// Resolves an issuer; reports each problem by the member it is in.
pub(super) fn resolve(document: &IssuerDocument, problem: &mut impl FnMut(&str, &str)) -> Issuer {
    urls(document, problem);
    if document.audience.is_empty() || document.audience.iter().any(String::is_empty) {
        problem("audience", "is empty, which would take every token of the issuer's");
    }
    let algorithms = algorithms(document, problem);
    let default_claims = || vec!["scope".to_owned(), "scp".to_owned()];
    let names = document.scope_claims.clone().unwrap_or_else(default_claims);
    let scope_claims: Vec<ClaimPath> = names.iter().filter_map(|name| name.parse().ok()).collect();
    if names.is_empty() || names.len() != scope_claims.len() {
        problem("scope_claims", "is empty");
    }
    let leeway = document.leeway_seconds.unwrap_or(DEFAULT_LEEWAY);
    if leeway > MAX_LEEWAY {
        problem("leeway_seconds", "is more than 300");
    }
    let key_max_age = document.key_max_age_seconds.unwrap_or(DEFAULT_KEY_MAX_AGE);
    if !KEY_MAX_AGE.contains(&key_max_age) {
        problem("key_max_age_seconds", "is not from 60 to 86400");
    }
    if document.max_token_age_seconds == Some(0) {
        problem("max_token_age_seconds", "is 0, which would take no token");
    }
    if document
        .clients
        .as_ref()
        .is_some_and(|clients| clients.is_empty() || clients.iter().any(String::is_empty))
    {
        problem("clients", "is empty, which would take no client's token");
    }
    let rules = document.require.iter().filter_map(|rule| {
        rule::resolve(rule).map_err(|error| problem("require", &error.to_string())).ok()
    });
    let rules = rules.collect();
    let denied = document.denied.clone().unwrap_or_default();
    Issuer {
        name: document.issuer.clone(),
        audience: document.audience.clone(),
        bundled: bundled(document, &algorithms, problem),
        algorithms,
        jwks_uri: document.jwks_uri.clone(),
        key_max_age: Duration::from_secs(key_max_age),
        profile: document.profile.unwrap_or_default(),
        scope_claims,
        leeway: Duration::from_secs(leeway),
        max_token_age: document.max_token_age_seconds.map(Duration::from_secs),
        clients: document.clients.clone().map(BTreeSet::from_iter),
        rules,
        denied_jti: denied.jti.into_iter().collect(),
        denied_sub: denied.sub.into_iter().collect(),
        dpop: document.dpop.unwrap_or_default(),
        mtls: document.mtls.unwrap_or_default(),
        context: context(document, problem),
        qualify_principal: document.qualify_principal,
        usage_key: usage_key(document, problem),
    }
}

fn urls(document: &IssuerDocument, problem: &mut impl FnMut(&str, &str)) {
    let insecure = |url: &str| secure_url::parse(url).is_none();
    let template = document.issuer.matches(TENANT).count();
    if document.issuer.is_empty() {
        problem("issuer", "is empty");
    } else if template > 1 {
        problem("issuer", "has more than one {tenantid}");
    } else if template == 1 && document.jwks_uri.is_none() {
        problem("issuer", "is a template, so `jwks_uri` must be given");
    } else if document.jwks_uri.is_none() && insecure(&document.issuer) {
        problem("issuer", "is no https URL (http for loopback), so `jwks_uri` must be given");
    }
    if document.jwks_uri.as_deref().is_some_and(insecure) {
        problem("jwks_uri", "is no https URL (http for loopback)");
    }
}

fn algorithms(document: &IssuerDocument, problem: &mut impl FnMut(&str, &str)) -> Vec<Algorithm> {
    let Some(names) = &document.algorithms else { return vec![Algorithm::RS256] };
    let known: Vec<Algorithm> = names.iter().filter_map(|name| name.parse().ok()).collect();
    if names.is_empty() {
        problem("algorithms", "is empty");
    } else if known.len() != names.len() {
        problem("algorithms", &format!("has a name that is {UnknownAlgorithm}"));
    }
    known
}

fn bundled(
    document: &IssuerDocument,
    algorithms: &[Algorithm],
    problem: &mut impl FnMut(&str, &str),
) -> Option<Bundled> {
    let keys = document.keys.as_ref()?;
    let text = keys.jwks.to_string().into_bytes();
    if let Err(error) = KeySet::read(&text, algorithms) {
        problem("keys", &format!("cannot be used: {error}"));
    }
    if keys.lifetime_seconds == 0 {
        problem("keys", "has a lifetime of 0");
    }
    Some(Bundled {
        document: text,
        read_at: UnixTime::from_seconds(keys.read_at),
        lifetime: Duration::from_secs(keys.lifetime_seconds),
    })
}

fn context(document: &IssuerDocument, problem: &mut impl FnMut(&str, &str)) -> Vec<ContextClaim> {
    let mut sources = Vec::new();
    for (name, source) in &document.context {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || !name.bytes().all(plain) || RESERVED.contains(&name.as_str()) {
            problem("context", &format!("cannot have the name `{name}`"));
        }
        let (claim, form) = match source {
            ContextSource::Scalar(claim) => (claim, ContextForm::Scalar),
            ContextSource::Json { json } => (json, ContextForm::Json),
        };
        match claim.parse() {
            Ok(claim) => sources.push(ContextClaim { name: name.clone(), claim, form }),
            Err(error) => problem("context", &format!("`{name}`: {error}")),
        }
    }
    sources
}

fn usage_key(
    document: &IssuerDocument,
    problem: &mut impl FnMut(&str, &str),
) -> Option<UsageKeySource> {
    match document.usage_key.as_ref()? {
        UsageKey::Claim(claim) => match claim.parse() {
            Ok(path) => Some(UsageKeySource::Claim(path)),
            Err(error) => {
                problem("usage_key", &format!("{error}"));
                None
            }
        },
        UsageKey::Clients(keys) if keys.is_empty() || keys.values().any(String::is_empty) => {
            problem("usage_key", "is empty");
            None
        }
        UsageKey::Clients(keys) => Some(UsageKeySource::Clients(keys.clone())),
    }
}
