//! The method settings of stages, which the emulator does not have as AWS: an entry gets the values of
//! `*/*`, or the defaults, when it is made and only then [R], and can be removed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use serde_json::{Map, Value, json};

use super::patches::Patch;
use super::state::AccountSettings;

/// Each setting: the last two segments of its path, and its name.
const SETTINGS: [(&str, &str); 10] = [
    ("metrics/enabled", "metricsEnabled"),
    ("logging/loglevel", "loggingLevel"),
    ("logging/dataTrace", "dataTraceEnabled"),
    ("throttling/burstLimit", "throttlingBurstLimit"),
    ("throttling/rateLimit", "throttlingRateLimit"),
    ("caching/enabled", "cachingEnabled"),
    ("caching/ttlInSeconds", "cacheTtlInSeconds"),
    ("caching/dataEncrypted", "cacheDataEncrypted"),
    ("caching/requireAuthorizationForCacheControl", "requireAuthorizationForCacheControl"),
    ("caching/unauthorizedCacheControlHeaderStrategy", "unauthorizedCacheControlHeaderStrategy"),
];

/// Returns the entry that is made without `*/*`. The throttle is the account's [M].
fn default_entry(settings: &AccountSettings) -> Value {
    json!({
        "metricsEnabled": false,
        "loggingLevel": "OFF",
        "dataTraceEnabled": false,
        "throttlingBurstLimit": settings.burst,
        "throttlingRateLimit": settings.rate,
        "cachingEnabled": false,
        "cacheTtlInSeconds": 300,
        "cacheDataEncrypted": false,
        "requireAuthorizationForCacheControl": true,
        "unauthorizedCacheControlHeaderStrategy": "SUCCEED_WITH_RESPONSE_HEADER",
    })
}

/// Patches of a stage as the emulator needs them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewritten {
    /// The patches, without removals of entries, and with all values of an entry that is made.
    pub patches: Vec<Patch>,
    /// The entries that are removed.
    pub removed: BTreeSet<String>,
    /// The entries that are made.
    pub made: BTreeSet<String>,
}

/// Rewrites the patches of a stage that has these entries.
pub fn rewrite(patches: &[Patch], entries: &Value, settings: &AccountSettings) -> Rewritten {
    let mut entries: Map<String, Value> = entries.as_object().cloned().unwrap_or_default();
    let mut rewritten = Rewritten::default();
    for patch in patches {
        let Some((entry, setting)) = patch.method_setting() else {
            rewritten.patches.push(patch.clone());
            continue;
        };
        if setting.is_empty() {
            entries.remove(entry);
            rewritten.made.remove(entry);
            rewritten.removed.insert(entry.to_owned());
            continue;
        }
        if !entries.contains_key(entry) {
            let copied = entries.get("*/*").cloned().unwrap_or_else(|| default_entry(settings));
            for (path, name) in SETTINGS {
                let value = &copied[name];
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                if value != "null" {
                    let path = format!("/{entry}/{path}");
                    let op = "replace".to_owned();
                    rewritten.patches.push(Patch { op, path, value, from: String::new() });
                }
            }
            entries.insert(entry.to_owned(), copied);
            rewritten.removed.remove(entry);
            rewritten.made.insert(entry.to_owned());
        }
        let name = SETTINGS.iter().find(|(path, _)| *path == setting).map(|(_, name)| *name);
        if let (Some(name), Some(values)) = (name, entries.get_mut(entry)) {
            let parsed = serde_json::from_str(&patch.value);
            values[name] = parsed.unwrap_or_else(|_| Value::from(&*patch.value));
        }
        rewritten.patches.push(patch.clone());
    }
    rewritten
}

/// The entries that were removed, by API and stage. The emulator still has them.
static REMOVED: Mutex<BTreeMap<(String, String), BTreeSet<String>>> = Mutex::new(BTreeMap::new());

/// Records an update of a stage.
pub fn record(api: &str, stage: &str, rewritten: &Rewritten) {
    let mut all = REMOVED.lock().unwrap();
    let removed = all.entry((api.to_owned(), stage.to_owned())).or_default();
    removed.extend(rewritten.removed.iter().cloned());
    removed.retain(|entry| !rewritten.made.contains(entry));
}

/// Forgets a stage that was created or deleted.
pub fn forget(api: &str, stage: &str) {
    REMOVED.lock().unwrap().remove(&(api.to_owned(), stage.to_owned()));
}

/// Omits the removed entries from a stage, or from each stage of a list.
pub fn omit_removed(api: &str, found: &mut Value) {
    if let Some(items) = found["item"].as_array_mut() {
        for stage in items {
            omit_removed(api, stage);
        }
        return;
    }
    let name = found["stageName"].as_str().unwrap_or_default().to_owned();
    let all = REMOVED.lock().unwrap();
    let removed = all.get(&(api.to_owned(), name));
    if let Some(entries) = found["methodSettings"].as_object_mut() {
        entries.retain(|entry, _| !removed.is_some_and(|removed| removed.contains(entry)));
    }
}
