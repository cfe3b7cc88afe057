//! The endpoint of an API, and its VPC endpoints.

use std::collections::BTreeSet;

use super::{applied, compiled, deployed, desired, empty_state, lines};
use crate::{MANIFEST, OPENAPI};
use compiler::api::{Endpoint, EndpointConfiguration};
use deployment::endpoint::endpoint_patches;
use deployment::observed::Observed;
use deployment::patch::Patch;
use deployment::plan::{CanaryError, Direction, Plan, Step, dangers, drift, plan, plan_canary};

const IDS: &str = "/endpointConfiguration/vpcEndpointIds";

fn endpoint(kind: Endpoint, ids: &[&str]) -> EndpointConfiguration {
    let vpc_endpoints: BTreeSet<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    EndpointConfiguration { kind, vpc_endpoints, disable_execute_api_endpoint: false }
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

fn servers() -> serde_json::Value {
    serde_json::json!([{
        "url": "/",
        "x-amazon-apigateway-endpoint-configuration": {"vpcEndpointIds": ["vpce-1", "vpce-2"]},
    }])
}

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
    let test = position(&changed, |step| matches!(step, Step::TestAuthorizers { .. }));
    let endpoint = position(&changed, |step| matches!(step, Step::UpdateEndpoint { .. }));
    let deployment = position(&changed, |step| matches!(step, Step::CreateDeployment { .. }));
    assert!(import < test && test < endpoint && endpoint < deployment, "{changed}");
    let expected = "~ API shop  endpoint: REGIONAL → PRIVATE (vpce-1, vpce-2)  [security]";
    assert_eq!(lines(&changed), [expected]);
    // The API is not private while the document is imported.
    assert_eq!(imported(&changed), Some(serde_json::Value::Null));

    let (changed, _) = deployed(&private, &manifest(PRIVATE), &openapi(), "dev");
    assert_eq!(lines(&changed), ["~ API shop  endpoint: PRIVATE (vpce-1, vpce-2) → PRIVATE"]);
    let (changed, _) = deployed(&private, &manifest(""), &openapi(), "dev");
    position(&changed, |step| matches!(step, Step::CreateDeployment { .. }));
    let public = "~ API shop  endpoint: PRIVATE (vpce-1, vpce-2) → REGIONAL  [becomes public]";
    assert_eq!(lines(&changed), [public]);
    assert_eq!(dangers(&changed.changes, Direction::Forward).len(), 1);
    // The private API retains its VPC endpoints until its type changes.
    assert_eq!(imported(&changed), Some(servers()));
    let endpoints: Vec<&Step> =
        changed.steps.iter().filter(|step| matches!(step, Step::UpdateEndpoint { .. })).collect();
    assert!(
        matches!(endpoints[..], [Step::UpdateEndpoint { from: a, to: b }, Step::UpdateEndpoint { .. }] if a == b),
        "{changed}"
    );
}

#[test]
fn vpc_endpoints_are_imported_and_verified() {
    let (created, state) = deployed(&empty_state(), &manifest(PRIVATE_WITH_IDS), &openapi(), "dev");
    assert_eq!(imported(&created), Some(servers()));
    let import = position(&created, |step| matches!(step, Step::ImportDefinition { .. }));
    let endpoint = position(&created, |step| matches!(step, Step::UpdateEndpoint { .. }));
    assert_eq!(endpoint, import + 1, "nothing between them may fail");
    let description = created.steps[endpoint].description();
    assert_eq!(description, "verify the endpoint of the API");

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
    assert_eq!(lines(&resumed), ["~ API shop  endpoint: REGIONAL → PRIVATE  [security]"]);
    position(&resumed, is_deployment);
}

#[test]
fn an_endpoint_that_was_changed_outside_is_restored_and_deployed_again() {
    let (_, mut state) = deployed(&empty_state(), &manifest(PRIVATE), &openapi(), "dev");
    let api = state.api.as_mut().unwrap();
    assert_eq!(drift(api), []);
    api.endpoint.kind = Endpoint::Regional;
    let found: Vec<String> = drift(api).iter().map(ToString::to_string).collect();
    assert_eq!(found, ["~ api  endpoint: PRIVATE → REGIONAL  [security]"]);
    let (restored, _) = deployed(&state, &manifest(PRIVATE), &openapi(), "dev");
    position(&restored, |step| matches!(step, Step::UpdateEndpoint { .. }));
    position(&restored, |step| matches!(step, Step::CreateDeployment { .. }));
}

