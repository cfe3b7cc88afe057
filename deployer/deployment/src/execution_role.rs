//! The roles that functions have when they run: their names and policies. One may write the log of
//! its function and nothing else.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::invoke_role::{Role, RoleOwner, hyphenated, short_digest};
use crate::target::AwsTarget;
use compiler::api::RoleSettings;

/// The name of an execution role's inline policy.
const LOG_POLICY: &str = "logs";

impl RoleOwner<'_> {
    /// Returns the name of a function's execution role, at most 64 characters.
    pub fn execution_role_name(&self, path: &str, function: &str) -> String {
        let readable = format!("{}-{function}-execution", self.api);
        let digest = short_digest(&(path, "execution", function));
        format!("{}-{}-{digest}", hyphenated(&readable, 46), self.digest())
    }

    /// Returns a function's execution role.
    pub fn execution_role(&self, settings: &RoleSettings, function: &str) -> Role {
        let mut tags = settings.tags.clone();
        tags.extend(self.tags());
        let policy = log_policy(self.target, &[function.to_owned()]);
        Role {
            path: self.path(settings),
            trust: execution_trust_policy(),
            policies: BTreeMap::from([(LOG_POLICY.to_owned(), policy)]),
            tags,
            permissions_boundary: settings.permissions_boundary.clone(),
        }
    }
}

/// Returns the policy of an execution role: it allows writing the functions' logs only. The creation
/// of a group is authorized on its ARN or on that of its streams.
pub fn log_policy(target: &AwsTarget, functions: &[String]) -> Json {
    let AwsTarget { account, partition, region } = target;
    let group = |name: &String| {
        format!("arn:{partition}:logs:{region}:{account}:log-group:/aws/lambda/{name}")
    };
    let groups: Vec<String> = functions.iter().map(group).collect();
    let streams: Vec<String> = groups.iter().map(|group| format!("{group}:*")).collect();
    let allow = |actions: &[&str], resources: &[String]| json!({"Effect": "Allow", "Action": actions, "Resource": resources});
    json!({
        "Version": "2012-10-17",
        "Statement": [
            allow(&["logs:CreateLogGroup"], &groups),
            allow(&["logs:CreateLogStream", "logs:PutLogEvents"], &streams),
        ],
    })
}

/// Returns the trust policy of an execution role.
pub fn execution_trust_policy() -> Json {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }],
    })
}
