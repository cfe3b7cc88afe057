//! Issuers of known providers whose settings do not fit the tokens that the provider issues.

use authorizer::config::IssuerDocument;
use authorizer::issuer::Profile;

use crate::source::diagnostic::{Code, Diagnostics, Span};

/// The token services of Microsoft Entra ID, version 2.0.
const ENTRA: [&str; 3] =
    ["login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn"];

/// The token services of Microsoft Entra ID, version 1.0.
const ENTRA_V1: [&str; 2] = ["sts.windows.net", "sts.chinacloudapi.cn"];

/// The domains of Okta organizations.
const OKTA: [&str; 3] = [".okta.com", ".oktapreview.com", ".okta-emea.com"];

pub(super) fn lint(issuer: &IssuerDocument, span: Span, diagnostics: &mut Diagnostics) {
    let Some(url) = Url::parse(&issuer.issuer) else { return };
    let rules = [cognito, entra, entra_v1, google, okta, keycloak, slash];
    for (message, help) in rules.into_iter().filter_map(|rule| rule(issuer, &url)) {
        diagnostics.warning(Code::IssuerSettings, span, message, help.to_owned());
    }
}

/// A message and its help.
type Finding = Option<(String, &'static str)>;

/// The parts of an issuer's URL, its path as written.
struct Url<'a> {
    host: &'a str,
    path: &'a str,
}

impl<'a> Url<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let rest = text.strip_prefix("https://")?;
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        Some(Self { host, path })
    }

    /// Returns the segments of the path; an empty last one if it ends with `/`.
    fn segments(&self) -> Vec<&'a str> {
        self.path.split('/').skip(1).collect()
    }

    /// Returns the name before a domain such as `.example.com`.
    fn below(&self, domain: &str) -> Option<&'a str> {
        self.host.strip_suffix(domain).filter(|name| !name.is_empty())
    }
}

/// Returns whether the profile is one of these, or accepts all tokens.
fn has_profile(issuer: &IssuerDocument, fitting: &[Profile]) -> bool {
    issuer.profile.is_some_and(|found| found == Profile::Any || fitting.contains(&found))
}

fn cognito(issuer: &IssuerDocument, url: &Url<'_>) -> Finding {
    let region = url.host.strip_prefix("cognito-idp.")?;
    let region = region.strip_suffix(".cn").unwrap_or(region).strip_suffix(".amazonaws.com")?;
    let is_pool = matches!(url.segments()[..], [pool] if !pool.is_empty());
    let fits = has_profile(issuer, &[Profile::Cognito]) || issuer.audience_claim.is_some();
    if region.is_empty() || region.contains('.') || !is_pool || fits {
        return None;
    }
    Some((
        "access tokens of Amazon Cognito have no `aud` and are rejected with this profile"
            .to_owned(),
        "set `profile = \"cognito\"`, and `audience` to the IDs of the app clients",
    ))
}

fn entra(issuer: &IssuerDocument, url: &Url<'_>) -> Finding {
    let is_tenant = matches!(url.segments()[..], [tenant, "v2.0"] if !tenant.is_empty());
    if !ENTRA.contains(&url.host) || !is_tenant || has_profile(issuer, &[Profile::Entra]) {
        return None;
    }
    Some((of_entra(issuer), "set `profile = \"entra\"`"))
}

fn entra_v1(issuer: &IssuerDocument, url: &Url<'_>) -> Finding {
    let is_tenant = matches!(url.segments()[..], [tenant] | [tenant, ""] if !tenant.is_empty());
    let fitting = [Profile::EntraV1, Profile::Entra];
    if !ENTRA_V1.contains(&url.host) || !is_tenant || has_profile(issuer, &fitting) {
        return None;
    }
    Some((of_entra(issuer), "set `profile = \"entra-v1\"`"))
}

fn of_entra(issuer: &IssuerDocument) -> String {
    let roles = if issuer.scope_claims.is_none() { ", and `roles` are not scopes" } else { "" };
    format!("with this profile, ID tokens of Microsoft Entra ID can pass as access tokens{roles}")
}

fn google(issuer: &IssuerDocument, url: &Url<'_>) -> Finding {
    let fitting = [Profile::GoogleServiceAccount];
    if url.host != "accounts.google.com" || !url.path.is_empty() || has_profile(issuer, &fitting) {
        return None;
    }
    Some((
        "access tokens of Google users are opaque and are rejected: only Google's ID tokens are JWTs".to_owned(),
        "for service accounts, set `profile = \"google-service-account\"`; to accept ID tokens of users, `profile = \"any\"`",
    ))
}

fn okta(issuer: &IssuerDocument, url: &Url<'_>) -> Finding {
    let is_okta = OKTA.iter().any(|domain| url.below(domain).is_some());
    if !is_okta || !matches!(url.path, "" | "/") || has_profile(issuer, &[]) {
        return None;
    }
    Some((
        "access tokens of an Okta org authorization server are rejected: only Okta can verify them"
            .to_owned(),
        "use a custom authorization server, such as https://ORG.okta.com/oauth2/default",
    ))
}

fn keycloak(issuer: &IssuerDocument, url: &Url<'_>) -> Finding {
    let is_realm = matches!(url.segments()[..], [.., "realms", realm] if !realm.is_empty());
    if !is_realm || issuer.profile.is_some() || issuer.scope_claims.is_some() {
        return None;
    }
    Some((
        "with the default profile, roles in tokens of Keycloak are not scopes".to_owned(),
        "set `profile = \"keycloak\"`",
    ))
}

/// The providers whose issuers end with `/`.
fn slash(issuer: &IssuerDocument, url: &Url<'_>) -> Finding {
    let auth0 = url.below(".auth0.com").is_some() && url.path.is_empty();
    let is_tenant = matches!(url.segments()[..], [tenant] if !tenant.is_empty());
    let entra_v1 = ENTRA_V1.contains(&url.host) && is_tenant;
    (auth0 || entra_v1).then(|| {
        let message = format!(
            "tokens are rejected: their `iss` is `{}/`, with `/` at the end",
            issuer.issuer
        );
        (message, "add `/` to the end of `issuer`")
    })
}
