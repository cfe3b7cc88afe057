//! Which changes of a plan are more than new entries of deny-lists.

use super::{AccessImpact, Action, Aspect, Change, Plan, Subject};
use crate::desired::Desired;
use crate::function::configuration_fingerprint;
use crate::observed::Observed;
use crate::record::{AuthorizerRecord, Record, with_recorded_deny_lists};
use compiler::definition::scheme_on_aws;

/// Returns the changes of a plan that are more than new entries of deny-lists, and the end of a canary:
/// changes to the files that were not deployed. Without a readable record, they are unknown, which is a
/// change too.
pub fn pending_changes(plan: &Plan, desired: &Desired, observed: &Observed) -> Vec<Change> {
    let api = observed.api.as_ref();
    let live = api.and_then(|api| api.live_record(&plan.stage));
    let Some(live) = live else {
        let mut changes = plan.changes.clone();
        changes.push(unknown_change(plan));
        return changes;
    };
    let is_pending = |change: &&Change| match &change.subject {
        Subject::Stage(_) => change.aspect != Aspect::Canary,
        Subject::Authorizer(scheme) => {
            let served = live.authorizers.get(scheme);
            !served.is_some_and(|one| adds_entries(change, scheme, one, desired, observed))
        }
        _ => true,
    };
    plan.changes.iter().filter(is_pending).cloned().collect()
}

fn unknown_change(plan: &Plan) -> Change {
    Change {
        action: Action::Update,
        subject: Subject::Stage(plan.stage.clone()),
        aspect: Aspect::Deployment,
        before: Some("a revision whose rules are unknown".to_owned()),
        after: Some(format!("revision {}", plan.revisions.1)),
        impact: AccessImpact::Widened,
    }
}

/// Returns whether a change of an authorizer only comes from new entries of its deny-lists.
fn adds_entries(
    change: &Change,
    scheme: &str,
    served: &AuthorizerRecord,
    desired: &Desired,
    observed: &Observed,
) -> bool {
    match change.aspect {
        Aspect::DenyList(_) => change.impact != AccessImpact::Revived,
        Aspect::Configuration => has_served_configuration(scheme, served, desired),
        Aspect::Function => is_served_function(scheme, served, desired, observed),
        _ => false,
    }
}

/// Returns whether the configuration is the one that is served, without the new entries.
fn has_served_configuration(scheme: &str, served: &AuthorizerRecord, desired: &Desired) -> bool {
    let name = authorizer(desired, scheme);
    let document = name.and_then(|name| desired.api.authorizer_document(name));
    let (Some(document), Some(rules)) = (document, &served.rules) else { return false };
    [false, true].into_iter().any(|with_empty| {
        let before = with_recorded_deny_lists(&document, rules, with_empty);
        Some(configuration_fingerprint(&before)) == served.configuration
    })
}

/// Returns whether the function is the pinned one that is served, with the same settings.
fn is_served_function(
    scheme: &str,
    served: &AuthorizerRecord,
    desired: &Desired,
    observed: &Observed,
) -> bool {
    let unqualified = |record: &Record| {
        let record = record.authorizers.get(scheme)?;
        record.pinned_function().map(|(arn, _)| arn.to_owned())
    };
    let Some((arn, Some(number))) = served.pinned_function() else { return false };
    let version = authorizer(desired, scheme).and_then(|name| desired.versions.get(name));
    let Some(version) = version else { return false };
    let function = observed.pinned.get(&version.function).and_then(Option::as_ref);
    let live = function.and_then(|function| function.version(number));
    unqualified(&desired.record).as_deref() == Some(arn)
        && live.is_some_and(|live| live.settings == version.settings)
}

/// Returns the name of an authorizer in the files.
fn authorizer<'a>(desired: &'a Desired, scheme: &str) -> Option<&'a str> {
    let mut names = desired.api.authorizers.keys();
    names.find(|name| scheme_on_aws(name) == scheme).map(String::as_str)
}
