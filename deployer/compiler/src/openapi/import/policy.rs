//! The grammar of a resource policy. AWS's words: "Invalid policy document. Please check the policy syntax
//! and ensure that Principals are valid."
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>

use super::Problem;
use crate::source::diagnostic::suggestion_or_list;
use crate::source::document::{Node, Value};

const ELEMENTS: [&str; 9] = [
    "Action",
    "Condition",
    "Effect",
    "NotAction",
    "NotPrincipal",
    "NotResource",
    "Principal",
    "Resource",
    "Sid",
];
/// The elements that a statement needs, each in one of its forms.
const REQUIRED: [(&str, &str); 4] = [
    ("Effect", "Effect"),
    ("Principal", "NotPrincipal"),
    ("Action", "NotAction"),
    ("Resource", "NotResource"),
];
const VERSIONS: [&str; 2] = ["2012-10-17", "2008-10-17"];

/// Returns the elements of a resource policy that IAM refuses.
pub(super) fn problems(root: &Node) -> Vec<Problem> {
    let Some(policy) = root.member("x-amazon-apigateway-policy") else { return Vec::new() };
    // API Gateway also reads the text of a policy.
    if policy.text().is_some() {
        return Vec::new();
    }
    let version = policy.member("Version").filter(|node| {
        let version = node.text();
        version.is_none_or(|version| !VERSIONS.contains(&version))
    });
    let version = version.map(|node| {
        let cause = "the resource policy has an unknown `Version`";
        Problem::new(Some(node), cause, "write `Version: \"2012-10-17\"`")
    });
    let Some(statement) = policy.member("Statement") else {
        let cause = "the resource policy has no `Statement`";
        let help = "write `Version: \"2012-10-17\"` and `Statement: [{ Effect: Allow, … }]`";
        return vec![Problem::new(Some(policy), cause, help)];
    };
    let statements: Vec<&Node> = match &statement.value {
        Value::List(items) => items.iter().collect(),
        _ => vec![statement],
    };
    version.into_iter().chain(statements.into_iter().flat_map(in_statement)).collect()
}

fn in_statement(statement: &Node) -> Vec<Problem> {
    let unknown = statement.entries().iter().filter(|entry| !ELEMENTS.contains(&&*entry.key));
    let unknown = unknown.map(|entry| Problem {
        span: Some(entry.key_span),
        cause: format!("unknown element `{}` of the resource policy", entry.key),
        help: suggestion_or_list(&entry.key, &ELEMENTS),
    });
    let is_missing = |(one, other): &&(&str, &str)| {
        statement.member(one).is_none() && statement.member(other).is_none()
    };
    let missing = REQUIRED.iter().filter(is_missing).map(|(name, _)| {
        let cause = format!("a statement of the resource policy has no `{name}`");
        Problem::new(Some(statement), cause, format!("add `{name}`"))
    });
    let effect = statement.member("Effect");
    let effect = effect.filter(|node| !matches!(node.text(), Some("Allow" | "Deny")));
    let effect = effect.map(|node| {
        let cause = "unknown `Effect` of the resource policy";
        Problem::new(Some(node), cause, "write `Allow` or `Deny`")
    });
    unknown.chain(missing).chain(effect).collect()
}
