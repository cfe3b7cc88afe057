//! The use of quotas by a deployment.

use std::collections::BTreeMap;

use super::{applied, compiled, deployed, desired, empty_state};
use crate::{MANIFEST, OPENAPI};
use compiler::api::Endpoint;
use deployment::desired::Desired;
use deployment::observed::Observed;
use deployment::plan::{UnmetPrecondition, plan, unmet_preconditions};
use deployment::quota::{QuotaKind, Usage, usages};

/// Returns a document with a public operation on each path.
fn openapi(paths: &[String]) -> String {
    let (before, after) = OPENAPI.split_once("paths:").unwrap();
    let (_, components) = after.split_once("components:").unwrap();
    let paths: Vec<String> =
        paths.iter().map(|path| format!("  {path}: {{ get: {{ security: [] }} }}")).collect();
    format!("{before}paths:\n{}\ncomponents:{components}", paths.join("\n"))
}

fn usage(openapi: &str, state: &Observed, kind: &QuotaKind) -> Usage {
    let desired = desired(compiled(MANIFEST, openapi, Some("dev")));
    usages(&desired, state).into_iter().find(|usage| usage.kind == *kind).unwrap()
}

fn text(paths: &[&str]) -> Vec<String> {
    paths.iter().map(|path| (*path).to_owned()).collect()
}

#[test]
fn every_path_and_every_parent_path_is_a_resource() {
    for (paths, expected) in [
        (&["/"][..], 1),
        (&["/", "/a"], 2),
        (&["/a/b/c"], 4),
        (&["/a/b", "/a/c", "/a"], 4),
        (&["/{proxy+}", "/a/x"], 4),
    ] {
        let found = usage(&openapi(&text(paths)), &empty_state(), &QuotaKind::Resources);
        assert_eq!((found.before, found.after), (0, expected), "{paths:?}");
    }
}

#[test]
fn a_quota_can_be_reached_but_not_exceeded() {
    for (kind, quota, can_be_increased) in [
        (QuotaKind::Apis(Endpoint::Edge), 120, false),
        (QuotaKind::Apis(Endpoint::Regional), 600, false),
        (QuotaKind::Apis(Endpoint::Private), 600, false),
        (QuotaKind::Resources, 300, true),
        (QuotaKind::Authorizers, 10, true),
        (QuotaKind::Stages, 10, true),
    ] {
        let usage = |before, after| Usage { kind: kind.clone(), before, after };
        assert!(!usage(quota - 1, quota).exceeds_quota(), "{kind}");
        assert!(usage(quota, quota + 1).exceeds_quota(), "{kind}");
        // The quota was increased.
        assert!(!usage(quota + 1, quota + 1).exceeds_quota(), "{kind}");
        assert_eq!(usage(0, 1).can_be_increased(), can_be_increased, "{kind}");
        assert_eq!(usage(0, 1).to_string(), format!("1 of {quota}"));
    }
}

#[test]
fn a_default_quota_that_is_exceeded_is_a_note_of_the_plan() {
    let paths: Vec<String> = (0..300).map(|number| format!("/p{number}")).collect();
    let large = openapi(&paths);
    let note = "resources: 301 of 300 (default quota)";
    let has_note = |openapi: &str, state: &Observed| {
        let desired = desired(compiled(MANIFEST, openapi, Some("dev")));
        plan(&desired, state).notes.iter().any(|found| found.contains(note))
    };
    assert!(has_note(&large, &empty_state()));
    assert!(!has_note(&openapi(&paths[..299]), &empty_state()));
    // It was deployed, so the quota was increased.
    let (_, state) = deployed(&empty_state(), MANIFEST, &large, "dev");
    assert!(!has_note(&large, &state));
}

fn unmet(desired: &Desired, state: &Observed) -> Vec<UnmetPrecondition> {
    unmet_preconditions(desired, state, &plan(desired, state))
}

#[test]
fn an_api_beyond_a_quota_that_cannot_be_increased_is_refused() {
    let mut state = empty_state();
    let edge = MANIFEST.replacen("[api]\n", "[api]\nendpoint = \"edge\"\n", 1);
    let desired_edge = desired(compiled(&edge, OPENAPI, Some("dev")));
    state.apis = BTreeMap::from([(Endpoint::Edge, 119), (Endpoint::Regional, 600)]);
    assert_eq!(unmet(&desired_edge, &state), []);
    state.apis.insert(Endpoint::Edge, 120);
    let usage = Usage { kind: QuotaKind::Apis(Endpoint::Edge), before: 120, after: 121 };
    assert_eq!(unmet(&desired_edge, &state), [UnmetPrecondition::Quota { usage }],);
    // An existing API needs no other.
    let deployed = applied(&state, &desired_edge, &plan(&desired_edge, &state));
    let deployed = Observed { apis: state.apis.clone(), ..deployed };
    assert_eq!(unmet(&desired_edge, &deployed), []);
}
