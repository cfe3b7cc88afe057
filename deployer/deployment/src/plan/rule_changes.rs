//! The changes between the rules of two revisions of an authorizer, and the dangers among changes.

use std::collections::BTreeSet;

use super::{AccessImpact, Action, Aspect, Change, Subject};
use crate::record::{AuthorizerRecord, IssuerRules, Record, Rules};
use authorizer::UnixTime;
use authorizer::routes::Requirement;

/// The direction of a move of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To what the files declare.
    Forward,
    /// To an existing revision, or to a canary: its rules may be older than the current ones.
    Return,
}

/// Returns the changes that must be confirmed: an operation that becomes public, and an entry of a
/// deny-list that is missing; for a return, also every public operation, and every rule that authorizes
/// more callers or of which only a digest is known.
pub fn dangers(changes: &[Change], direction: Direction) -> Vec<&Change> {
    let is_danger = |change: &&Change| match change.impact {
        AccessImpact::BecomesPublic | AccessImpact::Revived => true,
        AccessImpact::NewPublic | AccessImpact::Widened => direction == Direction::Return,
        AccessImpact::Security => direction == Direction::Return && is_digest(change),
        AccessImpact::None => false,
    };
    changes.iter().filter(is_danger).collect()
}

/// Returns whether a change of an authorizer's rules is known by their digests only.
fn is_digest(change: &Change) -> bool {
    match change.aspect {
        Aspect::Rules(_) => true,
        Aspect::Settings => matches!(change.subject, Subject::Authorizer(_)),
        _ => false,
    }
}

/// Returns a change for each issuer of a record whose bundled keys have expired.
pub fn expired_keys(record: &Record, now: UnixTime) -> Vec<Change> {
    let expired = |rules: &IssuerRules| rules.keys_expire.is_some_and(|end| end <= now.seconds());
    let authorizers = record.authorizers.iter();
    let all = authorizers.flat_map(|(scheme, authorizer)| {
        let rules = authorizer.rules.iter().flatten();
        rules.filter(|(_, rules)| expired(rules)).map(move |(issuer, _)| (scheme, issuer))
    });
    let change = |(scheme, issuer): (&String, &String)| Change {
        action: Action::Update,
        subject: Subject::Authorizer(scheme.clone()),
        aspect: Aspect::Keys(issuer.clone()),
        before: None,
        after: Some("expired".to_owned()),
        impact: AccessImpact::Widened,
    };
    all.map(change).collect()
}

/// Returns the changes between the rules of an authorizer.
pub(super) fn rule_changes(
    subject: &Subject,
    before: &AuthorizerRecord,
    after: &AuthorizerRecord,
) -> Vec<Change> {
    let (Some(old), Some(new)) = (&before.rules, &after.rules) else { return Vec::new() };
    let issuers: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let changes = issuers.into_iter().flat_map(|issuer| issuer_changes(issuer, old, new));
    let complete = |(aspect, before, after, impact)| Change {
        action: Action::Update,
        subject: subject.clone(),
        aspect,
        before,
        after,
        impact,
    };
    changes.map(complete).collect()
}

/// Returns the changes from the rules of the `earlier` authorizers, together, to those of an added one,
/// for the issuers that it trusts.
pub(super) fn added_rules<'a>(
    subject: &Subject,
    earlier: impl Iterator<Item = &'a AuthorizerRecord> + Clone,
    added: &AuthorizerRecord,
) -> Vec<Change> {
    let Some(new) = &added.rules else { return Vec::new() };
    if earlier.clone().next().is_none() {
        return Vec::new();
    }
    let mut old = Rules::new();
    for (issuer, rules) in earlier.filter_map(|one| one.rules.as_ref()).flatten() {
        let rules = rules.clone();
        if let Some(known) = old.get_mut(issuer) {
            known.join(rules);
        } else {
            old.insert(issuer.clone(), rules);
        }
    }
    old.retain(|issuer, _| new.contains_key(issuer));
    let before = AuthorizerRecord { rules: Some(old), ..added.clone() };
    rule_changes(subject, &before, added)
}

type RuleChange = (Aspect, Option<String>, Option<String>, AccessImpact);

fn issuer_changes(issuer: &str, old: &Rules, new: &Rules) -> Vec<RuleChange> {
    let trusted = || Some("trusted".to_owned());
    let name = || issuer.to_owned();
    let (old, new) = match (old.get(issuer), new.get(issuer)) {
        (Some(old), Some(new)) => (old, new),
        (None, Some(_)) => {
            return vec![(Aspect::Issuer(name()), None, trusted(), AccessImpact::Widened)];
        }
        (Some(_), None) => {
            return vec![(Aspect::Issuer(name()), trusted(), None, AccessImpact::Security)];
        }
        (None, None) => return Vec::new(),
    };
    let mut changes = vec![
        listed(Aspect::Audience(name()), &old.audiences, &new.audiences),
        listed(Aspect::Algorithms(name()), &old.algorithms, &new.algorithms),
        deny_list(name(), old, new),
    ];
    if (old.keys_expire, &old.keys) != (new.keys_expire, &new.keys) {
        let text = |rules: &IssuerRules| {
            rules.keys_expire.map(|_| format!("{} bundled", rules.keys.len()))
        };
        // Without bundled keys, the issuer's are fetched.
        let is_wider = old.keys_expire.is_some() && !new.keys.is_subset(&old.keys)
            || new.keys_expire.is_none();
        let impact = if is_wider { AccessImpact::Widened } else { AccessImpact::Security };
        changes.push(Some((Aspect::Keys(name()), text(old), text(new), impact)));
    }
    if old.others != new.others {
        let aspect = Aspect::Rules(name());
        let (before, after) = (old.others.clone(), new.others.clone());
        changes.push(Some((aspect, Some(before), Some(after), AccessImpact::Security)));
    }
    changes.into_iter().flatten().collect()
}

fn listed(aspect: Aspect, old: &BTreeSet<String>, new: &BTreeSet<String>) -> Option<RuleChange> {
    let text = |all: &BTreeSet<String>| Some(all.iter().cloned().collect::<Vec<_>>().join(", "));
    let is_wider = !new.is_subset(old);
    let impact = if is_wider { AccessImpact::Widened } else { AccessImpact::Security };
    (old != new).then(|| (aspect, text(old), text(new), impact))
}

fn deny_list(issuer: String, old: &IssuerRules, new: &IssuerRules) -> Option<RuleChange> {
    let missing = old.denied.difference(&new.denied).count();
    let count = |rules: &IssuerRules| format!("{} entries", rules.denied.len());
    let after = match missing {
        0 => count(new),
        _ => format!("{}, {missing} missing", count(new)),
    };
    let impact = if missing > 0 { AccessImpact::Revived } else { AccessImpact::Security };
    let change = (Aspect::DenyList(issuer), Some(count(old)), Some(after), impact);
    (old.denied != new.denied).then_some(change)
}

/// Returns whether a token may meet a requirement that did not meet the old one.
pub(super) fn is_weaker(new: &Requirement, old: &Requirement) -> bool {
    let implies = |all: &BTreeSet<String>| old.is_met_by(all);
    !new.alternatives().iter().all(implies)
}
