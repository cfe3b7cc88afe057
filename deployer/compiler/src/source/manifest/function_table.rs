//! `function` and `function_arn` of `[authorizer.NAME]`. Lambda's limits:
//! <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>

use std::collections::BTreeMap;

use authorizer::config::check_environment;

use super::choice;
use super::values::{arn, ids, integer, seconds};
use crate::api::{
    Architecture, Arn, AuthorizerFunction, FunctionTable, PinnedFunction, VpcSettings,
};
use crate::source::diagnostic::{Diagnostics, Span};
use crate::source::document::{Node, Section, Value};

const FUNCTION: &str = "function";
const MEMORY_MB: std::ops::RangeInclusive<i32> = 128..=10_240;
/// API Gateway waits for an authorizer as long as for an integration.
const TIMEOUT_SECONDS: std::ops::RangeInclusive<i32> = 1..=29;
/// The longest name of which the name of a log group and of a role can be made.
const MAX_NAME: usize = 64;
const ARCHITECTURES: [(&str, Architecture); 2] =
    [("arm64", Architecture::Arm64), ("x86_64", Architecture::X86_64)];
const MAX_ENVIRONMENT_BYTES: usize = 4096;
/// The numbers of subnets and security groups that Lambda accepts.
const SUBNETS: std::ops::RangeInclusive<usize> = 1..=16;
const SECURITY_GROUPS: std::ops::RangeInclusive<usize> = 1..=5;
/// The variable of the log key, which is a part of the configuration.
const LOG_KEY: &str = "AUTHORIZER_LOG_KEY";

