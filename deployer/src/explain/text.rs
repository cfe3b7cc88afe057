//! An explanation for people.

use std::fmt::Write;

use serde_json::Value as Json;

use super::{Cache, Check, End, Explanation, Other};

impl Explanation {
    /// Writes it for people.
    pub fn text(&self) -> String {
        let mut text = format!("{} {}: {}\n", self.request, ending(&self.end), self.end.why);
        if let (Some(route), Some(security)) = (&self.route, &self.security) {
            line(&mut text, &format!("  route {route}, {security}"));
        }
        if !self.checks.is_empty() {
            let name = self.authorizer.as_deref().unwrap_or("the authorizer");
            line(&mut text, &format!("\nwhat {name} asks itself"));
            for check in &self.checks {
                line(&mut text, &asked(check));
            }
        }
        if let Some(policy) = &self.policy {
            line(&mut text, "\nits policy");
            for row in statements(policy, &self.end) {
                line(&mut text, &row);
            }
        }
        if let Some(cache) = &self.cache {
            line(&mut text, &cached(cache));
            for other in &cache.routes {
                line(&mut text, &elsewhere(other));
            }
        }
        if let Some(assumed) = self.assumed {
            line(&mut text, &format!("\n{assumed}"));
        }
        text.trim_end().to_owned()
    }
}

fn line(text: &mut String, line: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{line}");
}

fn ending(end: &End) -> String {
    match (end.passes, end.status) {
        (true, _) => "passes".to_owned(),
        (false, Some(status)) => format!("gets {status}"),
        (false, None) => "depends on something else".to_owned(),
    }
}

fn asked(check: &Check) -> String {
    let answer = match check.passed {
        Some(true) => "yes",
        Some(false) => "NO",
        None => "-",
    };
    format!("  {answer:<4} {}", check.question)
}

/// Shortens an ARN to what follows the stage.
fn below_stage(resource: &str) -> &str {
    resource.splitn(3, '/').last().unwrap_or(resource)
}

fn statements(policy: &Json, end: &End) -> Vec<String> {
    let mut rows = Vec::new();
    let statements = policy.get("Statement").and_then(Json::as_array);
    for (at, statement) in statements.into_iter().flatten().enumerate() {
        let text = |name: &str| statement.get(name).and_then(Json::as_str).unwrap_or_default();
        let resources = statement.get("Resource").and_then(Json::as_array);
        for resource in resources.into_iter().flatten().filter_map(Json::as_str) {
            let decides = end.statement == Some(at) && end.resource.as_deref() == Some(resource);
            let mark = if decides { "  <- decides" } else { "" };
            rows.push(format!("  {:<5} {}{mark}", text("Effect"), below_stage(resource)));
        }
    }
    rows
}

fn cached(cache: &Cache) -> String {
    if cache.seconds == 0 {
        return "\nnothing is cached: the authorizer is asked for every request".to_owned();
    }
    format!("\ncached for {} s by {}; meanwhile", cache.seconds, cache.by.join(", "))
}

fn elsewhere(other: &Other) -> String {
    let (ending, why) = match &other.end {
        None => ("asks".to_owned(), "the authorizer anew".to_owned()),
        Some(End { resource: Some(resource), passes, status, .. }) => {
            let verb = if *passes { "allowed by" } else { "denied by" };
            let ending = if *passes { "passes".to_owned() } else { told(*status) };
            (ending, format!("{verb} {}", below_stage(resource)))
        }
        Some(end) if end.passes => ("passes".to_owned(), end.why.clone()),
        Some(end) => (told(end.status), end.why.clone()),
    };
    format!("  {ending:<6} {:<40} {why}", other.request)
}

fn told(status: Option<u16>) -> String {
    status.map_or_else(|| "?".to_owned(), |status| status.to_string())
}
