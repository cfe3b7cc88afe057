//! Deployments that AWS would refuse in the middle.

use super::{applied, compiled, desired, empty_state};
use crate::{MANIFEST, OPENAPI};
use compiler::api::{RouteKey, Throttle};
use deployment::desired::Desired;
use deployment::observed::{AccountSettings, Observed};
use deployment::plan::{UnmetPrecondition, plan, plan_canary, unmet_preconditions};

const API: &str = "shop";

fn unmet(manifest: &str, openapi: &str) -> Vec<UnmetPrecondition> {
    unmet_in(&desired(compiled(manifest, openapi, Some("dev"))), &empty_state())
}

fn unmet_in(desired: &Desired, state: &Observed) -> Vec<UnmetPrecondition> {
    unmet_preconditions(desired, state, &plan(desired, state))
}

fn with_endpoint(name: &str) -> String {
    MANIFEST.replacen("[api]\n", &format!("[api]\nendpoint = \"{name}\"\n"), 1)
}

#[test]
fn logs_require_a_log_role() {
    let expected = [UnmetPrecondition::LogRole { stage: "dev".to_owned() }];
    let log = "access_log = { destination = \"arn:aws:logs:eu-west-1:123456789012:log-group:a\" }";
    for setting in ["logging = \"error\"", log] {
        let manifest = MANIFEST.replacen("[stage.dev]\n", &format!("[stage.dev]\n{setting}\n"), 1);
        assert_eq!(unmet(&manifest, OPENAPI), expected);
        let mut state = empty_state();
        let role = Some("arn:aws:iam::123456789012:role/logs".to_owned());
        state.account = AccountSettings { cloudwatch_role: role, ..AccountSettings::DEFAULT };
        let desired = desired(compiled(&manifest, OPENAPI, Some("dev")));
        assert_eq!(unmet_in(&desired, &state), []);
    }
    assert_eq!(unmet(MANIFEST, OPENAPI), []);
}

#[test]
fn a_private_api_requires_a_resource_policy_and_does_not_become_edge_optimized() {
    let api = || API.to_owned();
    let private = with_endpoint("private");
    assert_eq!(unmet(&private, OPENAPI), [UnmetPrecondition::ResourcePolicy { api: api() }]);
    let policy = "x-amazon-apigateway-policy: { Version: '2012-10-17', Statement: [{ Effect: Allow, Principal: '*', Action: 'execute-api:Invoke', Resource: 'execute-api:/*' }] }\npaths:";
    let openapi = OPENAPI.replacen("paths:", policy, 1);
    assert_eq!(unmet(&private, &openapi), []);

    let first = desired(compiled(&private, &openapi, Some("dev")));
    let state = applied(&empty_state(), &first, &plan(&first, &empty_state()));
    let edge = desired(compiled(&with_endpoint("edge"), &openapi, Some("dev")));
    let expected = [UnmetPrecondition::PrivateToEdge { api: api() }];
    assert_eq!(unmet_in(&edge, &state), expected);
    let regional = desired(compiled(&with_endpoint("regional"), &openapi, Some("dev")));
    assert_eq!(unmet_in(&regional, &state), []);
}

#[test]
fn a_throttle_above_that_of_the_account_is_refused() {
    let account = Throttle { rate: 2_500.0, burst: 1_250 };
    let mut state = empty_state();
    state.account.throttle = account;
    let route = RouteKey::new("GET", "/open");
    for (throttle, is_refused) in [
        ("rate = 2500, burst = 1250", false),
        ("rate = 2501, burst = 1250", true),
        ("rate = 2500, burst = 1251", true),
        ("rate = 0, burst = 0", false),
    ] {
        for (table, route) in [
            (format!("[stage.dev]\nthrottle = {{ {throttle} }}\n"), None),
            (
                format!(
                    "[stage.dev.route.\"GET /open\"]\nthrottle = {{ {throttle} }}\n[stage.dev]\n"
                ),
                Some(route.clone()),
            ),
        ] {
            let manifest = MANIFEST.replacen("[stage.dev]\n", &table, 1);
            let desired = desired(compiled(&manifest, OPENAPI, Some("dev")));
            let refused = UnmetPrecondition::Throttle { stage: "dev".to_owned(), route, account };
            let expected: Vec<_> = is_refused.then_some(refused).into_iter().collect();
            assert_eq!(unmet_in(&desired, &state), expected, "{manifest}");
        }
    }
}

#[test]
fn settings_that_the_plan_does_not_send_are_no_precondition() {
    let manifest = MANIFEST.replacen(
        "[stage.dev]\n",
        "[stage.dev]\nlogging = \"error\"\nthrottle = { rate = 5, burst = 6 }\n",
        1,
    );
    let mut before = empty_state();
    let role = Some("arn:aws:iam::123456789012:role/logs".to_owned());
    before.account = AccountSettings { cloudwatch_role: role, ..AccountSettings::DEFAULT };
    let first = desired(compiled(&manifest, OPENAPI, Some("dev")));
    let mut live = applied(&before, &first, &plan(&first, &before));
    live.account.cloudwatch_role = None;
    live.account.throttle = Throttle { rate: 1.0, burst: 1 };
    let other = OPENAPI.replacen("[read]", "[write]", 1);
    let changed = desired(compiled(&manifest, &other, Some("dev")));
    assert!(!plan(&changed, &live).is_empty());
    assert_eq!(unmet_in(&changed, &live), []);
    // The canary of a stage has no settings.
    let louder = manifest.replace("\"error\"", "\"info\"");
    let louder = desired(compiled(&louder, &other, Some("dev")));
    let expected = [UnmetPrecondition::LogRole { stage: "dev".to_owned() }];
    assert_eq!(unmet_in(&louder, &live), expected);
    let canary = plan_canary(&louder, &live, "10".parse().unwrap()).unwrap();
    assert_eq!(unmet_preconditions(&louder, &live, &canary), []);
}

#[test]
fn an_api_key_that_does_not_exist_is_refused_if_the_plan_adds_it() {
    let manifest = format!("{MANIFEST}\n[usage_plan]\nkeys = [\"a1\"]\n");
    let desired = desired(compiled(&manifest, OPENAPI, Some("dev")));
    let mut state = empty_state();
    assert_eq!(unmet_in(&desired, &state), []);
    state.missing_keys.insert("a1".to_owned());
    assert_eq!(unmet_in(&desired, &state), [UnmetPrecondition::ApiKey { key: "a1".to_owned() }]);
}
