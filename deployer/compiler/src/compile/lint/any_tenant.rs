//! Issuer templates without a rule for the tenant: with `{tenantid}`, every customer of the provider
//! is a trusted issuer.

use authorizer::config::{IssuerDocument, RuleDocument};

use crate::source::diagnostic::{Code, Diagnostics, Span};

const TENANT: &str = "{tenantid}";

/// The claims that differ by tenant. `iss` contains the tenant of a template.
const TENANT_CLAIMS: [&str; 4] = ["tid", "/tid", "iss", "/iss"];

pub(super) fn lint(issuer: &IssuerDocument, span: Span, diagnostics: &mut Diagnostics) {
    if !issuer.issuer.contains(TENANT) || issuer.require.iter().any(limits_tenants) {
        return;
    }
    diagnostics.warning(
        Code::AnyTenant,
        span,
        format!("`{}` trusts every tenant of the provider", issuer.issuer),
        "list the trusted tenants: add `require = [{ claim = \"tid\", any_of = [\"TENANT-ID\"] }]`"
            .to_owned(),
    );
}

/// Returns whether only tokens of some tenants satisfy a rule.
fn limits_tenants(rule: &RuleDocument) -> bool {
    let is_about_tenant = TENANT_CLAIMS.contains(&rule.claim.as_str());
    is_about_tenant && (rule.any_of.is_some() || rule.all_of.is_some() || rule.equals.is_some())
}
