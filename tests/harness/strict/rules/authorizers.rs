//! Authorizers.

use serde_json::Value;

use super::Verdict;
use crate::strict::Refusal;
use crate::strict::operation::Call;
use crate::strict::patches::Patch;
use crate::strict::pattern;
use crate::strict::state::State;

pub(super) fn of_an_unknown_api(call: &Call, account: &State<'_>) -> Verdict {
    if account.api(call.text("restApiId")).is_missing() {
        return Err(Refusal::conflict(
            "Unable to complete operation due to concurrent modification. Please try again later.",
        ));
    }
    Ok(())
}

/// The settings of an authorizer.
pub(super) struct Settings {
    /// The type, in upper case.
    pub(super) kind: String,
    /// The URI.
    pub(super) uri: String,
    /// The identity sources, with commas.
    pub(super) source: String,
    /// The time to live of cached results.
    pub(super) ttl: Option<i64>,
    /// The validation expression of a TOKEN.
    pub(super) expression: String,
}

impl Settings {
    /// Returns the reason why API Gateway refuses them.
    pub(super) fn check(&self) -> Result<(), String> {
        let Self { kind, uri, source, ttl, expression } = self;
        let ttl = ttl.unwrap_or(300);
        if !(0..=3600).contains(&ttl) {
            return Err(format!("Authorizer result TTL must be between 0 and 3600: {ttl}"));
        }
        let sources: Vec<&str> =
            source.split(',').map(str::trim).filter(|one| !one.is_empty()).collect();
        let header = r"method\.request\.header\.[!#$%&'*+\-.^_`|~0-9a-zA-Z]+";
        if kind == "TOKEN" || kind == "COGNITO_USER_POOLS" {
            let [one] = sources[..] else {
                return Err(format!(
                    "{kind} authorizers need exactly one identity source: {source}"
                ));
            };
            if !pattern::matches(header, one) {
                return Err(format!("Invalid identity source: {one}"));
            }
        }
        if kind == "REQUEST" {
            if sources.is_empty() && ttl > 0 {
                return Err("Identity source is required when caching is enabled".to_owned());
            }
            let query = r"method\.request\.querystring\.\S+";
            let others = r"stageVariables\.[A-Za-z0-9_]+|context\.[A-Za-z0-9_.]+";
            let any = format!("{header}|{query}|{others}");
            if let Some(one) = sources.iter().find(|one| !pattern::matches(&any, one)) {
                return Err(format!("Invalid identity source: {one}"));
            }
            if !expression.is_empty() {
                return Err("Validation expressions are of TOKEN authorizers only".to_owned());
            }
        }
        let function =
            r"arn:[a-z\-]+:apigateway:[a-z0-9\-]+:lambda:path/2015-03-31/functions/\S+/invocations";
        let is_lambda = kind == "TOKEN" || kind == "REQUEST";
        if is_lambda && !pattern::matches(function, uri) {
            return Err(format!("Invalid Authorizer URI: {uri}"));
        }
        Ok(())
    }
}

pub(super) fn settings(call: &Call, account: &State<'_>) -> Verdict {
    let input = if call.operation == "CreateAuthorizer" {
        call.input.clone()
    } else {
        let found = account.authorizer(call.text("restApiId"), call.text("authorizerId"));
        let Some(mut existing) = found.value() else { return Ok(()) };
        for patch in Patch::all(call) {
            let name = patch.path.trim_start_matches('/');
            existing[name] = match name {
                "providerARNs" => continue,
                "authorizerResultTtlInSeconds" => {
                    patch.value.parse::<i64>().map_or(Value::from(-1), Value::from)
                }
                _ => Value::from(patch.value),
            };
        }
        existing
    };
    let text = |name: &str| input[name].as_str().unwrap_or_default().to_owned();
    let settings = Settings {
        kind: text("type"),
        uri: text("authorizerUri"),
        source: text("identitySource"),
        ttl: input["authorizerResultTtlInSeconds"].as_i64(),
        expression: text("identityValidationExpression"),
    };
    settings.check().map_err(Refusal::bad_request)
}

pub(super) fn names(call: &Call, account: &State<'_>) -> Verdict {
    let name = call.text("name");
    if account.authorizers(call.text("restApiId")).iter().any(|one| one["name"] == name) {
        return Err(Refusal::bad_request(format!(
            "Authorizer name must be unique. Authorizer {name} already exists in this RestApi."
        )));
    }
    Ok(())
}

pub(super) fn in_use(call: &Call, account: &State<'_>) -> Verdict {
    let id = call.text("authorizerId");
    for resource in account.resources(call.text("restApiId")) {
        let methods = resource["resourceMethods"].as_object().into_iter().flatten();
        let mut users = methods.filter(|(_, method)| method["authorizerId"] == id);
        if let Some((verb, _)) = users.next() {
            let path = resource["path"].as_str().unwrap_or_default();
            return Err(Refusal::conflict(format!(
                "Cannot delete authorizer '{id}', is referenced in method: {verb} {path}"
            )));
        }
    }
    Ok(())
}
