//! Stages and deployments.

use super::Verdict;
use crate::strict::Refusal;
use crate::strict::operation::Call;
use crate::strict::patches::Patch;
use crate::strict::pattern;
use crate::strict::state::State;

fn refused(message: impl Into<String>) -> Verdict {
    Err(Refusal::bad_request(message))
}

/// Returns the patches that set a value at a path.
fn setting<'a>(patches: &'a [Patch], path: &'a str) -> impl Iterator<Item = &'a Patch> {
    patches.iter().filter(move |patch| patch.sets() && patch.path == path)
}

pub(super) fn logs_need_a_role(call: &Call, account: &State<'_>) -> Verdict {
    let enables = |patch: &Patch| {
        let setting = patch.method_setting().map(|(_, setting)| setting);
        patch.sets()
            && (patch.path.starts_with("/accessLogSettings/")
                || setting == Some("logging/loglevel") && patch.value != "OFF"
                || setting == Some("logging/dataTrace") && patch.value == "true")
    };
    if !account.settings.has_log_role && Patch::all(call).iter().any(enables) {
        return refused(
            "CloudWatch Logs role ARN must be set in account settings to enable logging",
        );
    }
    Ok(())
}

pub(super) fn access_log_destination(call: &Call, _: &State<'_>) -> Verdict {
    for patch in setting(&Patch::all(call), "/accessLogSettings/destinationArn") {
        let parts: Vec<&str> = patch.value.splitn(6, ':').collect();
        let is_valid = match parts[..] {
            ["arn", _, service, region, account, resource] => {
                let is_own = region == call.region && account == call.account;
                let group = resource.strip_prefix("log-group:");
                let group = group.map(|name| name.strip_suffix(":*").unwrap_or(name));
                let stream = resource.strip_prefix("deliverystream/amazon-apigateway-");
                is_own
                    && match service {
                        "logs" => group.is_some_and(|name| {
                            pattern::matches(r"[.\-_/#A-Za-z0-9]{1,512}", name)
                        }),
                        "firehose" => stream.is_some_and(|name| !name.is_empty()),
                        _ => false,
                    }
            }
            _ => false,
        };
        if !is_valid {
            return refused(format!(
                "Invalid ARN specified in the request. ARNs must start with 'arn:' and name a log group, or a Firehose stream whose name begins with amazon-apigateway-, of this account and Region: {}",
                patch.value
            ));
        }
    }
    Ok(())
}

pub(super) fn access_log_format(call: &Call, _: &State<'_>) -> Verdict {
    for patch in setting(&Patch::all(call), "/accessLogSettings/format") {
        let format = &patch.value;
        let line = format.strip_suffix('\n').unwrap_or(format);
        if line.contains('\n') {
            return refused(format!(
                "Access Log format must be single line, new line character is allowed only at end of the format: {format}"
            ));
        }
        if format.len() > 3 * 1024 {
            return refused("Access Log format must be at most 3072 bytes");
        }
        if !["$context.requestId", "$context.extendedRequestId"].iter().any(|id| line.contains(id))
        {
            return refused(
                "Access Log format must contain $context.requestId or $context.extendedRequestId",
            );
        }
    }
    Ok(())
}

pub(super) fn method_setting_entries(call: &Call, account: &State<'_>) -> Verdict {
    let patches = Patch::all(call);
    let removes = |patch: &&Patch| {
        patch.op == "remove"
            && patch.method_setting().is_some_and(|(_, setting)| setting.is_empty())
    };
    if !patches.iter().any(|patch| removes(&patch)) {
        return Ok(());
    }
    let stage = account.stage(call.text("restApiId"), call.text("stageName")).value();
    let Some(stage) = stage else { return Ok(()) };
    let entries = stage["methodSettings"].as_object();
    let mut entries: Vec<&str> =
        entries.into_iter().flat_map(|entries| entries.keys()).map(String::as_str).collect();
    for patch in &patches {
        let Some((entry, setting)) = patch.method_setting() else { continue };
        if setting.is_empty() {
            if !entries.contains(&entry) {
                return refused(format!(
                    "Cannot remove method setting {entry} because there is no method setting for this method "
                ));
            }
            entries.retain(|known| *known != entry);
        } else {
            entries.push(entry);
        }
    }
    Ok(())
}

