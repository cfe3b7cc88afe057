//! The type and identity sources of authorizers, so that cached results are correct for every
//! route.
//!
//! A policy covers all routes of a caller and is cached by the token. Where IAM cannot express
//! that, or only in too long a policy, it covers one route. The cache key must then include the
//! route: its HTTP method and resource path, which only a REQUEST authorizer can have.

use authorizer::config::{DEFAULT_POLICY_MAX_BYTES, PolicyMode};
use authorizer::routes::{PolicyConflict, RouteTable};

use crate::api::{Api, Authorizer, AuthorizerKind, IdentitySource};
use crate::source::diagnostic::{Code, Diagnostics, Span};
use crate::source::manifest::DeclaredAuthorizer;

/// The number of conflicts that are reported for an authorizer.
const MAX_REPORTED: usize = 3;

/// The reason that an authorizer's policies must cover one route.
struct Reason {
    /// The route at which it is reported.
    route: String,
    text: String,
}

/// Sets the policy mode, type and identity sources of every authorizer by its routes. `span`
/// returns the range of a route in the document.
pub(super) fn configure_caching(
    api: &mut Api,
    declared: &dyn Fn(&str) -> Option<DeclaredAuthorizer>,
    span: &dyn Fn(&str) -> Span,
    in_manifest: &mut Diagnostics,
    in_openapi: &mut Diagnostics,
) {
    let names: Vec<String> = api.authorizers.keys().cloned().collect();
    for name in names {
        let (Some(table), Some(declared)) = (api.route_table(&name), declared(&name)) else {
            continue;
        };
        let Some(authorizer) = api.authorizers.get_mut(&name) else { continue };
        let reasons = reasons(&table, authorizer, &api.stage);
        let Some(first) = reasons.first() else { continue };
        let is_explicit_token =
            declared.has_explicit_type && authorizer.kind == AuthorizerKind::Token;
        if is_explicit_token && authorizer.caches_results() {
            in_manifest.error(
                declared.span,
                format!("results of `{name}` cannot be cached by the token alone: {}", first.text),
                "remove `type`, or set `cache_ttl = \"0s\"`".to_owned(),
            );
            continue;
        }
        let help = format!("no action required: `{name}` {}", set_policy_per_route(authorizer));
        for reason in reasons.iter().take(MAX_REPORTED) {
            in_openapi.note(Code::RouteCaching, span(&reason.route), &reason.text, help.clone());
        }
        if reasons.len() > MAX_REPORTED {
            in_openapi.note(
                Code::RouteCaching,
                span(&first.route),
                format!("`{name}` has more routes that cannot be cached by the token alone"),
                None,
            );
        }
    }
}

fn reasons(table: &RouteTable, authorizer: &Authorizer, stage: &str) -> Vec<Reason> {
    // One more than is reported, to detect further ones.
    let conflicts = table.policy_conflicts().take(MAX_REPORTED + 1);
    let mut reasons: Vec<Reason> = conflicts.map(|conflict| policy_conflict(&conflict)).collect();
    if !reasons.is_empty() {
        return reasons;
    }
    let limit = policy_max_bytes(authorizer);
    let merged_beyond = authorizer.is_pinned().then_some(limit);
    let (bytes, scopes) = table.longest_policy(stage_bytes(authorizer, stage), merged_beyond);
    if bytes > limit {
        let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
        reasons.push(Reason {
            route: table.routes().first().map(ToString::to_string).unwrap_or_default(),
            text: format!(
                "the policy for the scopes `{}` would be {bytes} bytes, more than {limit}",
                scopes.join(" ")
            ),
        });
    }
    reasons
}

/// Returns the length of the ARN up to the stage: `arn:PARTITION:execute-api:REGION:ACCOUNT:API/STAGE/`.
/// Without the function's ARN, the longest Region is assumed.
pub(super) fn stage_bytes(authorizer: &Authorizer, stage: &str) -> usize {
    let region = authorizer.function_arn().map_or("ap-southeast-1", |arn| arn.region());
    let partition = authorizer.function_arn().map_or("aws", |arn| arn.partition());
    partition.len() + region.len() + stage.len() + 44
}

/// Returns the maximum length of an authorizer's policies.
pub(super) fn policy_max_bytes(authorizer: &Authorizer) -> usize {
    let limit = authorizer.policy_max_bytes.and_then(|limit| usize::try_from(limit).ok());
    limit.unwrap_or(DEFAULT_POLICY_MAX_BYTES)
}

fn policy_conflict(conflict: &PolicyConflict<'_>) -> Reason {
    let PolicyConflict { granted, refused, closed, scopes } = conflict;

    let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
    Reason {
        route: refused.to_string(),
        text: format!(
            "no IAM policy for the scopes `{}` can allow `{granted}` and deny `{refused}` without denying part of `{closed}`: `*` also matches `/`",
            scopes.join(" "),
        ),
    }
}

/// Sets one policy per route, with the route in the cache key. Returns the result for the help.
fn set_policy_per_route(authorizer: &mut Authorizer) -> &'static str {
    authorizer.policy = PolicyMode::Route;
    if !authorizer.caches_results() {
        return "is invoked for every request and returns a policy for its route";
    }
    authorizer.kind = AuthorizerKind::Request;
    for source in IdentitySource::route() {
        if !authorizer.has_identity_source(&source) {
            authorizer.identity.push(source);
        }
    }
    "is a REQUEST authorizer that returns a policy per route, cached by HTTP method and resource path"
}
