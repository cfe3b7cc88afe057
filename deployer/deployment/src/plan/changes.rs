//! What differs between two revisions, by part and by what people call it.

use authorizer::routes::Verb;
use serde::{Deserialize, Serialize};

use crate::observed::ObservedApi;
use crate::revision::{Part, Record};
use compiler::api::routing::{self, ApiRouter};
use compiler::api::{Api, RouteKey, Security};

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Whether it comes, goes or changes.
    pub sign: Sign,
    /// What: `GET /pets`, `authorizer jwt`, `stage prod`…
    pub subject: String,
    /// What about it: `auth`, `integration`…
    pub aspect: String,
    /// What it was.
    pub before: Option<String>,
    /// What it becomes.
    pub after: Option<String>,
    /// What it means for who may call.
    pub danger: Danger,
}

/// Whether something comes, goes or changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sign {
    /// It was not there.
    Add,
    /// It is there and differs.
    Alter,
    /// It will not be there.
    Remove,
}

/// What a change means for who may call. The first is told first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Danger {
    /// Everybody may call what was guarded.
    Opens,
    /// Everybody may call what was not there.
    Public,
    /// Others may call than before.
    Security,
    /// It has nothing to do with who may call.
    None,
}

const PUBLIC: &str = "public";

/// Returns what differs between two revisions.
pub fn between(before: &Record, after: &Record) -> Vec<Change> {
    let mut changes = Vec::new();
    for (subject, part) in &after.0 {
        match before.0.get(subject) {
            None => changes.extend(added(subject, part)),
            Some(old) if old != part => changes.extend(altered(subject, old, part)),
            Some(_) => {}
        }
    }
    for (subject, part) in before.0.iter().filter(|(subject, _)| !after.0.contains_key(*subject)) {
        let (aspect, text) = main_aspect(part);
        changes.push(Change {
            sign: Sign::Remove,
            subject: subject.clone(),
            aspect,
            before: text,
            after: None,
            danger: Danger::None,
        });
    }
    changes
}

/// Returns what people most want to know of a part.
fn main_aspect(part: &Part) -> (String, Option<String>) {
    let known = ["auth", "function"].iter().find_map(|name| part.says.get_key_value(*name));
    match known {
        Some((aspect, text)) => (aspect.clone(), Some(text.clone())),
        None => (String::new(), None),
    }
}

fn added(subject: &str, part: &Part) -> Vec<Change> {
    // What is there from the beginning is no news.
    if subject == "api" || subject.starts_with("model ") {
        return Vec::new();
    }
    let (aspect, text) = main_aspect(part);
    let is_open =
        aspect == "auth" && text.as_deref() == Some(PUBLIC) && !part.says.contains_key("cors");
    let danger = if is_open { Danger::Public } else { Danger::None };
    let change = |aspect: String, after, danger| Change {
        sign: Sign::Add,
        subject: subject.to_owned(),
        aspect,
        before: None,
        after,
        danger,
    };
    let more = ["integration", "cors"].into_iter().filter_map(|name| {
        Some(change(name.to_owned(), Some(part.says.get(name)?.clone()), Danger::None))
    });
    std::iter::once(change(aspect, text, danger)).chain(more).collect()
}

fn altered(subject: &str, old: &Part, new: &Part) -> Vec<Change> {
    let mut aspects: Vec<&String> = old.says.keys().chain(new.says.keys()).collect();
    aspects.sort();
    aspects.dedup();
    let change = |aspect: &str, before: Option<&String>, after: Option<&String>| Change {
        sign: Sign::Alter,
        subject: subject.to_owned(),
        aspect: aspect.to_owned(),
        before: before.cloned(),
        after: after.cloned(),
        danger: danger(subject, aspect, before, after),
    };
    let mut changes: Vec<Change> = aspects
        .into_iter()
        .map(|aspect| change(aspect, old.says.get(aspect), new.says.get(aspect)))
        .filter(|change| change.before != change.after)
        .collect();
    if changes.is_empty() {
        changes.push(change("settings", None, None));
    }
    changes
}

fn danger(subject: &str, aspect: &str, before: Option<&String>, after: Option<&String>) -> Danger {
    let public = |text: Option<&String>| text.is_some_and(|text| text == PUBLIC);
    match aspect {
        "auth" if public(after) && !public(before) => Danger::Opens,
        "auth" => Danger::Security,
        // Another function, other issuers, another cache: others may be let in.
        _ if subject.starts_with("authorizer ") => Danger::Security,
        _ => Danger::None,
    }
}

/// Returns what was guarded and is not there any more, but whose requests now fall through to
/// something that everybody may call.
pub fn opened(before: &Record, api: &Api) -> Vec<Change> {
    let mut changes = Vec::new();
    let router = ApiRouter::new(&api.routes);
    for (subject, part) in &before.0 {
        let guard = part.says.get("auth").filter(|auth| *auth != PUBLIC);
        let (Some(guard), Ok(key)) = (guard, subject.parse::<RouteKey>()) else { continue };
        if api.routes.iter().any(|route| route.to_string() == *subject) {
            continue;
        }
        let (Some(verb), Some(path)) = (key.verb(), key.template()) else { continue };
        let verbs = if verb == Verb::Any { Verb::NAMED.to_vec() } else { vec![verb] };
        let now = verbs.into_iter().find_map(|verb| {
            let found = router.find(&api.routes, verb.name(), &routing::path(&path))?;
            (found.security == Security::Public && found.preflight.is_none()).then_some(found)
        });
        changes.extend(now.map(|now| Change {
            sign: Sign::Alter,
            subject: subject.clone(),
            aspect: "auth".to_owned(),
            before: Some(guard.clone()),
            after: Some(format!("{PUBLIC}, falling through to {now}")),
            danger: Danger::Opens,
        }));
    }
    changes
}

/// Returns what differs between what was last put there and what is there.
pub fn drift(api: &ObservedApi) -> Vec<Change> {
    let Some(put) = api.last_put() else { return Vec::new() };
    let seen = Record::observed(&api.draft);
    let mut changes = Vec::new();
    for (subject, part) in &put.0 {
        let Some(now) = seen.0.get(subject) else {
            let (aspect, text) = main_aspect(part);
            changes.push(gone(subject, aspect, text));
            continue;
        };
        if now.print == part.print {
            continue;
        }
        // What AWS does not know cannot have changed there.
        let before = Part { says: part.visible(), ..part.clone() };
        changes.extend(altered(subject, &before, now));
    }
    for (subject, part) in seen.0.iter().filter(|(subject, _)| !put.0.contains_key(*subject)) {
        if !subject.starts_with("model ") {
            changes.extend(added(subject, part));
        }
    }
    changes
}

fn gone(subject: &str, aspect: String, before: Option<String>) -> Change {
    Change {
        sign: Sign::Remove,
        subject: subject.to_owned(),
        aspect,
        before,
        after: None,
        danger: Danger::Security,
    }
}
