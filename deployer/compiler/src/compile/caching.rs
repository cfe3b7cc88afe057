//! How API Gateway must call an authorizer so that its cached answers stay right.
//!
//! An answer is about all that a caller may call, cached by their token. Where IAM cannot say
//! that, or only at too great a length, it is about one route instead, and then the cache must
//! know routes apart: by method and resource path, which only a REQUEST authorizer can have.

use authorizer::config::{DEFAULT_POLICY_MAX_BYTES, PolicyMode};
use authorizer::routes::{PolicyConflict, RouteTable};

use crate::api::{Api, Authorizer, AuthorizerKind, IdentitySource};
use crate::source::diagnostic::{Code, Diagnostics, Span};
use crate::source::manifest::DeclaredAuthorizer;

/// Many conflicts of one authorizer's say the same: the first few are told.
const TOLD: usize = 3;

/// Why an authorizer's answers must be about one route.
struct Reason {
    /// The route to show it at.
    place: String,
    text: String,
}

/// Wires every authorizer by what its routes need. `span` tells where a route stands in the
/// document.
pub(super) fn wire(
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
        let by_token = declared.has_explicit_type && authorizer.kind == AuthorizerKind::Token;
        if by_token && authorizer.caches_results() {
            in_manifest.error(
                declared.span,
                format!("the answers of `{name}` cannot be cached by its token: {}", first.text),
                "leave out `type`, or set `cache_ttl = \"0s\"`".to_owned(),
            );
            continue;
        }
        let help = format!("nothing to do: `{name}` {}", by_route(authorizer));
        for reason in reasons.iter().take(TOLD) {
            in_openapi.note(Code::RouteCaching, span(&reason.place), &reason.text, help.clone());
        }
        if reasons.len() > TOLD {
            in_openapi.note(
                Code::RouteCaching,
                span(&first.place),
                format!("and there are more like it in `{name}`"),
                None,
            );
        }
    }
}

fn reasons(table: &RouteTable, authorizer: &Authorizer, stage: &str) -> Vec<Reason> {
    // One more than is told, to know that there is.
    let conflicts = table.policy_conflicts().take(TOLD + 1);
    let mut reasons: Vec<Reason> = conflicts.map(|conflict| policy_conflict(&conflict)).collect();
    if !reasons.is_empty() {
        return reasons;
    }
    let region = authorizer.function.as_ref().map_or("ap-southeast-1", |arn| arn.region());
    let partition = authorizer.function.as_ref().map_or("aws", |arn| arn.partition());
    // arn:PARTITION:execute-api:REGION:ACCOUNT:API/STAGE/
    let stage_bytes = partition.len() + region.len() + stage.len() + 44;
    let (bytes, scopes) = table.longest_policy(stage_bytes);
    if bytes > DEFAULT_POLICY_MAX_BYTES {
        let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
        reasons.push(Reason {
            place: table.routes().first().map(ToString::to_string).unwrap_or_default(),
            text: format!(
                "the policy of a caller with `{}` would have {bytes} bytes, more than {DEFAULT_POLICY_MAX_BYTES}",
                scopes.join(" ")
            ),
        });
    }
    reasons
}

fn policy_conflict(conflict: &PolicyConflict<'_>) -> Reason {
    let PolicyConflict { granted, refused, closed, scopes } = conflict;
    let closed = if closed == granted { "it".to_owned() } else { closed.to_string() };
    let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
    Reason {
        place: refused.to_string(),
        text: format!(
            "no policy can let a caller with `{}` call {granted} and not {refused} without closing part of {closed}, because IAM's `*` crosses `/`",
            scopes.join(" "),
        ),
    }
}

/// Makes the answers be about one route, and says how they stay right.
fn by_route(authorizer: &mut Authorizer) -> &'static str {
    authorizer.policy = PolicyMode::Route;
    if !authorizer.caches_results() {
        return "is asked for every request and answers for its route alone";
    }
    authorizer.kind = AuthorizerKind::Request;
    for source in IdentitySource::route() {
        if !authorizer.has_identity_source(&source) {
            authorizer.identity.push(source);
        }
    }
    "is a REQUEST authorizer that answers for one route, cached by method and resource path"
}
