//! Issuers that sign tokens for every customer of a provider, without a rule that limits them: an
//! issuer with `{tenantid}`, and Google for its service accounts.

use authorizer::config::{IssuerDocument, RuleDocument};
use authorizer::issuer::Profile;

use crate::source::diagnostic::{Code, Diagnostics, Span};

const TENANT: &str = "{tenantid}";
const GOOGLE: &str = "https://accounts.google.com";

pub(super) fn lint(issuer: &IssuerDocument, span: Span, diagnostics: &mut Diagnostics) {
    let (claims, trusted, help): (&[&str], _, _) = if issuer.issuer.contains(TENANT) {
        (
            &["tid", "/tid", "iss", "/iss"],
            "every tenant of the provider",
            "list the trusted tenants: add `require = [{ claim = \"tid\", any_of = [\"TENANT-ID\"] }]`",
        )
    } else if is_google_service_account(issuer) && issuer.clients.is_none() {
        (
            &["email", "/email", "sub", "/sub", "azp", "/azp"],
            "the service accounts of every Google Cloud project",
            "list the trusted accounts: add `clients = [\"ACCOUNT@PROJECT.iam.gserviceaccount.com\"]`",
        )
    } else {
        return;
    };
    if !issuer.require.iter().any(|rule| limits(rule, claims)) {
        let message = format!("`{}` trusts {trusted}", issuer.issuer);
        diagnostics.warning(Code::AnyTenant, span, message, help.to_owned());
    }
}

fn is_google_service_account(issuer: &IssuerDocument) -> bool {
    issuer.issuer == GOOGLE && issuer.profile == Some(Profile::GoogleServiceAccount)
}

/// Returns whether only some values of one of the claims satisfy a rule. A negation admits every other
/// value, and a pattern may admit every value.
fn limits(rule: &RuleDocument, claims: &[&str]) -> bool {
    let is_about = rule.claim.as_deref().is_some_and(|claim| claims.contains(&claim));
    let any = rule.any.as_deref().unwrap_or_default();
    let all = rule.all.as_deref().unwrap_or_default();
    (is_about && (rule.any_of.is_some() || rule.equals.is_some()))
        || (!any.is_empty() && any.iter().all(|rule| limits(rule, claims)))
        || all.iter().any(|rule| limits(rule, claims))
}
