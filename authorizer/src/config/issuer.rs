//! [`IssuerDocument`] → [`Issuer`].

use std::collections::BTreeSet;
use std::time::Duration;

use super::document::{ContextSource, Denied, IssuerDocument, UsageKey};
use super::rule;
use crate::claim_path::{ClaimPath, escape_segment};
use crate::issuer::{
    Bundled, ContextClaim, ContextForm, DenyList, Issuer, Profile, TENANT, UsageKeySource,
};
use crate::jwk::{KeySet, KeySetError};
use crate::secure_url;
use crate::signature::{Algorithm, UnknownAlgorithm};
use crate::time::UnixTime;

/// The default clock skew tolerance, in seconds. RFC 7519 section 4.1.4 allows "no more than a few
/// minutes".
const DEFAULT_LEEWAY: u64 = 30;
const MAX_LEEWAY: u64 = 300;

/// The default maximum age of keys, in seconds, and so of a key that the issuer has removed.
const DEFAULT_KEY_MAX_AGE: u64 = 600;
const KEY_MAX_AGE: std::ops::RangeInclusive<u64> = 60..=86_400;

/// The default time that keys past their maximum age remain usable while the issuer is unavailable,
/// in seconds.
const DEFAULT_KEYS_STALE_FOR: u64 = 3600;
const MAX_KEYS_STALE_FOR: u64 = 86_400;

/// The lifetime of bundled keys, in seconds: up to a year.
const BUNDLED_LIFETIME: std::ops::RangeInclusive<u64> = 1..=31_536_000;

/// Names of context members set by API Gateway or by the authorizer itself.
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

/// Validates an issuer; calls `report` with the member and the message of each error.
pub(super) fn resolve(document: &IssuerDocument, report: &mut impl FnMut(&str, &str)) -> Issuer {
    urls(document, report);
    if document.audience.is_empty() || document.audience.iter().any(String::is_empty) {
        report("audience", "must not be empty or have an empty item");
    }
    let algorithms = algorithms(document, report);
    let profile = document.profile.unwrap_or_default();
    let leeway = document.leeway_seconds.unwrap_or(DEFAULT_LEEWAY);
    if leeway > MAX_LEEWAY {
        report("leeway_seconds", "must be at most 300 seconds");
    }
    let key_max_age = document.key_max_age_seconds.unwrap_or(DEFAULT_KEY_MAX_AGE);
    if !KEY_MAX_AGE.contains(&key_max_age) {
        report("key_max_age_seconds", "must be 60 to 86400 seconds");
    }
    let keys_stale_for = document.keys_stale_for_seconds.unwrap_or(DEFAULT_KEYS_STALE_FOR);
    if keys_stale_for > MAX_KEYS_STALE_FOR {
        report("keys_stale_for_seconds", "must be 0 to 86400 seconds");
    }
    if document.max_token_age_seconds == Some(0) {
        report("max_token_age_seconds", "must be greater than 0");
    }
    if document
        .clients
        .as_ref()
        .is_some_and(|clients| clients.is_empty() || clients.iter().any(String::is_empty))
    {
        report("clients", "must not be empty or have an empty item");
    }
    let rules = document.require.iter().enumerate().filter_map(|(at, rule)| {
        let invalid = |(path, error): rule::RuleErrorAt| {
            report(&format!("require[{at}]{path}"), &error.to_string());
        };
        rule::resolve(rule).map_err(invalid).ok()
    });
    let rules = rules.collect();
    Issuer {
        name: document.issuer.clone(),
        audience: document.audience.clone(),
        bundled: bundled(document, &algorithms, report),
        algorithms,
        jwks_uri: document.jwks_uri.clone(),
        key_max_age: Duration::from_secs(key_max_age),
        keys_stale_for: Duration::from_secs(keys_stale_for),
        audience_claim: audience_claim(document, report),
        scope_claims: scope_claims(document, report),
        profile: profile.rules(),
        leeway: Duration::from_secs(leeway),
        max_token_age: document.max_token_age_seconds.map(Duration::from_secs),
        clients: document.clients.clone().map(BTreeSet::from_iter),
        rules,
        deny_list: deny_list(document.denied.clone().unwrap_or_default()),
        dpop: document.dpop.unwrap_or_default(),
        mtls: document.mtls.unwrap_or_default(),
        context: context(document, report),
        qualify_principal: document.qualify_principal,
        usage_key: usage_key(document, report),
    }
}

fn deny_list(document: Denied) -> DenyList {
    let Denied { jti, sub, client, all } = document;
    DenyList {
        jti: jti.into_iter().collect(),
        sub: sub.into_iter().collect(),
        client: client.into_iter().collect(),
        all,
    }
}

/// Returns whether an issuer is one of Entra ID's endpoints for several tenants, `common` and the
/// like: its tokens have the issuer of the user's tenant.
fn is_shared_endpoint(issuer: &str) -> bool {
    let hosts = [
        "https://login.microsoftonline.com/",
        "https://login.microsoftonline.us/",
        "https://login.partner.microsoftonline.cn/",
        "https://sts.windows.net/",
    ];
    let path = hosts.iter().find_map(|host| issuer.strip_prefix(host));
    let tenant = path.and_then(|path| path.split('/').next()).unwrap_or_default();
    ["common", "organizations", "consumers"].contains(&tenant.to_ascii_lowercase().as_str())
}

