//! The rules of AWS that no service model contains, each with its source.
//!
//! Sources: `[R]` recorded on AWS by a third party's test-suite, `[D]` AWS's documentation, `[B]`
//! the documentation in the service model, `[M]` measured by third parties. A message is AWS's own
//! where it is recorded or was published in a report.

mod apis;
mod authorizers;
mod imports;
mod roles_and_functions;
mod stages;
mod tags;
mod usage_plans;

use super::Refusal;
use super::operation::Call;
use super::state::State;

/// The verdict of a rule.
pub type Verdict = Result<(), Refusal>;

/// A rule.
pub struct Rule {
    /// Its name.
    pub name: &'static str,
    /// Its source.
    pub source: &'static str,
    /// The operations that it applies to.
    pub operations: &'static [&'static str],
    /// Refuses a call that breaks it.
    pub check: fn(&Call, &State<'_>) -> Verdict,
}

/// The rules that are not applied yet: a flow breaks them.
pub const NOT_YET: &[&str] = &[];

/// Every rule.
pub const RULES: &[Rule] = &[
    Rule {
        name: "logs-need-a-role",
        source: "[M] CloudWatch Logs role ARN must be set in account settings to enable logging",
        operations: &["UpdateStage"],
        check: stages::logs_need_a_role,
    },
    Rule {
        name: "access-log-destination",
        source: "[D] set-up-logging.html: a log group, or a Firehose stream named amazon-apigateway-…, of the account and Region",
        operations: &["UpdateStage"],
        check: stages::access_log_destination,
    },
    Rule {
        name: "access-log-format",
        source: "[D] set-up-logging.html: $context.requestId or $context.extendedRequestId; [M] a single line",
        operations: &["UpdateStage"],
        check: stages::access_log_format,
    },
    Rule {
        name: "method-setting-entries",
        source: "[R] remove of an entry that does not exist: no method setting for this method",
        operations: &["UpdateStage"],
        check: stages::method_setting_entries,
    },
    Rule {
        name: "method-setting-values",
        source: "[D] API_MethodSetting.html",
        operations: &["UpdateStage"],
        check: stages::method_setting_values,
    },
    Rule {
        name: "method-throttle",
        source: "[D] api-gateway-request-throttling.html: not above the account's limits (GetAccount.throttleSettings)",
        operations: &["UpdateStage"],
        check: stages::method_throttle,
    },
    Rule {
        name: "stage-variables",
        source: "[D] limits.html: 100 variables, names of 64 characters, values of 512; [B] CreateStage.variables: characters",
        operations: &["CreateStage", "UpdateStage"],
        check: stages::variables,
    },
    Rule {
        name: "stage-name",
        source: "[B] CreateStage.stageName: characters and length",
        operations: &["CreateStage"],
        check: stages::name,
    },
    Rule {
        name: "canary-values",
        source: "[D] API_CanarySettings.html: percentTraffic is between 0 and 100",
        operations: &["UpdateStage"],
        check: stages::canary_values,
    },
    Rule {
        name: "canary-promotion",
        source: "[R] copy without a canary: Promotion not available",
        operations: &["UpdateStage"],
        check: stages::canary_promotion,
    },
    Rule {
        name: "deployment-of-a-canary",
        source: "[R] CreateDeployment with canary settings needs an existing stage",
        operations: &["CreateDeployment"],
        check: stages::deployment_of_a_canary,
    },
    Rule {
        name: "deployment-of-a-private-api",
        source: "[D] apigateway-private-apis.html, [M] terraform-provider-aws#14290: a resource policy before CreateDeployment",
        operations: &["CreateDeployment"],
        check: stages::deployment_of_a_private_api,
    },
    Rule {
        name: "deployment-without-methods",
        source: "[R] The REST API doesn't contain any methods",
        operations: &["CreateDeployment"],
        check: stages::deployment_without_methods,
    },
    Rule {
        name: "mapped-domain",
        source: "[M] terraform-provider-aws#41651: Please remove all base path mappings related to the stage or the API",
        operations: &["DeleteStage", "DeleteRestApi"],
        check: stages::mapped_domain,
    },
    Rule {
        name: "deployment-in-use",
        source: "[R] Active stages pointing to this deployment must be moved or deleted",
        operations: &["DeleteDeployment"],
        check: stages::deployment_in_use,
    },
    Rule {
        name: "api-description",
        source: "[R] Description cannot be an empty string",
        operations: &["CreateRestApi", "UpdateRestApi", "PutRestApi"],
        check: apis::description,
    },
    Rule {
        name: "resource-policy-length",
        source: "[D] limits.html: 8,192 characters",
        operations: &["CreateRestApi", "UpdateRestApi", "PutRestApi"],
        check: apis::policy_length,
    },
    Rule {
        name: "endpoint-type",
        source: "[R] types, [D] apigateway-api-migration.html: a private API cannot become edge-optimized",
        operations: &["CreateRestApi", "UpdateRestApi"],
        check: apis::endpoint_type,
    },
    Rule {
        name: "vpc-endpoints",
        source: "[D] patch-operations.html: vpcEndpointIds of private APIs only; [M] terraform-provider-aws#14269: also after a change of the type; [M] aws-cdk#9060: also below servers",
        operations: &["CreateRestApi", "PutRestApi", "UpdateRestApi"],
        check: apis::vpc_endpoints,
    },
    Rule {
        name: "ip-address-type",
        source: "[R] Only dualstack ipAddressType is supported for Private APIs",
        operations: &["CreateRestApi", "UpdateRestApi"],
        check: apis::ip_address_type,
    },
    Rule {
        name: "compression-size",
        source: "[R] between 0 and 10485760",
        operations: &["CreateRestApi", "UpdateRestApi"],
        check: apis::compression_size,
    },
    Rule {
        name: "page-limit",
        source: "[D] API_GetRestApis.html: at most 500",
        operations: &[
            "GetAuthorizers",
            "GetBasePathMappings",
            "GetDeployments",
            "GetDomainNames",
            "GetGatewayResponses",
            "GetModels",
            "GetRequestValidators",
            "GetResources",
            "GetRestApis",
            "GetUsagePlanKeys",
            "GetUsagePlans",
        ],
        check: apis::page_limit,
    },
    Rule {
        name: "import-size",
        source: "[D] limits.html: 6 MB",
        operations: &["PutRestApi"],
        check: imports::size,
    },
    Rule {
        name: "import-version",
        source: "[D] api-gateway-known-issues.html: OpenAPI 2.0 and 3.0",
        operations: &["PutRestApi"],
        check: imports::version,
    },
    Rule {
        name: "import-paths",
        source: "[R] A sibling of this resource already has a variable path part; [D] api-gateway-known-issues.html: whole segments",
        operations: &["PutRestApi"],
        check: imports::paths,
    },
    Rule {
        name: "import-gateway-responses",
        source: "[B] GatewayResponseType, [M] unknown types are refused",
        operations: &["PutRestApi"],
        check: imports::gateway_responses,
    },
    Rule {
        name: "import-authorizers",
        source: "[M][B] CreateAuthorizer: URI, TTL and identity sources",
        operations: &["PutRestApi"],
        check: imports::authorizers,
    },
    Rule {
        name: "import-models",
        source: "[D] api-gateway-known-issues.html: alphanumeric names; limits.html: 400 KB",
        operations: &["PutRestApi"],
        check: imports::models,
    },
    Rule {
        name: "import-integrations",
        source: "[R] HTTP method, URI, ARN, role of the account; [D] API_PutIntegration.html: types, timeout; the longest is a quota",
        operations: &["PutRestApi"],
        check: imports::integrations,
    },
    Rule {
        name: "import-mappings",
        source: "[M] Invalid mapping expression: undeclared parameters, unquoted values, URI variables without a mapping; [R] responses that the method lacks",
        operations: &["PutRestApi"],
        check: imports::mappings,
    },
    Rule {
        name: "authorizer-of-an-unknown-api",
        source: "[R] Unable to complete operation due to concurrent modification",
        operations: &["CreateAuthorizer"],
        check: authorizers::of_an_unknown_api,
    },
    Rule {
        name: "authorizer-settings",
        source: "[B] CreateAuthorizer: TTL between 0 and 3600, one header for TOKEN, identity sources for a cached REQUEST, URI",
        operations: &["CreateAuthorizer", "UpdateAuthorizer"],
        check: authorizers::settings,
    },
    Rule {
        name: "authorizer-names",
        source: "[M] Authorizer name must be unique",
        operations: &["CreateAuthorizer"],
        check: authorizers::names,
    },
    Rule {
        name: "authorizer-in-use",
        source: "[M] Cannot delete authorizer, is referenced in method",
        operations: &["DeleteAuthorizer"],
        check: authorizers::in_use,
    },
    Rule {
        name: "usage-plan-stages",
        source: "[R] Invalid API Stage specified for usageplan; [M] API Stage not found",
        operations: &["CreateUsagePlan", "UpdateUsagePlan"],
        check: usage_plans::stages,
    },
    Rule {
        name: "usage-plan-limits",
        source: "[B] ThrottleSettings, QuotaSettings; [D] API_QuotaSettings.html",
        operations: &["CreateUsagePlan", "UpdateUsagePlan"],
        check: usage_plans::limits,
    },
    Rule {
        name: "usage-plan-in-use",
        source: "[M] a plan with API stages cannot be deleted",
        operations: &["DeleteUsagePlan"],
        check: usage_plans::in_use,
    },
    Rule {
        name: "api-tags",
        source: "[D] apigateway-tagging.html: 50 tags, 128 and 256 characters, letters, digits, spaces and + - = . _ : / @; [B] no aws: prefix",
        operations: &["CreateRestApi", "CreateStage", "CreateUsagePlan", "TagResource"],
        check: tags::of_apis,
    },
    Rule {
        name: "iam-tags",
        source: "[D] id_tags.html: no aws: prefix, and keys that differ in more than case",
        operations: &["CreateRole", "TagRole"],
        check: tags::of_roles,
    },
    Rule {
        name: "function-tags",
        source: "[D] configuration-tags.html: 50 tags, no aws: prefix",
        operations: &["CreateFunction", "TagResource"],
        check: tags::of_functions,
    },
    Rule {
        name: "role-policies",
        source: "[D] reference_iam-quotas.html: trust policy 2,048 characters, inline policies 10,240; JSON with statements",
        operations: &["CreateRole", "UpdateAssumeRolePolicy", "PutRolePolicy"],
        check: roles_and_functions::role_policies,
    },
    Rule {
        name: "function-environment",
        source: "[D] configuration-envvars.html: 4 KB; reserved names",
        operations: &["CreateFunction", "UpdateFunctionConfiguration"],
        check: roles_and_functions::environment,
    },
];

/// Refuses a call that breaks a rule.
pub fn check(call: &Call, state: &State<'_>) -> Verdict {
    let applies =
        |rule: &&Rule| rule.operations.contains(&&*call.operation) && !NOT_YET.contains(&rule.name);
    RULES.iter().filter(applies).try_for_each(|rule| check_one(rule, call, state))
}

/// Applies one rule, which may not be applied yet.
pub fn check_one(rule: &Rule, call: &Call, state: &State<'_>) -> Verdict {
    (rule.check)(call, state).map_err(|refusal| Refusal { rule: rule.name, ..refusal })
}
