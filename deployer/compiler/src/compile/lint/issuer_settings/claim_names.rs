//! Names of claims that are meant as paths. A name has dots of its own, as in
//! `https://example.com/roles`; only a JSON pointer (RFC 6901) is a path.

use authorizer::config::{IssuerDocument, RuleDocument};

use super::Finding;

pub(super) fn check(issuer: &IssuerDocument) -> Vec<Finding> {
    let scopes = issuer.scope_claims.iter().flatten().map(String::as_str);
    let mut claims: Vec<(&str, &str)> = scopes.map(|claim| ("scope_claims", claim)).collect();
    for rule in &issuer.require {
        collect(rule, &mut claims);
    }
    claims.dedup();
    let finding = |(setting, claim): (&str, &str)| {
        let pointer = pointer(claim)?;
        let message = format!("`{setting}`: `{claim}` is the name of a claim and not a path");
        Some((message, format!("write the JSON pointer `{pointer}`")))
    };
    claims.into_iter().filter_map(finding).collect()
}

/// Adds the claims of a rule and of the rules in it.
fn collect<'a>(rule: &'a RuleDocument, claims: &mut Vec<(&'static str, &'a str)>) {
    claims.extend(rule.claim.as_deref().map(|claim| ("require", claim)));
    let nested = rule.any.iter().flatten().chain(rule.all.iter().flatten());
    for rule in nested.chain(rule.not.as_deref()) {
        collect(rule, claims);
    }
}

/// Returns the pointer that a `JSONPath`, or a dotted name of a nested claim of Keycloak, means.
fn pointer(claim: &str) -> Option<String> {
    let client = claim.strip_prefix("resource_access.");
    let client = client.and_then(|rest| rest.strip_suffix(".roles"));
    match (claim.strip_prefix("$."), client) {
        _ if claim == "realm_access.roles" => Some("/realm_access/roles".to_owned()),
        // A client's ID can have dots.
        (_, Some(client)) if !client.is_empty() => {
            Some(format!("/resource_access/{}/roles", escape(client)))
        }
        (Some(path), _) => {
            // An index or a quoted name.
            let plain = path.replace(['[', ']'], ".").replace(['"', '\''], "");
            let names = plain.split('.').filter(|name| !name.is_empty() && *name != "*");
            let segments: Vec<String> = names.map(escape).collect();
            Some(format!("/{}", segments.join("/")))
        }
        _ => None,
    }
}

/// Escapes a segment of a JSON pointer (RFC 6901 section 3).
fn escape(segment: &str) -> String {
    segment.replace('~', "~0").replace('/', "~1")
}
