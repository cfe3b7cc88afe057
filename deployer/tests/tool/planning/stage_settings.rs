//! The settings of a stage: what is patched, in which order, and what is compared.

use std::collections::BTreeMap;

use super::ACCOUNT_THROTTLE;
use compiler::api::{LoggingLevel, RouteKey, StageSettings, Throttle};
use deployment::patch::PatchOp;
use deployment::stage_settings::{MethodSettings, ObservedSettings};

const NONE: ObservedSettings = ObservedSettings::new(ACCOUNT_THROTTLE);

fn route() -> RouteKey {
    "GET /a/{b}".parse().unwrap()
}

fn throttle(rate: f64) -> Throttle {
    Throttle { rate, burst: 2 }
}

fn lines(from: &ObservedSettings, to: &ObservedSettings) -> Vec<String> {
    let op = |op| if op == PatchOp::Remove { "remove" } else { "replace" };
    (from.patches(to).into_iter())
        .map(|p| format!("{} {} {}", op(p.op), p.path, p.value.unwrap_or_default()))
        .collect()
}

/// Every setting, and one route.
fn every() -> StageSettings {
    StageSettings {
        variables: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
        throttle: Some(throttle(1.5)),
        routes: BTreeMap::from([(route(), throttle(1.0))]),
        metrics: true,
        logging: Some(LoggingLevel::Info),
        tracing: true,
        ..StageSettings::default()
    }
}

#[test]
fn only_changed_settings_are_patched_and_those_of_all_methods_first() {
    let some = NONE.with(&every());
    assert_eq!(lines(&some, &some), [""; 0]);
    assert_eq!(
        lines(&NONE, &some),
        [
            "replace /variables/a b",
            "replace /*/*/throttling/burstLimit 2",
            "replace /*/*/throttling/rateLimit 1.5",
            "replace /*/*/metrics/enabled true",
            "replace /*/*/logging/loglevel INFO",
            "replace /~1a~1{b}/GET/throttling/burstLimit 2",
            "replace /~1a~1{b}/GET/throttling/rateLimit 1",
            "replace /~1a~1{b}/GET/metrics/enabled true",
            "replace /~1a~1{b}/GET/logging/loglevel INFO",
            "replace /tracingEnabled true",
        ]
    );
    assert_eq!(
        lines(&some, &some.with(&StageSettings::default())),
        [
            "remove /variables/a ",
            "replace /*/*/throttling/burstLimit 5000",
            "replace /*/*/throttling/rateLimit 10000",
            "replace /*/*/metrics/enabled false",
            "replace /*/*/logging/loglevel OFF",
            "remove /~1a~1{b}/GET ",
            "replace /tracingEnabled false",
        ]
    );
}

#[test]
fn settings_of_all_methods_reach_every_entry() {
    let before = NONE.with(&StageSettings { metrics: false, logging: None, ..every() });
    assert_eq!(
        lines(&before, &before.with(&every()))[2..4],
        [
            "replace /~1a~1{b}/GET/metrics/enabled true",
            "replace /~1a~1{b}/GET/logging/loglevel INFO",
        ]
    );
    // An entry of the console, whose throttle was copied, has other settings that are not part of the
    // files.
    let mut console = NONE.with(&StageSettings { routes: BTreeMap::new(), ..every() });
    let copied = MethodSettings { metrics: false, ..console.all.clone() };
    console.methods.insert(route(), copied);
    let desired = StageSettings { routes: BTreeMap::new(), ..every() };
    assert_eq!(console.missing(&desired), ["/~1a~1{b}/GET/metrics/enabled"]);
    assert_eq!(
        lines(&console, &console.with(&desired)),
        ["replace /~1a~1{b}/GET/metrics/enabled true"]
    );
    // One with a throttle of its own is removed: the files do not have it.
    console
        .methods
        .insert(route(), MethodSettings { throttle: throttle(7.0), ..console.all.clone() });
    assert_eq!(lines(&console, &console.with(&desired)), ["remove /~1a~1{b}/GET "]);
}

#[test]
fn the_account_throttle_and_zero_are_throttles_like_any_other() {
    let own = StageSettings { throttle: Some(ACCOUNT_THROTTLE), ..StageSettings::default() };
    assert_eq!(lines(&NONE, &NONE.with(&own)), [""; 0]);
    let zero = Throttle { rate: 0.0, burst: 0 };
    let closed = StageSettings { throttle: Some(zero), ..StageSettings::default() };
    let found = NONE.with(&closed);
    assert_eq!(
        lines(&NONE, &found),
        ["replace /*/*/throttling/burstLimit 0", "replace /*/*/throttling/rateLimit 0"]
    );
    assert_eq!(found.missing(&closed), [""; 0]);
    assert_eq!(NONE.missing(&closed).len(), 2);
    // The account's in another Region.
    let other = ObservedSettings::new(Throttle { rate: 2_500.0, burst: 1_250 });
    let metrics = StageSettings { metrics: true, ..StageSettings::default() };
    assert_eq!(lines(&other, &other.with(&metrics)), ["replace /*/*/metrics/enabled true"]);
}

#[test]
fn a_throttle_that_the_files_do_not_have_is_not_compared_after_an_update() {
    let metrics = StageSettings { metrics: true, ..StageSettings::default() };
    let mut found = NONE.with(&metrics);
    found.all.throttle = Throttle { rate: -1.0, burst: -1 };
    assert_eq!(found.missing(&metrics), [""; 0]);
    found.all.metrics = false;
    assert_eq!(found.missing(&metrics), ["/*/*/metrics/enabled"]);
}

#[test]
fn an_entry_is_described_by_its_differences() {
    let mut found = NONE.with(&every());
    let entry = found.methods[&route()].clone();
    assert_eq!(found.entry_text(&entry), "1 requests per second, burst 2");
    found.all.metrics = false;
    found.all.logging = None;
    assert_eq!(
        found.entry_text(&entry),
        "1 requests per second, burst 2, with metrics, with INFO logs"
    );
    found.all = MethodSettings { metrics: true, logging: Some(LoggingLevel::Error), ..found.all };
    let plain = MethodSettings { metrics: false, logging: None, ..entry };
    assert_eq!(
        found.entry_text(&plain),
        "1 requests per second, burst 2, without metrics, without logs"
    );
}
