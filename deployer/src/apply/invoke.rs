//! Probes one version of a function by Lambda's `Invoke`, before API Gateway invokes it.

use authorizer::config::TokenSource;
use serde_json::{Value as Json, json};

use super::probe::{ProbeResponse, Transport};
use aws::{Aws, CallError};
use compiler::api::PresentedToken;
use deployment::observed::AwsTarget;

/// Lambda's `Invoke`, of one version.
pub(crate) struct Invoke<'a> {
    pub(crate) aws: &'a Aws,
    /// The function's name.
    pub(crate) name: &'a str,
    /// The version.
    pub(crate) version: &'a str,
    /// The location of the token.
    pub(crate) source: &'a TokenSource,
}

impl Transport for Invoke<'_> {
    fn attempts(&self) -> u32 {
        3
    }

    async fn send(&self, token: &str) -> Result<ProbeResponse, CallError> {
        let AwsTarget { account, partition, region } = &self.aws.target;
        let arn = format!("arn:{partition}:execute-api:{region}:{account}:probe/probe/GET/");
        let event = event(&arn, self.source, token);
        Ok(ProbeResponse::of_invoke(&self.aws.invoke(self.name, self.version, &event).await?))
    }
}

/// Returns an event with a token at its location.
fn event(arn: &str, source: &TokenSource, token: &str) -> Json {
    match (source, PresentedToken::new(source, token)) {
        (TokenSource::Header { .. }, PresentedToken::Header { value, .. }) => {
            json!({"type": "TOKEN", "methodArn": arn, "authorizationToken": value})
        }
        (_, PresentedToken::Header { name, value }) => {
            json!({"type": "REQUEST", "methodArn": arn, "headers": {name: value}})
        }
        (_, PresentedToken::Query { name, value }) => {
            json!({"type": "REQUEST", "methodArn": arn, "queryStringParameters": {name: value}})
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::event;

    #[test]
    fn a_probe_has_the_token_at_its_location() {
        for (source, kind, member, value) in [
            (json!({"header": "X"}), "TOKEN", "/authorizationToken", "Bearer x"),
            (json!({"header": "X", "scheme": "none"}), "TOKEN", "/authorizationToken", "x"),
            (json!({"cookie": "s"}), "REQUEST", "/headers/Cookie", "s=x"),
            (json!({"query": "t"}), "REQUEST", "/queryStringParameters/t", "x"),
        ] {
            let event = event("arn", &serde_json::from_value(source).unwrap(), "x");
            assert_eq!((&event["type"], &event["methodArn"]), (&json!(kind), &json!("arn")));
            assert_eq!(event.pointer(member), Some(&json!(value)), "{event}");
        }
    }
}
