//! The changes between two revisions, part by part.

use std::collections::{BTreeMap, BTreeSet};

use authorizer::routes::{PathTemplate, Router, Verb};

use super::rule_changes::{added_rules, is_weaker, rule_changes};
use super::{AccessImpact, Action, Aspect, Change, Subject};
use crate::observed::ObservedApi;
use crate::record::{AuthSummary, AuthorizerRecord, Backend, MethodRecord, Record};
use compiler::api::routing::sample_path;
use compiler::api::{RouteKey, Validator};

/// A part of a revision.
#[derive(Clone, PartialEq)]
enum Part<'a> {
    Authorizer(&'a AuthorizerRecord),
    /// A part that is compared by its digest only; empty if the existence is all to compare.
    Digest(&'a str),
    Method(&'a MethodRecord),
}

fn parts(record: &Record) -> BTreeMap<Subject, Part<'_>> {
    let methods = record.methods.iter();
    let authorizers = record.authorizers.iter();
    let responses = record.gateway_responses.iter();
    let models = record.models.iter().map(|name| (Subject::Model(name.clone()), Part::Digest("")));
    let settings = record.settings.iter().map(|digest| (Subject::Settings, Part::Digest(digest)));
    methods
        .map(|(key, method)| (Subject::Route(key.clone()), Part::Method(method)))
        .chain(authorizers.map(|(scheme, authorizer)| {
            (Subject::Authorizer(scheme.clone()), Part::Authorizer(authorizer))
        }))
        .chain(
            responses.map(|(kind, digest)| {
                (Subject::GatewayResponse(kind.clone()), Part::Digest(digest))
            }),
        )
        .chain(models)
        .chain(settings)
        .collect()
}

impl Part<'_> {
    fn digest(&self) -> &str {
        match self {
            Self::Authorizer(authorizer) => &authorizer.digest,
            Self::Digest(digest) => digest,
            Self::Method(method) => &method.digest,
        }
    }

    /// Returns the aspect that is shown when the part is added or removed.
    fn main_aspect(&self) -> Aspect {
        match self {
            Self::Authorizer(_) => Aspect::Function,
            Self::Digest(_) => Aspect::Existence,
            Self::Method(_) => Aspect::Auth,
        }
    }

    /// Returns the value of an aspect as text.
    fn text(&self, aspect: &Aspect) -> Option<String> {
        match (self, aspect) {
            (Self::Method(method), aspect) => method_text(method, aspect),
            (Self::Authorizer(authorizer), aspect) => authorizer_text(authorizer, aspect),
            (Self::Digest(_), _) => None,
        }
    }
}

fn method_text(method: &MethodRecord, aspect: &Aspect) -> Option<String> {
    match aspect {
        Aspect::Auth => Some(method.auth.to_string()),
        Aspect::RequestValidation => {
            Some(method.validation.map_or("none", Validator::name).to_owned())
        }
        Aspect::Cors => method.backend.preflight().map(ToString::to_string),
        Aspect::Integration => match &method.backend {
            Backend::Integration(integration) => Some(integration.to_string()),
            Backend::Preflight(_) => None,
            Backend::Missing => Some("none".to_owned()),
        },
        _ => None,
    }
}

fn authorizer_text(authorizer: &AuthorizerRecord, aspect: &Aspect) -> Option<String> {
    let sources = || authorizer.identity.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    match aspect {
        Aspect::CacheTtl => Some(format!("{} s", authorizer.cache_ttl)),
        Aspect::IdentitySources => Some(sources()),
        Aspect::Function => Some(function_text(authorizer)),
        Aspect::InvokeRole => Some(authorizer.invoke_role.clone().unwrap_or_default()),
        Aspect::AuthorizerType => Some(authorizer.kind.to_string()),
        Aspect::Configuration => authorizer.configuration.clone(),
        Aspect::Settings => authorizer.other_rules.clone(),
        _ => None,
    }
}

/// Returns the ARN of a function; the number of a version that is not published is not known.
fn function_text(authorizer: &AuthorizerRecord) -> String {
    let arn = authorizer.function.as_deref().unwrap_or_default();
    match authorizer.pinned_function() {
        Some((unqualified, None)) => format!("{unqualified} (new version)"),
        _ => arn.to_owned(),
    }
}

/// Returns the changes between two revisions.
pub fn diff(before: &Record, after: &Record) -> Vec<Change> {
    let mut changes = newly_public(before, after);
    let old_authorizers = &before.authorizers;
    let (before, after) = (parts(before), parts(after));
    for (subject, part) in &after {
        match before.get(subject) {
            None => {
                changes.extend(added(subject, part));
                if let Part::Authorizer(authorizer) = part {
                    // It may be an earlier one with another name.
                    changes.extend(added_rules(subject, old_authorizers.values(), authorizer));
                }
            }
            Some(old) if old != part => changes.extend(updated(subject, old, part)),
            Some(_) => {}
        }
    }
    let missing = before.iter().filter(|(subject, _)| !after.contains_key(*subject));
    changes.extend(missing.map(|(subject, part)| removed(subject, part, AccessImpact::None)));
    changes
}

