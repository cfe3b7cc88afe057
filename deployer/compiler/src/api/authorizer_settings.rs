//! How API Gateway calls an authorizer, and whose tokens that takes.

use authorizer::config::{IssuerDocument, PolicyMode, TokenSource};

use super::IdentitySource;

/// An authorizer of the API's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorizer {
    /// The function, or one of its versions or aliases. Not needed to serve locally.
    pub function: Option<Arn>,
    /// The role that API Gateway assumes to invoke it.
    pub invoke_role: Option<Arn>,
    /// What the function is sent.
    pub kind: AuthorizerKind,
    /// How long its answers are cached, in seconds; 0 is not at all.
    pub cache_ttl: u32,
    /// What they are cached by. Without one of these a request is refused before it is asked.
    pub identity: Vec<IdentitySource>,
    /// Where the token is.
    pub token: TokenSource,
    /// What its policies are about.
    pub policy: PolicyMode,
    /// Whose tokens are taken.
    pub issuers: Vec<IssuerDocument>,
}

/// What a header must look like for its authorizer to be asked: one bearer token in compact
/// form (RFC 6750 section 2.1, RFC 7515 section 3.1). API Gateway refuses anything else itself,
/// and garbage costs nothing. The authorizer takes nothing that this leaves out.
pub const BEARER_TOKEN: &str =
    r"^[Bb][Ee][Aa][Rr][Ee][Rr] [A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$";

impl Authorizer {
    /// Returns `identityValidationExpression`, which API Gateway knows for the token alone.
    pub fn validation(&self) -> Option<&'static str> {
        (self.kind == AuthorizerKind::Token).then_some(BEARER_TOKEN)
    }

    /// Returns the identity source that is the token's place.
    pub fn token_identity_source(&self) -> Option<IdentitySource> {
        match &self.token {
            TokenSource::Header(name) => Some(IdentitySource::Header(name.clone())),
            TokenSource::Query(name) => Some(IdentitySource::Query(name.clone())),
            TokenSource::WebsocketProtocol(_) => None,
        }
    }

    /// Says whether its answers are cached.
    pub fn caches_results(&self) -> bool {
        self.cache_ttl > 0
    }

    /// Says whether a request's `source` is among what its answers are cached by.
    pub fn has_identity_source(&self, source: &IdentitySource) -> bool {
        self.identity.iter().any(|known| known.is_same(source))
    }
}

/// What an authorizer function is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthorizerKind {
    /// The request's headers and context.
    Request,
    /// The `Authorization` header's value.
    #[default]
    Token,
}

impl AuthorizerKind {
    /// Every kind with its name in `portcullis.toml` and on AWS.
    pub const NAMES: [(&'static str, Self); 2] =
        [("request", Self::Request), ("token", Self::Token)];
}

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
        let named = |part: &&str| {
            !part.is_empty()
                && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '$'))
        };
        (!arn.region.is_empty() && parts.len() <= 2 && parts.iter().all(named)).then_some(arn)
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

    /// Returns the whole ARN.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the URI by which API Gateway invokes this function. The date is the version of
    /// Lambda's interface, which is fixed.
    pub fn invocation_uri(&self) -> String {
        format!(
            "arn:{}:apigateway:{}:lambda:path/2015-03-31/functions/{}/invocations",
            self.partition, self.region, self.text
        )
    }

    /// Returns the account.
    pub fn account(&self) -> &str {
        self.text.split(':').nth(4).unwrap_or_default()
    }

    /// Returns `aws`, `aws-cn` or `aws-us-gov`.
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// Returns the Region.
    pub fn region(&self) -> &str {
        &self.region
    }
}
