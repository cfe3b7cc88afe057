//! The patch operations that API Gateway documents, for the operations that the deployer sends.
//! <https://docs.aws.amazon.com/apigateway/latest/api/patch-operations.html>
//!
//! `[R]` is recorded on AWS by a third party's test-suite, `[M]` is measured by third parties.

use serde_json::Value;

use super::Refusal;
use super::model::Service;
use super::operation::Call;

/// One patch operation of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// `add`, `copy`, `remove` or `replace`.
    pub op: String,
    /// The JSON pointer.
    pub path: String,
    /// The value; empty without one.
    pub value: String,
    /// The source of a copy.
    pub from: String,
}

impl Patch {
    /// Returns the patches of a call; none for a call that is not a PATCH.
    pub fn all(call: &Call) -> Vec<Self> {
        let patches = call.input["patchOperations"].as_array();
        let text = |patch: &Value, name: &str| patch[name].as_str().unwrap_or_default().to_owned();
        let read = |patch| Self {
            op: text(patch, "op"),
            path: text(patch, "path"),
            value: text(patch, "value"),
            from: text(patch, "from"),
        };
        patches.into_iter().flatten().map(read).collect()
    }

    /// Returns whether it sets a value.
    pub fn sets(&self) -> bool {
        self.op == "add" || self.op == "replace"
    }

    /// Returns the entry of method settings that the path addresses, and the setting; an empty one
    /// for the entry as a whole.
    pub fn method_setting(&self) -> Option<(&str, &str)> {
        let rest = self.path.strip_prefix('/')?;
        let (resource, more) = rest.split_once('/')?;
        let (verb, setting) = more.split_once('/').unwrap_or((more, ""));
        let is_resource = resource.starts_with("~1") && VERBS.contains(&verb);
        let entry = rest.get(..resource.len() + 1 + verb.len())?;
        (is_resource || entry == "*/*").then_some((entry, setting))
    }
}