fn removed(subject: &Subject, part: &Part<'_>, impact: AccessImpact) -> Change {
    let aspect = part.main_aspect();
    Change {
        action: Action::Remove,
        subject: subject.clone(),
        before: part.text(&aspect),
        aspect,
        after: None,
        impact,
    }
}

fn added(subject: &Subject, part: &Part<'_>) -> Vec<Change> {
    // A new API always has these.
    if matches!(subject, Subject::Settings | Subject::Model(_)) {
        return Vec::new();
    }
    let is_public = matches!(part, Part::Method(method)
        if method.auth.is_public() && method.backend.preflight().is_none());
    let impact = if is_public { AccessImpact::NewPublic } else { AccessImpact::None };
    let change = |aspect: Aspect, after, impact| Change {
        action: Action::Add,
        subject: subject.clone(),
        aspect,
        before: None,
        after,
        impact,
    };
    let main = part.main_aspect();
    let text = part.text(&main);
    let more = [Aspect::Integration, Aspect::Cors].into_iter().filter_map(|aspect| {
        let text = part.text(&aspect)?;
        Some(change(aspect, Some(text), AccessImpact::None))
    });
    std::iter::once(change(main, text, impact)).chain(more).collect()
}

fn updated(subject: &Subject, old: &Part<'_>, new: &Part<'_>) -> Vec<Change> {
    let mut aspects = differing(old, new);
    let change = |aspect: Aspect| Change {
        action: Action::Update,
        subject: subject.clone(),
        before: old.text(&aspect),
        after: new.text(&aspect),
        impact: impact(&aspect, old, new),
        aspect,
    };
    let rules = match (old, new) {
        (Part::Authorizer(old), Part::Authorizer(new)) => rule_changes(subject, old, new),
        _ => Vec::new(),
    };
    let is_other = aspects.is_empty() && rules.is_empty();
    if is_other || other_rules_differ(old, new) {
        aspects.push(Aspect::Settings);
    }
    aspects.into_iter().map(change).chain(rules).collect()
}

/// Returns whether the rules of an authorizer differ that are not those of one issuer or route.
fn other_rules_differ(old: &Part<'_>, new: &Part<'_>) -> bool {
    match (old, new) {
        (Part::Authorizer(old), Part::Authorizer(new)) => {
            old.rules.is_some() && new.rules.is_some() && old.other_rules != new.other_rules
        }
        _ => false,
    }
}

/// Returns the aspects that differ, compared by value and not by text.
fn differing(old: &Part<'_>, new: &Part<'_>) -> Vec<Aspect> {
    let all = match (old, new) {
        (Part::Method(old), Part::Method(new)) => vec![
            (Aspect::Auth, old.auth != new.auth),
            (Aspect::RequestValidation, old.validation != new.validation),
            (Aspect::Cors, old.backend.preflight() != new.backend.preflight()),
            (Aspect::Integration, integration_differs(&old.backend, &new.backend)),
        ],
        (Part::Authorizer(old), Part::Authorizer(new)) => vec![
            (Aspect::CacheTtl, old.cache_ttl != new.cache_ttl),
            (Aspect::IdentitySources, old.identity != new.identity),
            (Aspect::Function, old.function != new.function),
            (Aspect::InvokeRole, old.invoke_role != new.invoke_role),
            (Aspect::AuthorizerType, old.kind != new.kind),
            (Aspect::Configuration, old.configuration != new.configuration),
        ],
        _ => Vec::new(),
    };
    all.into_iter().filter(|(_, differs)| *differs).map(|(aspect, _)| aspect).collect()
}

fn integration_differs(old: &Backend, new: &Backend) -> bool {
    let preflight_only = old.preflight().is_some() && new.preflight().is_some();
    old != new && !preflight_only
}

fn impact(aspect: &Aspect, old: &Part<'_>, new: &Part<'_>) -> AccessImpact {
    match (aspect, old, new) {
        (Aspect::Auth, Part::Method(old), Part::Method(new)) => {
            if new.auth.is_public() && !old.auth.is_public() {
                AccessImpact::BecomesPublic
            } else if requires_no_less(&new.auth, &old.auth) {
                AccessImpact::Security
            } else {
                AccessImpact::Widened
            }
        }
        // Without the rules of either, the new ones may authorize more callers.
        (Aspect::Configuration, Part::Authorizer(old), Part::Authorizer(new))
            if old.rules.is_none() || new.rules.is_none() =>
        {
            AccessImpact::Widened
        }
        // Another function, configuration or cache may authorize other callers.
        (_, Part::Authorizer(_), _) => AccessImpact::Security,
        _ => AccessImpact::None,
    }
}

