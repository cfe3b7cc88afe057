//! The Amazon Resource Names of functions and roles.

/// An Amazon Resource Name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arn {
    text: String,
    partition: String,
    region: String,
}

/// The limits of Lambda and IAM.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>
/// <https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html>
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>
const MAX_FUNCTION_NAME: usize = 64;
const MAX_QUALIFIER: usize = 128;
const MAX_ROLE_NAME: usize = 64;
const MAX_ROLE_PATH: usize = 512;

impl Arn {
    /// Reads the ARN of a Lambda function, version or alias.
    pub fn function(text: &str) -> Option<Self> {
        let (arn, resource) = Self::of_service(text, "lambda")?;
        let name = resource.strip_prefix("function:")?;
        let parts: Vec<&str> = name.split(':').collect();
        let is_name = |part: &&str, most: usize| {
            (1..=most).contains(&part.len())
                && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '$'))
        };
        let is_valid = match parts.as_slice() {
            [name] => is_name(name, MAX_FUNCTION_NAME),
            [name, qualifier] => {
                is_name(name, MAX_FUNCTION_NAME) && is_name(qualifier, MAX_QUALIFIER)
            }
            _ => false,
        };
        (!arn.region.is_empty() && is_valid).then_some(arn)
    }

    /// Reads the ARN of an IAM role.
    pub fn role(text: &str) -> Option<Self> {
        let (arn, resource) = Self::of_service(text, "iam")?;
        let path_and_name = resource.strip_prefix("role/")?;
        let (path, name) = path_and_name.rsplit_once('/').unwrap_or(("", path_and_name));
        let is_name = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
        let is_valid = (1..=MAX_ROLE_NAME).contains(&name.len())
            && name.chars().all(is_name)
            && path.len() <= MAX_ROLE_PATH
            && path.chars().all(|c| c.is_ascii_graphic());
        is_valid.then_some(arn)
    }

    fn of_service<'a>(text: &'a str, service: &str) -> Option<(Self, &'a str)> {
        let fields: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, found, region, account, resource] = fields[..] else { return None };
        let account_id = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        // A placeholder such as `${region}` is not a name.
        let is_name = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let is_valid = partition.starts_with("aws") && is_name(partition) && is_name(region);
        if found != service || !account_id || !is_valid {
            return None;
        }
        let arn = Self {
            text: text.to_owned(),
            partition: partition.to_owned(),
            region: region.to_owned(),
        };
        Some((arn, resource))
    }

    /// Returns the ARN as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the URI with which API Gateway invokes the function. The date is the fixed version of
    /// Lambda's API.
    pub fn invocation_uri(&self) -> String {
        format!(
            "arn:{}:apigateway:{}:lambda:path/2015-03-31/functions/{}/invocations",
            self.partition, self.region, self.text
        )
    }

    /// Returns the ARN of the function that a URI invokes, in any operation of Lambda's API.
    pub fn in_uri(uri: &str) -> Option<&str> {
        let (_, rest) = uri.split_once("/functions/")?;
        Some(rest.split_once('/')?.0)
    }

    /// Returns the ARN of a function without its version or alias.
    pub fn unqualified(&self) -> String {
        self.text.split(':').take(7).collect::<Vec<_>>().join(":")
    }

    /// Returns the account id.
    pub fn account(&self) -> &str {
        self.text.split(':').nth(4).unwrap_or_default()
    }

    /// Returns the ARN of a version or alias of a function.
    #[must_use]
    pub fn with_qualifier(&self, qualifier: &str) -> Self {
        Self { text: format!("{}:{qualifier}", self.unqualified()), ..self.clone() }
    }

    /// Returns the version or alias of a function's ARN.
    pub fn qualifier(&self) -> Option<&str> {
        self.text.split(':').nth(7)
    }

    /// Returns the partition: `aws`, `aws-cn` or `aws-us-gov`.
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// Returns the Region.
    pub fn region(&self) -> &str {
        &self.region
    }
}
