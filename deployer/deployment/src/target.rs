//! An AWS account and Region, and the tags of what Portcullis manages there.

use serde::{Deserialize, Serialize};

use compiler::api::Arn;

/// The tag with the API's name in portcullis.toml.
pub const TAG_API: &str = "portcullis:api";
/// The tag of an API that Portcullis manages.
pub const TAG_MANAGED: &str = "portcullis:managed";
/// The tag of an invoke role with the Region of its API.
pub const TAG_REGION: &str = "portcullis:region";

/// The tag of an API that has usage plans for its stages.
pub const TAG_PLANS: &str = "portcullis:usage-plans";

/// An AWS account and Region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwsTarget {
    /// The account.
    pub account: String,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// The Region.
    pub region: String,
}

/// Returns the unqualified ARN of a function in an account and Region.
pub fn function_arn(target: &AwsTarget, name: &str) -> Option<Arn> {
    let AwsTarget { account, partition, region } = target;
    Arn::function(&format!("arn:{partition}:lambda:{region}:{account}:function:{name}"))
}
