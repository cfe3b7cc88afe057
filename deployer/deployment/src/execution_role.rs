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

/// Returns the policy of an execution role: it allows writing the functions' logs only. CloudWatch
/// Logs authorizes a call on the ARN of the group or on that of its streams, so each is allowed on
/// both.
pub fn log_policy(target: &AwsTarget, functions: &[String]) -> Json {
    let AwsTarget { account, partition, region } = target;
    let group = |name: &String| {
        format!("arn:{partition}:logs:{region}:{account}:log-group:/aws/lambda/{name}")
    };
    let both = |group: String| [format!("{group}:*"), group];
    let mut resources: Vec<String> = functions.iter().map(group).flat_map(both).collect();
    resources.sort_unstable();
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": resources,
        }],
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
