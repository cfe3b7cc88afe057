//! The endpoint of an API, and its VPC endpoints.

use std::collections::BTreeSet;

use super::{applied, compiled, deployed, desired, empty_state, lines};
use crate::{MANIFEST, OPENAPI};
use compiler::api::{Endpoint, EndpointConfiguration};
use deployment::endpoint::endpoint_patches;
use deployment::observed::Observed;
use deployment::patch::Patch;
use deployment::plan::{Plan, Step, plan};

const IDS: &str = "/endpointConfiguration/vpcEndpointIds";

fn endpoint(kind: Endpoint, ids: &[&str]) -> EndpointConfiguration {
    let vpc_endpoints: BTreeSet<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    EndpointConfiguration { kind, vpc_endpoints }
}

/// Returns a manifest with these lines in `[api]`.
fn manifest(lines: &str) -> String {
    MANIFEST.replacen("[api]\n", &format!("[api]\n{lines}\n"), 1)
}

fn openapi() -> String {
    let policy = "x-amazon-apigateway-policy: { Version: '2012-10-17', Statement: [{ Effect: Allow, Principal: '*', Action: 'execute-api:Invoke', Resource: 'execute-api:/*' }] }\npaths:";
    OPENAPI.replacen("paths:", policy, 1)
}

const PRIVATE: &str = "endpoint = \"private\"";
const PRIVATE_WITH_IDS: &str = "endpoint = \"private\"\nvpc_endpoints = [\"vpce-1\", \"vpce-2\"]";

fn position(plan: &Plan, is_step: impl Fn(&Step) -> bool) -> usize {
    plan.steps.iter().position(is_step).unwrap_or_else(|| panic!("{plan}"))
}

/// Returns the endpoint in the imported document.
fn imported(plan: &Plan) -> Option<serde_json::Value> {
    plan.steps.iter().find_map(|step| match step {
        Step::ImportDefinition { document } => Some(document["servers"].clone()),
        _ => None,
    })
}

#[test]
fn vpc_endpoints_are_removed_before_the_type_changes_and_added_after_it() {
    use Endpoint::{Private, Regional};
    for (from, to, expected) in [
        (endpoint(Regional, &[]), endpoint(Regional, &[]), vec![]),
        (
            endpoint(Private, &["vpce-1", "vpce-2"]),
            endpoint(Private, &["vpce-2", "vpce-3"]),
            vec![Patch::remove_value(IDS, "vpce-1"), Patch::add(IDS, "vpce-3")],
        ),
        (
            endpoint(Private, &["vpce-1"]),
            endpoint(Regional, &[]),
            vec![
                Patch::remove_value(IDS, "vpce-1"),
                Patch::replace("/endpointConfiguration/types/PRIVATE", "REGIONAL"),
            ],
        ),
        (
            endpoint(Regional, &[]),
            endpoint(Private, &["vpce-1"]),
            vec![
                Patch::replace("/endpointConfiguration/types/REGIONAL", "PRIVATE"),
                Patch::add(IDS, "vpce-1"),
            ],
        ),
    ] {
        assert_eq!(endpoint_patches(&from, &to), expected, "{from} to {to}");
    }
}

#[test]
fn an_endpoint_changes_after_the_import_and_before_a_new_deployment() {
    let (_, regional) = deployed(&empty_state(), &manifest(""), &openapi(), "dev");
    let (changed, private) = deployed(&regional, &manifest(PRIVATE_WITH_IDS), &openapi(), "dev");
    let import = position(&changed, |step| matches!(step, Step::ImportDefinition { .. }));
    let endpoint = position(&changed, |step| matches!(step, Step::UpdateEndpoint { .. }));
    let deployment = position(&changed, |step| matches!(step, Step::CreateDeployment { .. }));
    assert!(import < endpoint && endpoint < deployment, "{changed}");
    let expected = "~ API shop  endpoint: REGIONAL → PRIVATE (vpce-1, vpce-2)";
    assert_eq!(lines(&changed), [expected]);
    // The API is not private while the document is imported.
    assert_eq!(imported(&changed), Some(serde_json::Value::Null));

    let (changed, _) = deployed(&private, &manifest(PRIVATE), &openapi(), "dev");
    assert_eq!(lines(&changed), ["~ API shop  endpoint: PRIVATE (vpce-1, vpce-2) → PRIVATE"]);
    let (changed, _) = deployed(&private, &manifest(""), &openapi(), "dev");
    position(&changed, |step| matches!(step, Step::CreateDeployment { .. }));
}

#[test]
fn vpc_endpoints_are_imported_and_verified() {
    let (created, state) = deployed(&empty_state(), &manifest(PRIVATE_WITH_IDS), &openapi(), "dev");
    let server = serde_json::json!([{
        "url": "/",
        "x-amazon-apigateway-endpoint-configuration": {"vpcEndpointIds": ["vpce-1", "vpce-2"]},
    }]);
    assert_eq!(imported(&created), Some(server));
    let endpoint = position(&created, |step| matches!(step, Step::UpdateEndpoint { .. }));
    let description = created.steps[endpoint].description();
    assert_eq!(description, "verify the VPC endpoints of the API");

    let other = openapi().replacen("title: ", "description: Other, title: ", 1);
    let (changed, _) = deployed(&state, &manifest(PRIVATE_WITH_IDS), &other, "dev");
    position(&changed, |step| matches!(step, Step::UpdateEndpoint { from, to } if from == to));
}

/// Returns the state after a run that was interrupted before this step.
fn interrupted(before: &Observed, toml: &str, is_last: impl Fn(&Step) -> bool) -> Observed {
    let desired = desired(compiled(toml, &openapi(), Some("dev")));
    let mut planned = plan(&desired, before);
    planned.steps.truncate(position(&planned, is_last));
    applied(before, &desired, &planned)
}

#[test]
fn a_change_that_was_interrupted_before_its_deployment_is_deployed_by_the_next_run() {
    let (_, regional) = deployed(&empty_state(), &manifest(""), &openapi(), "dev");
    let is_deployment = |step: &Step| matches!(step, Step::CreateDeployment { .. });
    let state = interrupted(&regional, &manifest(PRIVATE), is_deployment);
    let (resumed, _) = deployed(&state, &manifest(PRIVATE), &openapi(), "dev");
    assert_eq!(lines(&resumed), ["~ API shop  endpoint: REGIONAL → PRIVATE"]);
    position(&resumed, is_deployment);
}

#[test]
fn an_endpoint_that_was_changed_outside_is_restored_and_deployed_again() {
    let (_, mut state) = deployed(&empty_state(), &manifest(PRIVATE), &openapi(), "dev");
    state.api.as_mut().unwrap().endpoint.kind = Endpoint::Regional;
    let (restored, _) = deployed(&state, &manifest(PRIVATE), &openapi(), "dev");
    position(&restored, |step| matches!(step, Step::UpdateEndpoint { .. }));
    position(&restored, |step| matches!(step, Step::CreateDeployment { .. }));
}