#[test]
fn an_endpoint_changes_for_all_stages_and_all_requests() {
    let stages = |lines: &str| manifest(lines).replace("[stage.dev]", "[stage.prod]\n[stage.dev]");
    let (_, state) = deployed(&empty_state(), &stages(""), &openapi(), "dev");
    let (_, state) = deployed(&state, &stages(""), &openapi(), "prod");
    let private = desired(compiled(&stages(PRIVATE), &openapi(), Some("dev")));
    let planned = plan(&private, &state);
    let note = "the endpoint changes for all stages; deploy the others too: prod";
    assert_eq!(planned.notes, [note]);
    let error = plan_canary(&private, &state, "10".parse().unwrap()).unwrap_err();
    assert_eq!(error, CanaryError::Endpoint { api: "shop".to_owned() });

    // The deployment of the other stage was made for the other endpoint.
    let (_, state) = deployed(&state, &stages(PRIVATE), &openapi(), "dev");
    let (changed, _) = deployed(&state, &stages(PRIVATE), &openapi(), "prod");
    assert_eq!(lines(&changed), ["~ API shop  endpoint: REGIONAL → PRIVATE  [security]"]);
}

/// Returns the document with the extension in the root, or below a server.
fn disabled(is_in_root: bool) -> String {
    let extension =
        "x-amazon-apigateway-endpoint-configuration: { disableExecuteApiEndpoint: true }";
    let place = if is_in_root {
        format!("{extension}\npaths:")
    } else {
        format!("servers: [{{ url: 'https://api.example.com', {extension} }}]\npaths:")
    };
    openapi().replacen("paths:", &place, 1)
}

#[test]
fn a_disabled_default_endpoint_is_never_open_longer_than_an_import() {
    for is_in_root in [true, false] {
        let document = disabled(is_in_root);
        let (created, state) = deployed(&empty_state(), &manifest(""), &document, "dev");
        let server = serde_json::json!([{
            "url": "/",
            "x-amazon-apigateway-endpoint-configuration": {"disableExecuteApiEndpoint": true},
        }]);
        assert_eq!(imported(&created), Some(server.clone()));
        let other = document.replacen("[read]", "[write]", 1);
        let (changed, _) = deployed(&state, &manifest(""), &other, "dev");
        let import = position(&changed, |step| matches!(step, Step::ImportDefinition { .. }));
        let endpoint = position(&changed, |step| matches!(step, Step::UpdateEndpoint { .. }));
        assert_eq!(endpoint, import + 1, "{changed}");

        // It is opened at the end, as a danger.
        let (opened, _) = deployed(&state, &manifest(""), &openapi(), "dev");
        let change = "~ API shop  endpoint: REGIONAL, default endpoint disabled → REGIONAL  [becomes public]";
        assert_eq!(lines(&opened), [change]);
        assert_eq!(dangers(&opened.changes, Direction::Forward).len(), 1);
        assert_eq!(imported(&opened), Some(server));
        let test = position(&opened, |step| matches!(step, Step::TestAuthorizers { .. }));
        let opens = |step: &Step| matches!(step, Step::UpdateEndpoint { to, .. } if !to.disable_execute_api_endpoint);
        assert!(position(&opened, opens) > test, "{opened}");
    }
    let patch = Patch::replace("/disableExecuteApiEndpoint", "true");
    let (open, closed) = (
        endpoint(Endpoint::Regional, &[]),
        EndpointConfiguration {
            disable_execute_api_endpoint: true,
            ..endpoint(Endpoint::Regional, &[])
        },
    );
    assert_eq!(endpoint_patches(&open, &closed), [patch]);
    let patch = Patch::replace("/disableExecuteApiEndpoint", "false");
    assert_eq!(endpoint_patches(&closed, &open), [patch]);
}
