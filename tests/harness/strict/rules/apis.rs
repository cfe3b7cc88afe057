//! REST APIs.

use serde_json::Value;

use super::Verdict;
use super::imports::document;
use crate::strict::Refusal;
use crate::strict::operation::Call;
use crate::strict::patches::Patch;
use crate::strict::state::State;

fn refused(message: impl Into<String>) -> Verdict {
    Err(Refusal::bad_request(message))
}

pub(super) fn description(call: &Call, _: &State<'_>) -> Verdict {
    let patches = Patch::all(call);
    let updated = patches
        .iter()
        .any(|patch| patch.sets() && patch.path == "/description" && patch.value.is_empty());
    let imported = call.operation == "PutRestApi" && document(call)["info"]["description"] == "";
    if call.input["description"] == "" || updated || imported {
        return refused("Description cannot be an empty string");
    }
    Ok(())
}

pub(super) fn policy_length(call: &Call, _: &State<'_>) -> Verdict {
    let patches = Patch::all(call);
    let updated = patches.iter().filter(|patch| patch.sets() && patch.path == "/policy");
    let imported = match &document(call)["x-amazon-apigateway-policy"] {
        Value::Null => String::new(),
        policy => policy.to_string(),
    };
    let mut texts =
        updated.map(|patch| patch.value.as_str()).chain([&*imported, call.text("policy")]);
    if texts.any(|text| text.chars().count() > 8_192) {
        return refused("Invalid policy document: the resource policy exceeds 8192 characters");
    }
    Ok(())
}

/// Returns the endpoint type of an API before a call.
fn endpoint_of(call: &Call, account: &State<'_>) -> Option<String> {
    let api = account.api(call.text("restApiId")).value()?;
    Some(api["endpointConfiguration"]["types"][0].as_str().unwrap_or("EDGE").to_owned())
}

pub(super) fn endpoint_type(call: &Call, account: &State<'_>) -> Verdict {
    let types = call.input["endpointConfiguration"]["types"].as_array();
    match types.map(Vec::len) {
        Some(0) => {
            return refused(
                "REGIONAL Configuration and EDGE Configuration cannot be both DISABLED.",
            );
        }
        Some(2..) => return refused("Cannot create an api with multiple Endpoint Types."),
        _ => {}
    }
    let patches = Patch::all(call);
    let prefix = "/endpointConfiguration/types/";
    for patch in patches.iter().filter(|patch| patch.path.starts_with(prefix)) {
        if !["EDGE", "PRIVATE", "REGIONAL"].contains(&&*patch.value) {
            return refused(
                "Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE",
            );
        }
        let Some(current) = endpoint_of(call, account) else { continue };
        if current == "PRIVATE" && patch.value == "EDGE" {
            return refused("Cannot update endpoint from PRIVATE to EDGE");
        }
        if !patch.path.ends_with(&current) {
            return refused(format!(
                "Invalid patch path {}: the endpoint type is {current}",
                patch.path
            ));
        }
    }
    Ok(())
}

/// Only a private API has VPC endpoints, after a call too.
pub(super) fn vpc_endpoints(call: &Call, account: &State<'_>) -> Verdict {
    const IDS: &str = "/endpointConfiguration/vpcEndpointIds";
    let settings = &call.input["endpointConfiguration"];
    let patches = Patch::all(call);
    let types = "/endpointConfiguration/types/";
    let target = patches.iter().rfind(|patch| patch.sets() && patch.path.starts_with(types));
    let kind = match call.operation.as_str() {
        "CreateRestApi" => settings["types"][0].as_str().map(str::to_owned),
        _ => target.map(|patch| patch.value.clone()).or_else(|| endpoint_of(call, account)),
    };
    let existing = account.api(call.text("restApiId")).value().unwrap_or_default();
    let existing = ids(&existing["endpointConfiguration"]);
    let mut ids: Vec<String> = ids(settings).into_iter().chain(existing).collect();
    ids.extend(imported_ids(&document(call)));
    for patch in patches.iter().filter(|patch| patch.path == IDS) {
        if patch.op == "add" {
            ids.push(patch.value.clone());
        } else {
            ids.retain(|id| *id != patch.value);
        }
    }
    if ids.is_empty() || kind.is_some_and(|kind| kind == "PRIVATE") {
        return Ok(());
    }
    refused("VPCEndpoints can only be specified with PRIVATE apis.")
}

fn ids(endpoint: &Value) -> Vec<String> {
    let ids = endpoint["vpcEndpointIds"].as_array().into_iter().flatten();
    ids.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Returns the VPC endpoints of the servers of a document.
fn imported_ids(document: &Value) -> Vec<String> {
    let servers = document["servers"].as_array().into_iter().flatten();
    servers.flat_map(|server| ids(&server["x-amazon-apigateway-endpoint-configuration"])).collect()
}

pub(super) fn ip_address_type(call: &Call, account: &State<'_>) -> Verdict {
    let settings = &call.input["endpointConfiguration"];
    let created = settings["types"][0] == "PRIVATE" && settings["ipAddressType"] == "ipv4";
    let patches = Patch::all(call);
    let updated = patches
        .iter()
        .any(|patch| patch.path == "/endpointConfiguration/ipAddressType" && patch.value == "ipv4");
    let is_private = || endpoint_of(call, account).is_some_and(|kind| kind == "PRIVATE");
    if created || updated && is_private() {
        return refused("Only dualstack ipAddressType is supported for Private APIs.");
    }
    Ok(())
}

pub(super) fn compression_size(call: &Call, _: &State<'_>) -> Verdict {
    let is_valid = |size: i64| (0..=10_485_760).contains(&size);
    let created = call.input["minimumCompressionSize"].as_i64().is_none_or(is_valid);
    let updated = Patch::all(call).iter().all(|patch| {
        patch.path != "/minimumCompressionSize"
            || patch.value.is_empty()
            || patch.value.parse().is_ok_and(is_valid)
    });
    if created && updated {
        return Ok(());
    }
    refused("Invalid minimum compression size, must be between 0 and 10485760")
}

pub(super) fn page_limit(call: &Call, _: &State<'_>) -> Verdict {
    match call.input["limit"].as_i64() {
        Some(limit) if !(1..=500).contains(&limit) => {
            refused(format!("Invalid limit specified: {limit}. The maximum is 500"))
        }
        _ => Ok(()),
    }
}
