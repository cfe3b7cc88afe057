//! `deployer iam`: prints IAM policies. Makes no calls to AWS.

use serde_json::{Map, Value as Json, json};

use super::{Failure, Invocation};
use crate::cli::{self, Files};
use crate::output::Exit;
use compiler::api::{Api, LogDestination, LogDestinationKind, PinnedFunction, Route, Security};
use deployment::execution_role::{execution_trust_policy, log_policy};
use deployment::iam::{COMMANDS, PolicyScope};
use deployment::invoke_role::{invoke_policy, invoke_resource, trust_policy};
use deployment::observed::AwsTarget;
use deployment::target::function_arn;

const LOG_KEY_NOTE: &str = "\
note: the function logs subjects as hashes if its variable AUTHORIZER_LOG_KEY is set: create a key with
`openssl rand -hex 32`; every principal with lambda:GetFunctionConfiguration can read it";

pub(super) fn run(arguments: &cli::Iam, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    let files = Files { dir: arguments.dir.clone(), stage: arguments.stage.clone() };
    let api = invocation.compile(&files)?;
    let target = target(arguments, invocation, &api)?;
    let passable_roles = passable_roles(&api);
    let functions = api.authorizers.values().filter_map(|one| one.function.as_ref());
    let functions = functions.map(|function| function.name().to_owned());
    let functions: Vec<String> = functions.collect();
    let pinned = api.authorizers.values().filter_map(|one| one.function.as_ref()?.pinned());
    let pinned: Vec<&PinnedFunction> = pinned.collect();
    let pinned_names: Vec<String> = pinned.iter().map(|function| function.name.clone()).collect();
    let execution_roles = pinned.iter().filter_map(|one| one.settings.role.as_ref());
    let execution_roles: Vec<String> =
        execution_roles.map(|role| role.as_str().to_owned()).collect();
    let creates_roles = pinned.iter().any(|one| one.settings.role.is_none())
        || api.authorizers.values().any(|one| one.invoke_role.is_none());
    let scope = PolicyScope {
        target: &target,
        name: &api.name,
        api: arguments.api.as_deref(),
        created_roles: creates_roles.then_some(&api.deployment_settings.invoke_role),
        passable_roles: &passable_roles,
        functions: &functions,
        pinned: &pinned_names,
        execution_roles: &execution_roles,
        function_role: arguments.function_role.as_deref(),
        keys: api.usage_plan.as_ref().map(|plan| &*plan.keys).unwrap_or_default(),
        has_delivery_stream: has_delivery_stream(&api),
        has_vpc: pinned.iter().any(|function| function.settings.vpc.is_some()),
    };
    let printed = match arguments.policy.as_str() {
        "trust" => trust_policy(),
        "invoke" => {
            let invoke = |(name, authorizer): (&String, &compiler::api::Authorizer)| {
                let function = authorizer.function.as_ref()?;
                let resource = match function.pinned() {
                    Some(pinned) => {
                        format!("{}:*", function_arn(&target, &pinned.name)?.as_str())
                    }
                    None => invoke_resource(function.arn()?),
                };
                Some((name.clone(), invoke_policy(&[resource].into())))
            };
            let policies: Map<String, Json> = api.authorizers.iter().filter_map(invoke).collect();
            policies.into()
        }
        "execution" => log_policy(&target, &functions),
        "execution-trust" => execution_trust_policy(),
        "saml" => saml(arguments, &scope, &api)?,
        command => scope.command_policy(command).ok_or_else(|| Failure::InvalidOption {
            option: "POLICY",
            value: command.to_owned(),
            expected: "trust, invoke, execution, execution-trust, saml, build, or a command that calls AWS",
        })?,
    };
    debug_assert!(COMMANDS.iter().all(|command| scope.command_policy(command).is_some()));
    invocation.output.document(&serde_json::to_string_pretty(&printed).unwrap_or_default());
    if arguments.policy == "execution" {
        invocation.output.note(LOG_KEY_NOTE);
    }
    Ok(Exit::Success)
}

fn has_delivery_stream(api: &Api) -> bool {
    let log = api.stage_settings.access_log.as_ref();
    log.and_then(|log| LogDestination::read(&log.destination).ok())
        .is_some_and(|log| log.kind == LogDestinationKind::DeliveryStream)
}

/// Returns the configured roles that API Gateway assumes.
fn passable_roles(api: &Api) -> Vec<String> {
    let invoke_roles =
        api.authorizers.values().filter_map(|authorizer| authorizer.invoke_role.as_ref());
    let invoke_roles = invoke_roles.map(|role| role.as_str().to_owned());
    let others = api.external_authorizers.values().filter_map(|shape| shape.credentials.clone());
    let backends = api.routes.iter().filter_map(|route| route.integration.credentials.clone());
    let mut roles: Vec<String> = invoke_roles.chain(others).chain(backends).collect();
    roles.sort();
    roles.dedup();
    roles
}

/// Returns the account and Region of the options, or else those of a function.
fn target(
    arguments: &cli::Iam,
    invocation: Invocation<'_>,
    api: &Api,
) -> Result<AwsTarget, Failure> {
    let function = api.authorizers.values().find_map(|authorizer| authorizer.function_arn());
    let region = invocation.aws.region.clone().or_else(|| (invocation.environment)("AWS_REGION"));
    let region = region.or_else(|| Some(function?.region().to_owned()));
    let account = arguments.account.clone().or_else(|| Some(function?.account().to_owned()));
    let partition = match (function, region.as_deref()) {
        (Some(function), _) => function.partition(),
        (None, Some(region)) if region.starts_with("cn-") => "aws-cn",
        (None, Some(region)) if region.starts_with("us-gov-") => "aws-us-gov",
        (None, _) => "aws",
    };
    let missing = |option, expected| Failure::MissingOption { option, expected };
    Ok(AwsTarget {
        partition: partition.to_owned(),
        region: region.ok_or_else(|| missing("--region", "a Region, such as eu-west-1"))?,
        account: account.ok_or_else(|| missing("--account", "a 12-digit account ID"))?,
    })
}

fn saml(arguments: &cli::Iam, scope: &PolicyScope<'_>, api: &Api) -> Result<Json, Failure> {
    let missing = |option, expected| Failure::MissingOption { option, expected };
    let provider = arguments.provider.as_deref();
    let provider = provider.ok_or_else(|| missing("--provider", "the ARN of a SAML provider"))?;
    let issuer = arguments.issuer.as_deref();
    let issuer = issuer.ok_or_else(|| missing("--issuer", "the issuer of the SAML assertions"))?;
    if arguments.class.is_empty() {
        return Err(missing("--class", "NAME=METHOD PATH,METHOD PATH"));
    }
    let mut classes = Map::new();
    for class in &arguments.class {
        let invalid =
            |expected| Failure::InvalidOption { option: "--class", value: class.clone(), expected };
        let (name, listed) =
            class.split_once('=').ok_or_else(|| invalid("NAME=METHOD PATH,METHOD PATH"))?;
        let mut routes: Vec<&Route> = Vec::new();
        for operation in listed.split(',').map(str::trim) {
            let route = api.routes.iter().find(|route| route.to_string() == operation);
            let route = route.ok_or_else(|| invalid("operations of the API"))?;
            if route.security != Security::AwsIam {
                return Err(invalid("operations protected by AWS_IAM"));
            }
            routes.push(route);
        }
        let role = json!({
            "trust": scope.saml_trust_policy(provider, issuer),
            "policy": scope.caller_policy(&api.stage, &routes),
        });
        classes.insert(name.to_owned(), role);
    }
    Ok(classes.into())
}
