//! An explanation as text.

use std::fmt::Write;

use serde_json::Value as Json;

use super::{Cache, Check, Explanation, OtherRoute, RequestOutcome};

impl Explanation {
    /// Returns the explanation as text.
    pub fn text(&self) -> String {
        let mut text =
            format!("{}: {}: {}\n", self.request, verdict(&self.outcome), self.outcome.reason);
        if let (Some(route), Some(security)) = (&self.route, &self.security) {
            line(&mut text, &format!("  route {route}, {security}"));
        }
        if !self.checks.is_empty() {
            let name = self.authorizer.as_deref().unwrap_or("unknown");
            line(&mut text, &format!("\nauthorizer checks ({name})"));
            for check in &self.checks {
                line(&mut text, &check_row(check));
            }
        }
        if let Some(policy) = &self.policy {
            line(&mut text, "\npolicy");
            for row in statement_rows(policy, &self.outcome) {
                line(&mut text, &row);
            }
        }
        if let Some(cache) = &self.cache {
            line(&mut text, &cache_heading(cache));
            for other in &cache.routes {
                line(&mut text, &route_row(other));
            }
        }
        if let Some(assumption) = self.assumption {
            line(&mut text, &format!("\n{assumption}"));
        }
        text.trim_end().to_owned()
    }
}

fn line(text: &mut String, line: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{line}");
}

fn verdict(outcome: &RequestOutcome) -> String {
    match (outcome.allowed, outcome.status) {
        (true, _) => "allowed".to_owned(),
        (false, Some(status)) => format!("rejected with {status}"),
        (false, None) => "undetermined (not decided by the authorizer)".to_owned(),
    }
}

fn check_row(check: &Check) -> String {
    let result = match check.passed {
        Some(true) => "ok",
        Some(false) => "FAIL",
        None => "-",
    };
    format!("  {result:<4} {}", check.description)
}

/// Returns the part of a method ARN after the stage.
fn below_stage(resource: &str) -> &str {
    resource.splitn(3, '/').last().unwrap_or(resource)
}

fn statement_rows(policy: &Json, outcome: &RequestOutcome) -> Vec<String> {
    let mut rows = Vec::new();
    let statements = policy.get("Statement").and_then(Json::as_array);
    for (at, statement) in statements.into_iter().flatten().enumerate() {
        let text = |name: &str| statement.get(name).and_then(Json::as_str).unwrap_or_default();
        let resources = statement.get("Resource").and_then(Json::as_array);
        for resource in resources.into_iter().flatten().filter_map(Json::as_str) {
            let decides =
                outcome.statement == Some(at) && outcome.resource.as_deref() == Some(resource);
            let mark = if decides { "  <- decides" } else { "" };
            rows.push(format!("  {:<5} {}{mark}", text("Effect"), below_stage(resource)));
        }
    }
    rows
}

fn cache_heading(cache: &Cache) -> String {
    if cache.ttl == 0 {
        return "\nnot cached (TTL 0): the authorizer is invoked for every request".to_owned();
    }
    format!(
        "\ncached for {} s by {}; other routes meanwhile:",
        cache.ttl,
        cache.identity_sources.join(", ")
    )
}

fn route_row(other: &OtherRoute) -> String {
    let (result, reason) = match &other.outcome {
        None => ("invoke".to_owned(), "not cached: the authorizer is invoked".to_owned()),
        Some(RequestOutcome { resource: Some(resource), allowed, status, .. }) => {
            let verb = if *allowed { "allowed by" } else { "denied by" };
            let result = if *allowed { "allow".to_owned() } else { status_text(*status) };
            (result, format!("{verb} {}", below_stage(resource)))
        }
        Some(outcome) if outcome.allowed => ("allow".to_owned(), outcome.reason.clone()),
        Some(outcome) => (status_text(outcome.status), outcome.reason.clone()),
    };
    format!("  {result:<6} {:<40} {reason}", other.request)
}

fn status_text(status: Option<u16>) -> String {
    status.map_or_else(|| "?".to_owned(), |status| status.to_string())
}