fn urls(document: &IssuerDocument, report: &mut impl FnMut(&str, &str)) {
    let insecure = |url: &str| secure_url::parse(url).is_none();
    let template = document.issuer.matches(TENANT).count();
    let has_keys = document.jwks_uri.is_some() || document.keys.is_some();
    if document.issuer.is_empty() {
        report("issuer", "must not be empty");
    } else if document.issuer.contains(char::is_whitespace) {
        report("issuer", "must not have spaces");
    } else if document.issuer.replace(TENANT, "").contains(['{', '}']) {
        report("issuer", "has an unknown placeholder: only `{tenantid}` is one");
    } else if is_shared_endpoint(&document.issuer) {
        report(
            "issuer",
            "is an endpoint of Entra ID for several tenants and the `iss` of no token: use the tenant's ID, or `{tenantid}` for every tenant",
        );
    } else if template > 1 {
        report("issuer", "must contain `{tenantid}` at most once");
    } else if template == 1 && !has_keys {
        report("issuer", "with `{tenantid}` requires `jwks_uri`");
    } else if !has_keys && insecure(&document.issuer) {
        report("issuer", "must be an https URL (http for loopback) unless `jwks_uri` is set");
    }
    if document.jwks_uri.as_deref().is_some_and(insecure) {
        report("jwks_uri", "must be an https URL (http for loopback)");
    }
}

/// Returns the configured scope claims, else the profile's: none for a provider without scopes.
fn scope_claims(document: &IssuerDocument, report: &mut impl FnMut(&str, &str)) -> Vec<ClaimPath> {
    let profile = document.profile.unwrap_or_default();
    let Some(names) = &document.scope_claims else {
        let mut names: Vec<String> =
            profile.rules().scope_claims.iter().map(|name| (*name).to_owned()).collect();
        if profile == Profile::Keycloak {
            let roles =
                |client: &String| format!("/resource_access/{}/roles", escape_segment(client));
            names.extend(document.audience.iter().map(roles));
        }
        return names.iter().filter_map(|name| name.parse().ok()).collect();
    };
    let claims: Vec<ClaimPath> = names.iter().filter_map(|name| name.parse().ok()).collect();
    if names.is_empty() || names.len() != claims.len() {
        report(
            "scope_claims",
            "must not be empty or have an empty item or an invalid JSON pointer",
        );
    }
    claims
}

fn audience_claim(
    document: &IssuerDocument,
    report: &mut impl FnMut(&str, &str),
) -> Option<ClaimPath> {
    let profile = document.profile.unwrap_or_default();
    let name = document.audience_claim.as_deref().or(profile.rules().audience_claim)?;
    name.parse()
        .map_err(|_| report("audience_claim", "must be a claim name or a JSON pointer (RFC 6901)"))
        .ok()
}

fn algorithms(document: &IssuerDocument, report: &mut impl FnMut(&str, &str)) -> Vec<Algorithm> {
    let Some(names) = &document.algorithms else { return vec![Algorithm::RS256] };
    let known: Vec<Algorithm> = names.iter().filter_map(|name| name.parse().ok()).collect();
    if names.is_empty() {
        report("algorithms", "must not be empty");
    } else if known.len() != names.len() {
        report("algorithms", &format!("has an unknown algorithm: {UnknownAlgorithm}"));
    }
    known
}

fn bundled(
    document: &IssuerDocument,
    algorithms: &[Algorithm],
    report: &mut impl FnMut(&str, &str),
) -> Option<Bundled> {
    let keys = document.keys.as_ref()?;
    let text = keys.jwks.to_string().into_bytes();
    match KeySet::read(&text, algorithms) {
        Ok(set) if !set.has_ambiguous_key() => {}
        Ok(_) | Err(KeySetError::AmbiguousAlgorithm) => report(
            "algorithms",
            "must not list both RS and PS algorithms: a key in `keys` has no `alg`",
        ),
        Err(error) => report("keys", &format!("is not usable: {error}")),
    }
    if !BUNDLED_LIFETIME.contains(&keys.lifetime_seconds) {
        report("keys", "must have `lifetime_seconds` of 1 to 31536000");
    }
    Some(Bundled {
        document: text,
        read_at: UnixTime::from_seconds(keys.read_at),
        lifetime: Duration::from_secs(keys.lifetime_seconds),
    })
}

fn context(document: &IssuerDocument, report: &mut impl FnMut(&str, &str)) -> Vec<ContextClaim> {
    let mut sources = Vec::new();
    for (name, source) in &document.context {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || !name.bytes().all(is_allowed) || RESERVED.contains(&name.as_str()) {
            report(
                "context",
                &format!("has the invalid or reserved name `{name}`: use letters, digits and `_`"),
            );
        }
        let (claim, form) = match source {
            ContextSource::Scalar(claim) => (claim, ContextForm::Scalar),
            ContextSource::Json { json } => (json, ContextForm::Json),
        };
        match claim.parse() {
            Ok(claim) => sources.push(ContextClaim { name: name.clone(), claim, form }),
            Err(error) => report("context", &format!("has an {error} for `{name}`")),
        }
    }
    sources
}

fn usage_key(
    document: &IssuerDocument,
    report: &mut impl FnMut(&str, &str),
) -> Option<UsageKeySource> {
    match document.usage_key.as_ref()? {
        UsageKey::Claim(claim) => match claim.parse() {
            Ok(path) => Some(UsageKeySource::Claim(path)),
            Err(error) => {
                report("usage_key", &format!("has an {error}"));
                None
            }
        },
        UsageKey::Clients(keys) if keys.is_empty() || keys.values().any(String::is_empty) => {
            report("usage_key", "must not be empty or have an empty API key");
            None
        }
        UsageKey::Clients(keys) => Some(UsageKeySource::Clients(keys.clone())),
    }
}