/// Reads the function of an authorizer, or of an authorizer of a stage.
pub(super) fn function(
    section: &mut Section<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<AuthorizerFunction> {
    let form = "arn:aws:lambda:REGION:ACCOUNT:function:NAME[:ALIAS]";
    let released = arn(section, "function_arn", Arn::function, form, diagnostics);
    let entry = section.entry(FUNCTION);
    if let Some(entry) = entry.filter(|_| section.entry("function_arn").is_some()) {
        let help = "remove `function_arn` to pin a version of the function with each deployment";
        let message = "`function` and `function_arn` exclude each other";
        diagnostics.error(entry.key_span, message, help.to_owned());
    }
    let pinned = entry.and_then(|entry| pinned(&entry.node, diagnostics));
    pinned
        .map(Box::new)
        .map(AuthorizerFunction::Pinned)
        .or(released.map(AuthorizerFunction::Released))
}

fn pinned(node: &Node, diagnostics: &mut Diagnostics) -> Option<PinnedFunction> {
    let (name, span, settings) = match node.text() {
        Some(name) => (name.to_owned(), node.span, FunctionTable::default()),
        None => {
            let mut section = Section::open(node, FUNCTION, diagnostics);
            let name = section.text("name", diagnostics);
            let settings = settings(&mut section, diagnostics);
            section.finish(diagnostics);
            let Some((name, span)) = name else {
                if node.member("name").is_none() && matches!(node.value, Value::Map(_)) {
                    let help = "add `name`, the name of the function".to_owned();
                    diagnostics.error(node.span, "missing `name`", help);
                }
                return None;
            };
            (name.to_owned(), span, settings)
        }
    };
    let is_valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(is_valid) {
        let help = if name.starts_with("arn:") {
            "write the name alone, or use `function_arn` for a function that is released separately"
        } else {
            "use letters, digits, `-` and `_`, at most 64 characters"
        };
        diagnostics.error(span, format!("invalid function name `{name}`"), help.to_owned());
        return None;
    }
    Some(PinnedFunction { name, settings, version: None, content: String::new() })
}

fn settings(section: &mut Section<'_>, diagnostics: &mut Diagnostics) -> FunctionTable {
    let role = arn(section, "role_arn", Arn::role, "arn:aws:iam::ACCOUNT:role/NAME", diagnostics);
    let vpc = section.entry("vpc").and_then(|entry| vpc(&entry.node, diagnostics));
    if let Some(entry) = section.entry("vpc").filter(|_| role.is_none()) {
        let help = "set `role_arn` to a role with AWSLambdaVPCAccessExecutionRole: the role that `deploy` creates may write logs only";
        diagnostics.error(entry.key_span, "`vpc` requires `role_arn`", help.to_owned());
    }
    let timeout = seconds(section, "timeout", diagnostics)
        .map(|value| i32::try_from(value).unwrap_or(i32::MAX));
    let memory = integer(section, "memory", 0, diagnostics);
    FunctionTable {
        architecture: choice(section, "architecture", &ARCHITECTURES, diagnostics)
            .unwrap_or(Architecture::Arm64),
        memory_mb: within(section, "memory", memory, MEMORY_MB, "MB", diagnostics)
            .unwrap_or(FunctionTable::DEFAULT_MEMORY_MB),
        timeout_seconds: within(section, "timeout", timeout, TIMEOUT_SECONDS, "s", diagnostics)
            .unwrap_or(FunctionTable::DEFAULT_TIMEOUT_SECONDS),
        role,
        environment: environment(section, diagnostics),
        vpc,
    }
}

fn within(
    section: &mut Section<'_>,
    key: &'static str,
    value: Option<i32>,
    range: std::ops::RangeInclusive<i32>,
    unit: &str,
    diagnostics: &mut Diagnostics,
) -> Option<i32> {
    let value = value?;
    if !range.contains(&value) {
        let span = section.entry(key).map(|entry| entry.node.span).unwrap_or_default();
        let (first, last) = (range.start(), range.end());
        let message = format!("invalid `{key}`: expected {first} to {last} {unit}, found {value}");
        diagnostics.error(span, message, None);
    }
    Some(value)
}

fn vpc(node: &Node, diagnostics: &mut Diagnostics) -> Option<VpcSettings> {
    let mut section = Section::open(node, "vpc", diagnostics);
    let subnets = ids(&mut section, "subnets", "subnet-", SUBNETS, diagnostics);
    let groups = ids(&mut section, "security_groups", "sg-", SECURITY_GROUPS, diagnostics);
    section.finish(diagnostics);
    let (subnets, groups) = (subnets?.into_iter(), groups?.into_iter());
    Some(VpcSettings { subnets: subnets.collect(), security_groups: groups.collect() })
}

/// Reads the environment variables: those that Lambda and the authorizer accept.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>
fn environment(
    section: &mut Section<'_>,
    diagnostics: &mut Diagnostics,
) -> BTreeMap<String, String> {
    let Some(entry) = section.entry("environment") else { return BTreeMap::new() };
    if !matches!(entry.node.value, Value::Map(_)) {
        let message = format!("`environment`: expected a map, found {}", entry.node.kind());
        diagnostics.error(entry.node.span, message, None);
    }
    let mut variables = BTreeMap::new();
    for entry in entry.node.entries() {
        if let Some(problem) = name_problem(&entry.key) {
            let message = format!("invalid environment variable `{}`", entry.key);
            diagnostics.error(entry.key_span, message, problem.to_owned());
            continue;
        }
        let Some(value) = entry.node.text() else {
            let message =
                format!("`{}`: expected a string, found {}", entry.key, entry.node.kind());
            diagnostics.error(entry.node.span, message, None);
            continue;
        };
        variables.insert(entry.key.clone(), value.to_owned());
    }
    check_values(&variables, entry.node.span, diagnostics);
    variables
}

fn name_problem(name: &str) -> Option<&'static str> {
    let is_valid = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_reserved = ["AWS_", "LAMBDA_", "_"].iter().any(|prefix| name.starts_with(prefix));
    if name == LOG_KEY {
        return Some("set `log_key` of the authorizer, which is a part of its configuration");
    }
    if is_reserved {
        return Some("Lambda reserves the prefixes `AWS_`, `LAMBDA_` and `_`");
    }
    let is_name = name.len() >= 2
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(is_valid);
    (!is_name).then_some("use letters, digits and `_`, at least 2, the first one a letter")
}

fn check_values(variables: &BTreeMap<String, String>, span: Span, diagnostics: &mut Diagnostics) {
    // Lambda measures the variables as JSON.
    let bytes = serde_json::to_string(variables).unwrap_or_default().len();
    if bytes > MAX_ENVIRONMENT_BYTES {
        let message = format!(
            "`environment` is too large: {bytes} bytes, expected at most {MAX_ENVIRONMENT_BYTES}"
        );
        diagnostics.error(span, message, None);
    }
    if let Err(errors) = check_environment(variables, Some("authorizer.json")) {
        for error in errors.as_slice() {
            diagnostics.error(span, format!("{}: {}", error.location, error.message), None);
        }
    }
}
