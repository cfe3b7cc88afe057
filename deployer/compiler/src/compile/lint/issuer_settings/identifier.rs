//! Identifiers of issuers that are the `iss` of no token.

use authorizer::config::IssuerDocument;

use super::Finding;
use super::provider::{ENTRA_V1, Provider};
use super::url::Url;

/// The path of an issuer's metadata (OpenID Connect Discovery 1.0 section 4).
const METADATA: &str = "/.well-known/openid-configuration";

/// Entra ID's endpoints for several tenants, which are errors.
const SHARED: [&str; 3] = ["common", "organizations", "consumers"];

pub(super) fn check(issuer: &IssuerDocument, url: Option<&Url<'_>>) -> Vec<Finding> {
    let name = &issuer.issuer;
    if name.trim_end_matches('/').ends_with(METADATA) {
        return vec![(
            "tokens are rejected: `issuer` is the URL of the issuer's metadata".to_owned(),
            "set `issuer` to the `issuer` in this document".to_owned(),
        )];
    }
    let Some(url) = url else { return Vec::new() };
    let form = missing_slash(name, url).or_else(|| extra_slash(name, url));
    let form = form.or_else(|| entra_version(name, url));
    form.into_iter().chain(entra_tenant(url)).chain(cognito_region(url)).collect()
}

/// The providers whose issuers end with `/`.
fn missing_slash(name: &str, url: &Url<'_>) -> Option<Finding> {
    let auth0 = url.is_below(".auth0.com") && url.path.is_empty();
    let is_tenant = matches!(url.segments()[..], [tenant] if !tenant.is_empty());
    let entra_v1 = ENTRA_V1.contains(&url.host) && is_tenant;
    (auth0 || entra_v1).then(|| {
        (
            format!("tokens are rejected: their `iss` is `{name}/`, with `/` at the end"),
            "add `/` to the end of `issuer`".to_owned(),
        )
    })
}

/// The providers whose issuers do not end with `/`.
fn extra_slash(name: &str, url: &Url<'_>) -> Option<Finding> {
    let without = name.strip_suffix('/')?;
    let is_clerk = url.is_below(".clerk.accounts.dev") && url.path == "/";
    let fits = match Provider::of(url) {
        Some(Provider::Keycloak | Provider::Cognito) => true,
        Some(Provider::Entra) => without.ends_with("/v2.0"),
        _ => is_clerk,
    };
    fits.then(|| {
        (
            format!("tokens are rejected: their `iss` is `{without}`, without `/` at the end"),
            "remove `/` from the end of `issuer`".to_owned(),
        )
    })
}

fn entra_version(name: &str, url: &Url<'_>) -> Option<Finding> {
    let without = name.strip_suffix('/').unwrap_or(name);
    let is_version_missing =
        Provider::of(url) == Some(Provider::Entra) && !without.ends_with("/v2.0");
    is_version_missing.then(|| {
        (
            "tokens are rejected: their `iss` ends with `/v2.0`".to_owned(),
            format!("set `issuer = \"{without}/v2.0\"`"),
        )
    })
}

fn entra_tenant(url: &Url<'_>) -> Option<Finding> {
    if Provider::of(url) != Some(Provider::Entra) {
        return None;
    }
    let tenant = *url.segments().first()?;
    let is_shared = SHARED.iter().any(|shared| shared.eq_ignore_ascii_case(tenant));
    (tenant != "{tenantid}" && !is_guid(tenant) && !is_shared).then(|| {
        (
            format!("tokens are rejected: their `iss` has the ID of the tenant, not `{tenant}`"),
            "use the ID of the tenant, a GUID, or `{tenantid}` for every tenant".to_owned(),
        )
    })
}

/// Returns whether a text has the form of a GUID (RFC 9562 section 4).
fn is_guid(text: &str) -> bool {
    let is_group =
        |group: &str, length| group.len() == length && group.bytes().all(|b| b.is_ascii_hexdigit());
    let groups: Vec<&str> = text.split('-').collect();
    let lengths = [8, 4, 4, 4, 12];
    groups.len() == lengths.len()
        && groups.iter().zip(lengths).all(|(g, length)| is_group(g, length))
}

fn cognito_region(url: &Url<'_>) -> Option<Finding> {
    if Provider::of(url) != Some(Provider::Cognito) {
        return None;
    }
    let region = url.cognito_region()?;
    let (of_pool, _) = url.segments().first()?.split_once('_')?;
    (of_pool != region).then(|| {
        (
            format!(
                "tokens are rejected: the user pool is in `{of_pool}`, and the host in `{region}`"
            ),
            format!("use the host of the pool's Region: cognito-idp.{of_pool}.amazonaws.com"),
        )
    })
}
