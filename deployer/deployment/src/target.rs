//! An AWS account and Region, and the tags of what Portcullis manages there.

use serde::{Deserialize, Serialize};

use compiler::api::Arn;
use compiler::fingerprint::fingerprint;

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

/// The longest value of a tag.
const MAX_TAG_VALUE: usize = 256;

/// Returns the value of [`TAG_API`]: the API's name, or a part of it with a fingerprint if it is not
/// valid as a tag. Different names have different values.
pub fn api_tag(name: &str) -> String {
    let is_unchanged = is_valid_tag(name, char::is_alphanumeric) && !is_made(name);
    if is_unchanged { name.to_owned() } else { made_tag_value(name) }
}

/// Returns whether a value of [`TAG_API`] is that of an API with this name. Earlier versions set the
/// name itself, valid or not.
pub fn names_api(tag: &str, name: &str) -> bool {
    tag == api_tag(name) || (tag == name && !is_valid_tag(name, char::is_alphanumeric))
}

/// Returns a text as a value of a role's tag: itself, or a part of it with a fingerprint. Different
/// texts have different values.
pub(crate) fn role_tag(text: &str) -> String {
    let is_letter = |c: char| c.is_ascii_alphanumeric();
    let is_unchanged = is_valid_tag(text, is_letter) && !is_made(text);
    if is_unchanged { text.to_owned() } else { made_tag_value(text) }
}

fn is_valid_tag(text: &str, is_letter: fn(char) -> bool) -> bool {
    text.len() <= MAX_TAG_VALUE && text.chars().all(|c| is_letter(c) || is_tag_symbol(c))
}

/// Returns whether a text has the form of a made value, which it could equal.
fn is_made(text: &str) -> bool {
    text.rsplit_once(" @").is_some_and(|(_, print)| {
        print.len() == 16 && print.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

fn made_tag_value(text: &str) -> String {
    let is_valid = |c: char| c.is_ascii_alphanumeric() || is_tag_symbol(c);
    let readable = text.chars().map(|c| if is_valid(c) { c } else { '-' }).take(200);
    format!("{} @{}", readable.collect::<String>(), fingerprint(&text))
}

fn is_tag_symbol(c: char) -> bool {
    " _.:/=+-@".contains(c)
}
