//! Issuers of known providers whose settings do not fit the tokens that the provider issues.

use authorizer::config::IssuerDocument;
use authorizer::issuer::Profile;

use crate::source::diagnostic::{Code, Diagnostics};
use crate::source::manifest::DeclaredIssuer;
use provider::Provider;
use url::Url;

mod claim_names;
mod fitting_profile;
mod identifier;
mod provider;
mod url;

/// A message and its help.
type Finding = (String, String);

pub(super) fn lint(
    issuer: &IssuerDocument,
    declared: &DeclaredIssuer,
    diagnostics: &mut Diagnostics,
) {
    let url = Url::parse(&issuer.issuer);
    let provider = url.as_ref().and_then(Provider::of);
    let mut findings: Vec<Finding> = Vec::new();
    // An invalid profile is reported already.
    if !declared.has_invalid_profile {
        findings.extend(provider.and_then(|provider| fitting_profile::check(issuer, provider)));
    }
    findings.extend(identifier::check(issuer, url.as_ref()));
    findings.extend(audience(issuer, provider));
    findings.extend(claim_names::check(issuer));
    for (message, help) in findings {
        diagnostics.warning(Code::IssuerSettings, declared.span, message, help);
    }
}

/// Returns a finding about the audience that Keycloak adds to the tokens of every client.
fn audience(issuer: &IssuerDocument, provider: Option<Provider>) -> Option<Finding> {
    let is_keycloak =
        provider == Some(Provider::Keycloak) || issuer.profile == Some(Profile::Keycloak);
    (is_keycloak && issuer.audience.iter().any(|audience| audience == "account")).then(|| {
        (
            "`audience` `account` accepts the tokens of every client of the realm".to_owned(),
            "add an audience mapper for this API in Keycloak, and list its audience instead"
                .to_owned(),
        )
    })
}
