//! The method settings of stages: an entry gets the values of `*/*`, or the defaults with the account's
//! throttle, when it is made and only then. The emulator does not have the settings of the account.

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

/// Returns the entry that is made without `*/*`. The throttle is the account's.
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

/// Returns the patches of a stage that has these entries, with all values of an entry that they make.
pub fn complete(patches: &[Patch], entries: &Value, settings: &AccountSettings) -> Vec<Patch> {
    let mut entries: Map<String, Value> = entries.as_object().cloned().unwrap_or_default();
    let mut completed = Vec::new();
    for patch in patches {
        let Some((entry, setting)) = patch.method_setting() else {
            completed.push(patch.clone());
            continue;
        };
        if setting.is_empty() {
            entries.remove(entry);
            completed.push(patch.clone());
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
                    completed.push(Patch { op, path, value, from: String::new() });
                }
            }
            entries.insert(entry.to_owned(), copied);
        }
        let name = SETTINGS.iter().find(|(path, _)| *path == setting).map(|(_, name)| *name);
        if let (Some(name), Some(values)) = (name, entries.get_mut(entry)) {
            let parsed = serde_json::from_str(&patch.value);
            values[name] = parsed.unwrap_or_else(|_| Value::from(&*patch.value));
        }
        completed.push(patch.clone());
    }
    completed
}