/// Returns whether every request that meets the new authorization is known to meet the old one.
fn requires_no_less(new: &AuthSummary, old: &AuthSummary) -> bool {
    use AuthSummary::{ApiKey, Authorizer, AwsIam, External, Jwt, Public};
    // Any one of the scopes is sufficient; without scopes, any token is.
    let narrows = |new: &BTreeSet<String>, old: &BTreeSet<String>| {
        old.is_empty() || !new.is_empty() && new.is_subset(old)
    };
    let is_narrower = match (new, old) {
        (Jwt { scheme, requirement, .. }, Jwt { scheme: old_scheme, requirement: old, .. }) => {
            scheme == old_scheme && !is_weaker(requirement, old)
        }
        (External { scheme, scopes, .. }, External { scheme: old_scheme, scopes: old, .. })
        | (Authorizer { scheme, scopes, .. }, Authorizer { scheme: old_scheme, scopes: old, .. }) => {
            scheme == old_scheme && narrows(scopes, old)
        }
        (AwsIam { .. }, AwsIam { .. }) | (_, Public | ApiKey) => true,
        _ => false,
    };
    is_narrower && (needs_api_key(new) || !needs_api_key(old))
}

const fn needs_api_key(auth: &AuthSummary) -> bool {
    match auth {
        AuthSummary::ApiKey => true,
        AuthSummary::Public => false,
        AuthSummary::AwsIam { api_key }
        | AuthSummary::Jwt { api_key, .. }
        | AuthSummary::External { api_key, .. }
        | AuthSummary::Authorizer { api_key, .. } => *api_key,
    }
}

/// Returns the removed protected operations whose requests now match a public one.
fn newly_public(before: &Record, after: &Record) -> Vec<Change> {
    let operations: Vec<(&RouteKey, &MethodRecord, Verb, PathTemplate)> = (after.methods.iter())
        .filter_map(|(key, method)| Some((key, method, key.verb()?, key.template()?)))
        .collect();
    let mut router = Router::default();
    for (index, (_, _, verb, path)) in operations.iter().enumerate() {
        router.insert(path, *verb, index);
    }
    let protected = before.methods.iter().filter(|(_, method)| !method.auth.is_public());
    let mut changes = Vec::new();
    for (key, method) in protected.filter(|(key, _)| !after.methods.contains_key(key)) {
        let (Some(verb), Some(path)) = (key.verb(), key.template()) else { continue };
        let verbs = if verb == Verb::Any { Verb::NAMED.to_vec() } else { vec![verb] };
        let now = verbs.into_iter().find_map(|verb| {
            let (key, now, ..) = operations.get(router.find(verb.name(), &sample_path(&path))?)?;
            (now.auth.is_public() && now.backend.preflight().is_none()).then_some(key)
        });
        changes.extend(now.map(|now| Change {
            action: Action::Update,
            subject: Subject::Route(key.clone()),
            aspect: Aspect::Auth,
            before: Some(method.auth.to_string()),
            after: Some(format!("{} (matched by {now})", AuthSummary::Public)),
            impact: AccessImpact::BecomesPublic,
        }));
    }
    changes
}

/// Returns the changes since the last import; none if its record is unreadable
/// ([`ObservedApi::last_import`]).
pub fn drift(api: &ObservedApi) -> Vec<Change> {
    let Some(Ok(imported)) = api.last_import() else { return Vec::new() };
    let (recorded, visible, observed) =
        (imported, imported.visible(), Record::observed(&api.definition));
    let (recorded, visible, observed) = (parts(recorded), parts(&visible), parts(&observed));
    let mut changes = Vec::new();
    for (subject, part) in &recorded {
        match (observed.get(subject), visible.get(subject)) {
            (Some(now), _) if now.digest() == part.digest() => {}
            // AWS cannot show the other aspects, so they are not compared.
            (Some(now), Some(before)) => changes.extend(updated(subject, before, now)),
            _ => changes.push(removed(subject, part, AccessImpact::Security)),
        }
    }
    for (subject, part) in observed.iter().filter(|(subject, _)| !recorded.contains_key(*subject)) {
        changes.extend(added(subject, part));
    }
    changes.extend((api.endpoint != imported.endpoint).then(|| Change {
        action: Action::Update,
        subject: Subject::Settings,
        aspect: Aspect::Endpoint,
        before: Some(imported.endpoint.to_string()),
        after: Some(api.endpoint.to_string()),
        impact: AccessImpact::Security,
    }));
    changes
}
