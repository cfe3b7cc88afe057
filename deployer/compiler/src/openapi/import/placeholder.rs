//! Placeholders of CloudFormation, Terraform and other tools that nothing has resolved, such as `${AWS::Region}` and
//! `${name}`. API Gateway resolves `${stageVariables.NAME}` alone.

use super::Problem;
use crate::source::document::Node;

/// The members of an integration with a URI, an ARN or an id.
const OF_INTEGRATION: [&str; 4] = ["connectionId", "credentials", "integrationTarget", "uri"];
/// The members of an authorizer with a URI or an ARN.
const OF_AUTHORIZER: [&str; 3] = ["authorizerCredentials", "authorizerUri", "providerARNs"];
const HELP: &str = "write its value; a value that differs by stage can be a stage variable, `${stageVariables.NAME}`";

pub(super) fn in_integration(node: &Node) -> Vec<Problem> {
    in_members(node, &OF_INTEGRATION)
}

pub(super) fn in_authorizer(node: &Node) -> Vec<Problem> {
    in_members(node, &OF_AUTHORIZER)
}

/// Returns a resource policy's first placeholder of CloudFormation. `${aws:SourceIp}` is a variable of
/// IAM.
pub(super) fn in_policy(root: &Node) -> Option<Problem> {
    let policy = root.member("x-amazon-apigateway-policy")?;
    let (at, name) = first(policy, |name| name.starts_with("AWS::"))?;
    let cause = format!(
        "the resource policy has the placeholder `${{{name}}}`, which is not resolved: it is one of CloudFormation"
    );
    let help = "write its value; `execute-api:/STAGE/METHOD/PATH` needs no Region and no account";
    Some(Problem::new(Some(at), cause, help))
}

fn in_members(node: &Node, names: &[&str]) -> Vec<Problem> {
    names.iter().filter_map(|name| in_member(name, node.member(name)?)).collect()
}

fn in_member(name: &str, member: &Node) -> Option<Problem> {
    let (at, found) = first(member, |name| !name.starts_with("stageVariables."))?;
    let tool = match found.split_once(':') {
        Some((_, rest)) if rest.starts_with(':') => "CloudFormation",
        Some(_) => "the Serverless Framework",
        None => "CloudFormation or Terraform",
    };
    let cause = format!(
        "`{name}` has the placeholder `${{{found}}}`, which is not resolved: it is one of {tool}"
    );
    Some(Problem::new(Some(at), cause, HELP))
}

/// Returns the first placeholder of a kind in the texts of a value.
fn first(node: &Node, is_kind: fn(&str) -> bool) -> Option<(&Node, &str)> {
    let own = node.text().and_then(|text| placeholders(text).find(|name| is_kind(name)));
    if let Some(name) = own {
        return Some((node, name));
    }
    let mut below = node.items().iter().chain(node.entries().iter().map(|entry| &entry.node));
    below.find_map(|node| first(node, is_kind))
}

/// Returns the names of the placeholders of a text.
fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split("${").skip(1).filter_map(|rest| Some(rest.split_once('}')?.0))
}
