//! An authorizer as API Gateway stores it, managed by Portcullis or not.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::arn::Arn;
use super::aws_names::aws_enum;

aws_enum! {
    /// The type of an authorizer.
    AuthorizerType {
        /// Tokens of Cognito user pools.
        CognitoUserPools = "COGNITO_USER_POOLS",
        /// A Lambda function that receives the request.
        Request = "REQUEST",
        /// A Lambda function that receives one header.
        Token = "TOKEN",
    }
}

/// An authorizer as API Gateway stores it. Equal ones behave equally.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorizerShape {
    /// Its type.
    pub kind: AuthorizerType,
    /// The invocation URI of its function.
    pub uri: Option<String>,
    /// The role that API Gateway assumes to invoke it.
    pub credentials: Option<String>,
    /// The identity sources, which are the cache key.
    pub identity: BTreeSet<String>,
    /// The regular expression that the token must match.
    pub validation: Option<String>,
    /// The TTL of the authorizer result cache, in seconds.
    pub ttl: i32,
    /// The ARNs of its Cognito user pools.
    pub providers: BTreeSet<String>,
}

impl AuthorizerShape {
    /// Returns the ARN of the function that it invokes.
    pub fn function(&self) -> Option<&str> {
        Arn::in_uri(self.uri.as_deref()?)
    }

    /// Returns the extension of its security scheme, `x-amazon-apigateway-authorizer`.
    /// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-authorizer.html>
    pub fn extension(&self) -> serde_json::Value {
        let identity: Vec<&str> = self.identity.iter().map(String::as_str).collect();
        let mut extension = serde_json::json!({
            "type": self.kind.name().to_ascii_lowercase(),
            "authorizerResultTtlInSeconds": self.ttl,
            "identitySource": identity.join(","),
        });
        let mut set = |name: &str, value: serde_json::Value| {
            if let serde_json::Value::Object(members) = &mut extension {
                members.insert(name.to_owned(), value);
            }
        };
        for (name, value) in [
            ("authorizerUri", &self.uri),
            ("authorizerCredentials", &self.credentials),
            ("identityValidationExpression", &self.validation),
        ] {
            if let Some(value) = value {
                set(name, value.clone().into());
            }
        }
        if !self.providers.is_empty() {
            set("providerARNs", self.providers.iter().cloned().collect());
        }
        extension
    }

    /// Returns the cause why API Gateway refuses the authorizer that the extension declares, and the
    /// fix. An authorizer of an unknown type is not examined.
    /// <https://docs.aws.amazon.com/apigateway/latest/api/API_CreateAuthorizer.html>
    pub fn problem(&self, extension: &serde_json::Value) -> Option<(String, &'static str)> {
        let ttl = extension.get("authorizerResultTtlInSeconds").filter(|ttl| !ttl.is_null());
        let is_ttl =
            |ttl: &serde_json::Value| seconds(ttl).is_some_and(|ttl| (0..=3600).contains(&ttl));
        if let Some(invalid) = ttl.filter(|ttl| !is_ttl(ttl)) {
            let cause = format!("invalid `authorizerResultTtlInSeconds` `{invalid}`");
            return Some((cause, "set it from 0 to 3600"));
        }
        let is_header = |source: &String| source.starts_with("method.request.header.");
        let has_one_header = self.identity.len() == 1 && self.identity.iter().all(is_header);
        let is_function = self.function().is_some_and(|arn| arn.starts_with("arn:"))
            && self.uri.as_deref().is_some_and(|uri| {
                uri.contains(":lambda:path/2015-03-31/") && uri.ends_with("/invocations")
            });
        match self.kind {
            AuthorizerType::Token | AuthorizerType::Request if !is_function => Some((
                "`authorizerUri` is not the URI of a function".to_owned(),
                "set `authorizerUri: arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/ARN/invocations`",
            )),
            AuthorizerType::Token | AuthorizerType::CognitoUserPools if !has_one_header => Some((
                "`identitySource` must be one header".to_owned(),
                "set `identitySource: method.request.header.NAME`, or use the type `request`",
            )),
            AuthorizerType::Request if self.identity.is_empty() && self.ttl > 0 => Some((
                "cached results require `identitySource`".to_owned(),
                "list the identity sources, or set `authorizerResultTtlInSeconds: 0`",
            )),
            AuthorizerType::Request if self.validation.is_some() => Some((
                "`identityValidationExpression` requires the type `token`".to_owned(),
                "remove it",
            )),
            AuthorizerType::CognitoUserPools if self.providers.is_empty() => Some((
                "`providerARNs` must list at least one user pool".to_owned(),
                "list the ARNs of the user pools",
            )),
            _ => None,
        }
    }

    /// Reads the extension of a security scheme; `header` is the header that the scheme names.
    pub fn read(extension: &serde_json::Value, header: &str) -> Self {
        let text = |name: &str| extension.get(name).and_then(|v| v.as_str()).map(str::to_owned);
        let kind =
            text("type").map_or(AuthorizerType::Token, |text| text.to_ascii_uppercase().into());
        let identity = text("identitySource").unwrap_or_default();
        let mut identity: BTreeSet<String> = (identity.split(',').map(str::trim))
            .filter(|source| !source.is_empty())
            .map(str::to_owned)
            .collect();
        if identity.is_empty() && kind != AuthorizerType::Request {
            identity.insert(format!("method.request.header.{header}"));
        }
        let ttl = extension.get("authorizerResultTtlInSeconds").and_then(seconds);
        let providers = extension.get("providerARNs").and_then(|v| v.as_array());
        let providers = providers.into_iter().flatten().filter_map(|arn| arn.as_str());
        Self {
            kind,
            uri: text("authorizerUri"),
            credentials: text("authorizerCredentials"),
            identity,
            validation: text("identityValidationExpression"),
            ttl: ttl.and_then(|ttl| i32::try_from(ttl).ok()).unwrap_or(300),
            providers: providers.map(str::to_owned).collect(),
        }
    }
}

/// Returns a number of seconds, which may be written as text.
fn seconds(value: &serde_json::Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}