pub(super) fn method_setting_values(call: &Call, _: &State<'_>) -> Verdict {
    for patch in Patch::all(call).iter().filter(|patch| patch.sets()) {
        let value = patch.value.as_str();
        let is_boolean = matches!(value, "true" | "false");
        let is_valid = match patch.method_setting() {
            Some((_, "logging/loglevel")) => matches!(value, "OFF" | "ERROR" | "INFO"),
            Some((_, "throttling/burstLimit")) => value.parse::<i32>().is_ok_and(|one| one >= -1),
            Some((_, "throttling/rateLimit")) => {
                value.parse::<f64>().is_ok_and(|one| one.is_finite() && one >= -1.0)
            }
            Some((_, "caching/ttlInSeconds")) => {
                value.parse::<i32>().is_ok_and(|one| (0..=3600).contains(&one))
            }
            Some((_, "caching/unauthorizedCacheControlHeaderStrategy")) => matches!(
                value,
                "FAIL_WITH_403"
                    | "SUCCEED_WITH_RESPONSE_HEADER"
                    | "SUCCEED_WITHOUT_RESPONSE_HEADER"
            ),
            Some(_) => is_boolean,
            None if patch.path == "/tracingEnabled" => is_boolean,
            None => true,
        };
        if !is_valid {
            return refused(format!("Invalid value for {}: {value}", patch.path));
        }
    }
    Ok(())
}

pub(super) fn method_throttle(call: &Call, account: &State<'_>) -> Verdict {
    let settings = account.settings;
    for patch in Patch::all(call) {
        let value = patch.value.parse::<f64>().unwrap_or_default();
        let limit = match patch.method_setting() {
            Some((_, "throttling/rateLimit")) => settings.rate,
            Some((_, "throttling/burstLimit")) => {
                i32::try_from(settings.burst).map_or(f64::MAX, f64::from)
            }
            _ => continue,
        };
        if value > limit {
            return refused(format!(
                "Throttling limits of a method cannot exceed the account limits: {} is above {limit}",
                patch.value
            ));
        }
    }
    Ok(())
}

pub(super) fn variables(call: &Call, account: &State<'_>) -> Verdict {
    let mut count = 0;
    let mut values = Vec::new();
    for (name, value) in call.input["variables"].as_object().into_iter().flatten() {
        count += 1;
        values.push((name.clone(), value.as_str().unwrap_or_default().to_owned()));
    }
    let patches = Patch::all(call);
    for patch in &patches {
        let overrides = patch.path.strip_prefix("/canarySettings/stageVariableOverrides/");
        let name = patch.path.strip_prefix("/variables/").or(overrides);
        if let Some(name) = name.filter(|_| patch.sets()) {
            values.push((name.replace("~1", "/").replace("~0", "~"), patch.value.clone()));
        }
    }
    for (name, value) in &values {
        if !pattern::matches("[A-Za-z0-9_]{1,64}", name) {
            return refused(format!(
                "Stage variable names must be alphanumeric (underscores allowed) and have at most 64 characters: {name}"
            ));
        }
        if !pattern::matches(r"[A-Za-z0-9\-._~:/?#&=,]{1,512}", value) {
            return refused(format!(
                "Stage variable values must have 1 to 512 characters and match [A-Za-z0-9-._~:/?#&=,]+: {name}"
            ));
        }
    }
    if !values.is_empty() && call.operation == "UpdateStage" && account.read.is_some() {
        let stage = account.stage(call.text("restApiId"), call.text("stageName")).value();
        let stage = stage.unwrap_or_default();
        let existing = stage["variables"].as_object().into_iter().flat_map(|all| all.keys());
        let mut names: std::collections::BTreeSet<String> = existing.cloned().collect();
        for patch in &patches {
            let Some(name) = patch.path.strip_prefix("/variables/") else { continue };
            if patch.sets() {
                names.insert(name.to_owned());
            } else {
                names.remove(name);
            }
        }
        count = names.len();
    }
    if count > 100 {
        return refused(format!("A stage can have at most 100 variables: {count}"));
    }
    Ok(())
}

