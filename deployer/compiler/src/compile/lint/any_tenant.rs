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

/// Returns whether only tokens of some tenants satisfy a rule. A negation admits every other tenant.
fn limits_tenants(rule: &RuleDocument) -> bool {
    let is_about_tenant = rule.claim.as_deref().is_some_and(|claim| TENANT_CLAIMS.contains(&claim));
    let has_value = rule.any_of.is_some() || rule.equals.is_some() || rule.matches.is_some();
    let is_limited = |rules: &Option<Vec<RuleDocument>>, all: bool| {
        let rules = rules.as_deref().unwrap_or_default();
        if all {
            !rules.is_empty() && rules.iter().all(limits_tenants)
        } else {
            rules.iter().any(limits_tenants)
        }
    };
    (is_about_tenant && has_value) || is_limited(&rule.any, true) || is_limited(&rule.all, false)
}
