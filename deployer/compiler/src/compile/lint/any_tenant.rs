//! Issuer templates without a rule for the tenant: with `{tenantid}`, every customer of the provider
//! is a trusted issuer.

use authorizer::config::{IssuerDocument, RuleDocument};

use crate::source::diagnostic::{Code, Diagnostics, Span};

const TENANT: &str = "{tenantid}";

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
    let any = rule.any.as_deref().unwrap_or_default();
    let all = rule.all.as_deref().unwrap_or_default();
    tests_tenant(rule)
        || (!any.is_empty() && any.iter().all(limits_tenants))
        || all.iter().any(limits_tenants)
}

/// Returns whether a rule tests the value of the tenant, or of `iss`, which contains it.
fn tests_tenant(rule: &RuleDocument) -> bool {
    let is_one_of_some = rule.any_of.is_some() || rule.equals.is_some();
    let has_form = rule.starts_with.is_some()
        || rule.ends_with.is_some()
        || rule.contains.is_some()
        || rule.matches.is_some();
    match rule.claim.as_deref() {
        Some("tid" | "/tid") => is_one_of_some || has_form,
        Some("iss" | "/iss") => is_one_of_some,
        _ => false,
    }
}