const VERBS: [&str; 8] = ["ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

const REPLACE: &[&str] = &["replace"];
const REMOVE: &[&str] = &["remove"];
const ADD_OR_REMOVE: &[&str] = &["add", "remove"];
const ADD_OR_REPLACE: &[&str] = &["add", "replace"];
const ANY: &[&str] = &["add", "remove", "replace"];

/// A path with its operations. `{}` is any segment, `{entry}` an entry of method settings.
type Row = (&'static str, &'static [&'static str]);

const STAGE: &[Row] = &[
    ("/deploymentId", &["replace", "copy"]),
    ("/description", REPLACE),
    ("/cacheClusterEnabled", REPLACE),
    ("/cacheClusterSize", REPLACE),
    ("/clientCertificateId", REPLACE),
    ("/documentationVersion", REPLACE),
    ("/tracingEnabled", REPLACE),
    ("/accessLogSettings", REMOVE),
    ("/accessLogSettings/destinationArn", ANY),
    ("/accessLogSettings/format", ANY),
    // Terraform removes a variable with this [M].
    ("/variables/{}", &["replace", "remove"]),
    ("/variables", &["copy"]),
    // `add` is refused [R].
    ("/canarySettings", REMOVE),
    ("/canarySettings/deploymentId", REPLACE),
    ("/canarySettings/percentTraffic", REPLACE),
    ("/canarySettings/stageVariableOverrides/{}", REPLACE),
    ("/canarySettings/useStageCache", REPLACE),
    // `remove /*/*` and `remove /{path}/{VERB}` delete an entry [R].
    ("{entry}", REMOVE),
    ("{entry}/metrics/enabled", REPLACE),
    ("{entry}/logging/dataTrace", REPLACE),
    ("{entry}/logging/loglevel", REPLACE),
    ("{entry}/throttling/burstLimit", REPLACE),
    ("{entry}/throttling/rateLimit", REPLACE),
    ("{entry}/caching/ttlInSeconds", REPLACE),
    ("{entry}/caching/enabled", REPLACE),
    ("{entry}/caching/dataEncrypted", REPLACE),
    ("{entry}/caching/requireAuthorizationForCacheControl", REPLACE),
    ("{entry}/caching/unauthorizedCacheControlHeaderStrategy", REPLACE),
];

const REST_API: &[Row] = &[
    ("/name", REPLACE),
    ("/description", ANY),
    ("/apiKeySource", REPLACE),
    // One type a segment: without it the path is refused [R].
    ("/binaryMediaTypes/{}", ANY),
    ("/disableExecuteApiEndpoint", REPLACE),
    ("/endpointAccessMode", REPLACE),
    ("/endpointConfiguration/ipAddressType", REPLACE),
    ("/endpointConfiguration/types/EDGE", REPLACE),
    ("/endpointConfiguration/types/PRIVATE", REPLACE),
    ("/endpointConfiguration/types/REGIONAL", REPLACE),
    ("/endpointConfiguration/vpcEndpointIds", ADD_OR_REMOVE),
    ("/minimumCompressionSize", REPLACE),
    ("/policy", REPLACE),
    ("/securityPolicy", REPLACE),
];

const AUTHORIZER: &[Row] = &[
    ("/name", REPLACE),
    ("/type", REPLACE),
    ("/authType", REPLACE),
    ("/authorizerUri", REPLACE),
    ("/authorizerCredentials", REPLACE),
    ("/authorizerResultTtlInSeconds", REPLACE),
    ("/identitySource", ANY),
    ("/identityValidationExpression", REPLACE),
    ("/providerARNs", ADD_OR_REMOVE),
];

const METHOD: &[Row] = &[
    ("/apiKeyRequired", REPLACE),
    ("/authorizationScopes", ADD_OR_REMOVE),
    ("/authorizationType", REPLACE),
    ("/authorizerId", REPLACE),
    ("/operationName", REPLACE),
    ("/requestModels/{}", ANY),
    ("/requestParameters/{}", ANY),
    ("/requestValidatorId", REPLACE),
];

const USAGE_PLAN: &[Row] = &[
    ("/name", REPLACE),
    ("/description", REPLACE),
    ("/productCode", ANY),
    ("/apiStages", ADD_OR_REMOVE),
    ("/apiStages/{}/throttle", ANY),
    ("/apiStages/{}/throttle/{}/{}", REMOVE),
    ("/apiStages/{}/throttle/{}/{}/burstLimit", ADD_OR_REPLACE),
    ("/apiStages/{}/throttle/{}/{}/rateLimit", ADD_OR_REPLACE),
    ("/quota", REMOVE),
    ("/quota/limit", ADD_OR_REPLACE),
    ("/quota/offset", ADD_OR_REPLACE),
    ("/quota/period", ADD_OR_REPLACE),
    ("/throttle", REMOVE),
    ("/throttle/burstLimit", ADD_OR_REPLACE),
    ("/throttle/rateLimit", ADD_OR_REPLACE),
];

/// The operations with a table.
pub const OPERATIONS: [&str; 5] =
    ["UpdateStage", "UpdateRestApi", "UpdateAuthorizer", "UpdateMethod", "UpdateUsagePlan"];

fn rows(operation: &str) -> Option<&'static [Row]> {
    Some(match operation {
        "UpdateStage" => STAGE,
        "UpdateRestApi" => REST_API,
        "UpdateAuthorizer" => AUTHORIZER,
        "UpdateMethod" => METHOD,
        "UpdateUsagePlan" => USAGE_PLAN,
        _ => return None,
    })
}

/// Refuses patches that their operation does not document.
pub fn check(call: &Call) -> Result<(), Refusal> {
    if call.service != Service::ApiGateway || call.input["patchOperations"].is_null() {
        return Ok(());
    }
    let Some(rows) = rows(&call.operation) else {
        return Err(refused(format!("no table has the patches of {}", call.operation)));
    };
    Patch::all(call).iter().try_for_each(|patch| check_one(call, rows, patch))
}

fn check_one(call: &Call, rows: &[Row], patch: &Patch) -> Result<(), Refusal> {
    let Patch { op, path, from, .. } = patch;
    let found: Vec<&Row> = rows.iter().filter(|(template, _)| fits(template, patch)).collect();
    let known: Vec<&str> = found.iter().flat_map(|(_, ops)| ops.iter().copied()).collect();
    if known.is_empty() {
        // [R] for both.
        let message = if call.operation == "UpdateStage" {
            let paths: Vec<String> = rows
                .iter()
                .map(|(template, _)| template.replace("{entry}", "/{resourcePath}/{httpMethod}"))
                .collect();
            format!("Invalid method setting path: {path}. Must be one of: [{}]", paths.join(", "))
        } else {
            format!("Invalid patch path {path}")
        };
        return Err(refused(message));
    }
    if !known.contains(&op.as_str()) {
        // [R] for both.
        let message = if path.starts_with("/canarySettings") {
            format!("Invalid {op} operation with path: {path}")
        } else {
            let known = known.join(", ");
            format!("Invalid patch operation specified. Must be one of: [{known}]")
        };
        return Err(refused(message));
    }
    let source = match path.as_str() {
        "/deploymentId" => "/canarySettings/deploymentId",
        "/variables" => "/canarySettings/stageVariableOverrides",
        _ => "",
    };
    if op == "copy" && from != source {
        // [R]
        let message = format!(
            "Invalid copy operation with path: {path} and from {from}. Valid copy:path are [/deploymentId, /variables] and valid copy:from are [/canarySettings/deploymentId, /canarySettings/stageVariableOverrides]"
        );
        return Err(refused(message));
    }
    Ok(())
}

fn refused(message: String) -> Refusal {
    Refusal { rule: "patch-operations", ..Refusal::bad_request(message) }
}

/// Returns whether a path has the form of a template.
fn fits(template: &str, patch: &Patch) -> bool {
    if let Some(setting) = template.strip_prefix("{entry}") {
        let setting = setting.trim_start_matches('/');
        return patch.method_setting().is_some_and(|(_, known)| known == setting);
    }
    let mut segments = patch.path.split('/');
    let mut parts = template.split('/');
    parts.all(|part| {
        segments
            .next()
            .is_some_and(|segment| if part == "{}" { !segment.is_empty() } else { part == segment })
    }) && segments.next().is_none()
}