pub(super) fn name(call: &Call, _: &State<'_>) -> Verdict {
    if pattern::matches("[A-Za-z0-9_-]{1,128}", call.text("stageName")) {
        return Ok(());
    }
    refused("Stage name only allows a-zA-Z0-9_- and at most 128 characters")
}

pub(super) fn canary_values(call: &Call, _: &State<'_>) -> Verdict {
    for patch in setting(&Patch::all(call), "/canarySettings/percentTraffic") {
        let percent = patch.value.parse::<f64>();
        if !percent.is_ok_and(|percent| (0.0..=100.0).contains(&percent)) {
            return refused(format!(
                "Canary percent traffic must be between 0 and 100: {}",
                patch.value
            ));
        }
    }
    Ok(())
}

pub(super) fn canary_promotion(call: &Call, account: &State<'_>) -> Verdict {
    if !Patch::all(call).iter().any(|patch| patch.op == "copy") {
        return Ok(());
    }
    let stage = account.stage(call.text("restApiId"), call.text("stageName")).value();
    if stage.is_some_and(|stage| stage["canarySettings"].is_null()) {
        return refused("Promotion not available. Canary does not exist.");
    }
    Ok(())
}

pub(super) fn deployment_of_a_canary(call: &Call, account: &State<'_>) -> Verdict {
    if call.input["canarySettings"].is_null() {
        return Ok(());
    }
    let stage = call.text("stageName");
    if stage.is_empty() {
        return refused(
            "Invalid deployment content specified.Non null and non empty stageName must be provided for canary deployment. Provided value is null",
        );
    }
    if account.stage(call.text("restApiId"), stage).is_missing() {
        return refused(
            "Invalid deployment content specified.Stage non-existing must already be created before making a canary release deployment",
        );
    }
    Ok(())
}

pub(super) fn deployment_of_a_private_api(call: &Call, account: &State<'_>) -> Verdict {
    let Some(api) = account.api(call.text("restApiId")).value() else { return Ok(()) };
    let is_private = api["endpointConfiguration"]["types"][0] == "PRIVATE";
    if is_private && api["policy"].as_str().unwrap_or_default().is_empty() {
        return refused("Private REST API doesn't have a resource policy attached to it");
    }
    Ok(())
}

pub(super) fn deployment_without_methods(call: &Call, account: &State<'_>) -> Verdict {
    let api = call.text("restApiId");
    if account.read.is_none() || account.api(api).is_missing() {
        return Ok(());
    }
    let has_methods =
        |resource: &serde_json::Value| resource["resourceMethods"].as_object().is_some();
    if account.resources(api).iter().any(has_methods) {
        return Ok(());
    }
    refused("The REST API doesn't contain any methods")
}

pub(super) fn deployment_in_use(call: &Call, account: &State<'_>) -> Verdict {
    let id = call.text("deploymentId");
    let uses = |stage: &serde_json::Value| {
        stage["deploymentId"] == id || stage["canarySettings"]["deploymentId"] == id
    };
    if account.stages(call.text("restApiId")).iter().any(uses) {
        return refused("Active stages pointing to this deployment must be moved or deleted");
    }
    Ok(())
}

pub(super) fn mapped_domain(call: &Call, account: &State<'_>) -> Verdict {
    let (api, stage) = (call.text("restApiId"), call.text("stageName"));
    let is_mapped = account.base_path_mappings().iter().any(|mapping| {
        mapping["restApiId"] == api && (stage.is_empty() || mapping["stage"] == stage)
    });
    if is_mapped {
        return refused(format!(
            "Deleting {} failed. Please remove all base path mappings related to it in your domains",
            if stage.is_empty() { api } else { stage }
        ));
    }
    Ok(())
}
