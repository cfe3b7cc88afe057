//! The Amazon Resource Names of functions and roles.

/// An Amazon Resource Name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arn {
    text: String,
    partition: String,
    region: String,
}

impl Arn {
    /// Reads the ARN of a Lambda function, version or alias.
    pub fn function(text: &str) -> Option<Self> {
        let (arn, resource) = Self::of_service(text, "lambda")?;
        let name = resource.strip_prefix("function:")?;
        let parts: Vec<&str> = name.split(':').collect();
        let is_name = |part: &&str| {
            !part.is_empty()
                && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '$'))
        };
        (!arn.region.is_empty() && parts.len() <= 2 && parts.iter().all(is_name)).then_some(arn)
    }

    /// Reads the ARN of an IAM role.
    pub fn role(text: &str) -> Option<Self> {
        let (arn, resource) = Self::of_service(text, "iam")?;
        resource.strip_prefix("role/").filter(|name| !name.is_empty()).map(|_| arn)
    }

    fn of_service<'a>(text: &'a str, service: &str) -> Option<(Self, &'a str)> {
        let fields: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, found, region, account, resource] = fields[..] else { return None };
        let account_id = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        if found != service || !partition.starts_with("aws") || !account_id {
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
