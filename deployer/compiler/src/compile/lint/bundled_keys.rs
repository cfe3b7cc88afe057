//! Bundled keys whose time of reading is in the future, or that have expired or will soon.

use std::time::Duration;

use authorizer::UnixTime;
use authorizer::config::{BundledKeys, IssuerDocument};

use crate::source::diagnostic::{Code, Diagnostics};
use crate::source::manifest::{DeclaredIssuer, has_url, keys_source};

/// The difference of two clocks that is accepted.
const CLOCK_SKEW: Duration = Duration::from_mins(5);

/// Keys are reported once less than this part of their lifetime remains.
const REMAINING_PART: i64 = 4;

pub(super) fn lint(
    issuer: &IssuerDocument,
    declared: &DeclaredIssuer,
    now: UnixTime,
    diagnostics: &mut Diagnostics,
) {
    let (Some(keys), Some((file, span))) = (&issuer.keys, &declared.keys) else { return };
    let source = keys_source(&issuer.issuer, issuer.jwks_uri.as_deref());
    if UnixTime::from_seconds(keys.read_at) > now.plus(CLOCK_SKEW) {
        let message = format!("`read_at` of `{file}` is in the future");
        let help = format!("check the clock; {source}");
        diagnostics.violation(Code::BundledKeys, *span, message, help);
    } else if let Some(message) = age(file, issuer, keys, now) {
        let help = format!("{source}, and deploy the function");
        diagnostics.warning(Code::BundledKeys, *span, message, help);
    }
}

/// Returns a message about keys that have expired or will soon.
fn age(file: &str, issuer: &IssuerDocument, keys: &BundledKeys, now: UnixTime) -> Option<String> {
    let lifetime = i64::try_from(keys.lifetime_seconds).unwrap_or(i64::MAX);
    let age = now.seconds().saturating_sub(keys.read_at).max(0);
    let remaining = lifetime.saturating_sub(age);
    let subject = format!("the keys in `{file}` are {} old", duration(age));
    if remaining > lifetime / REMAINING_PART {
        return None;
    }
    if remaining > 0 {
        return Some(format!("{subject} and expire in {}", duration(remaining)));
    }
    let effect = if has_url(&issuer.issuer, issuer.jwks_uri.as_deref()) {
        "the function fetches keys at each cold start"
    } else {
        "all tokens of the issuer fail with 500"
    };
    Some(format!("{subject} and have expired after {}, so {effect}", duration(lifetime)))
}

/// Returns a duration in its largest unit of which it has at least two, or else in seconds.
fn duration(seconds: i64) -> String {
    let units = [(86_400, "days"), (3600, "hours"), (60, "minutes")];
    let fits = |(length, _): &(i64, &str)| seconds >= 2 * length;
    match units.into_iter().find(fits) {
        Some((length, name)) => format!("{} {name}", seconds / length),
        None if seconds == 1 => "1 second".to_owned(),
        None => format!("{seconds} seconds"),
    }
}
