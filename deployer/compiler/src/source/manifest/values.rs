//! Readers of values that several tables have.

use std::ops::RangeInclusive;

use authorizer::config::{Config, ConfigError, Document};
use serde::de::DeserializeOwned;

use super::Timeout;
use crate::api::{Arn, MAX_TIMEOUT_MS, MIN_TIMEOUT_MS};
use crate::source::diagnostic::Diagnostics;
use crate::source::document::{Node, Section, Value, deserialize};

/// Reads `true` or `false`; the default is `false`.
pub(super) fn boolean(
    section: &mut Section<'_>,
    key: &'static str,
    diagnostics: &mut Diagnostics,
) -> bool {
    match section.entry(key).map(|entry| &entry.node) {
        None => false,
        Some(Node { value: Value::Bool(value), .. }) => *value,
        Some(node) => {
            let message = format!("`{key}`: expected `true` or `false`, found {}", node.kind());
            diagnostics.error(node.span, message, None);
            false
        }
    }
}

/// Returns a setting that must be a map. Any other value is an error.
pub(super) fn map<'a>(
    section: &mut Section<'a>,
    key: &'static str,
    diagnostics: &mut Diagnostics,
) -> Option<&'a Node> {
    let node = &section.entry(key)?.node;
    if !matches!(node.value, Value::Map(_)) {
        let message = format!("`{key}`: expected a map, found {}", node.kind());
        diagnostics.error(node.span, message, None);
        return None;
    }
    Some(node)
}

/// Reads an integer of at least `minimum`.
pub(super) fn integer(
    section: &mut Section<'_>,
    key: &'static str,
    minimum: i32,
    diagnostics: &mut Diagnostics,
) -> Option<i32> {
    let node = &section.entry(key)?.node;
    let number = match &node.value {
        Value::Number(number) => number.as_i64().and_then(|number| i32::try_from(number).ok()),
        _ => None,
    };
    let number = number.filter(|number| *number >= minimum);
    if number.is_none() {
        let found = match &node.value {
            Value::Number(number) => number.to_string(),
            _ => node.kind().to_owned(),
        };
        let message = format!("`{key}`: expected an integer of at least {minimum}, found {found}");
        diagnostics.error(node.span, message, None);
    }
    number
}

/// Reads a setting that has the form of the authorizer's configuration.
pub(super) fn typed<T: DeserializeOwned>(
    section: &mut Section<'_>,
    key: &'static str,
    diagnostics: &mut Diagnostics,
) -> Option<T> {
    let node = &section.entry(key)?.node;
    deserialize(node, node.to_json(), &format!("`{key}`"), diagnostics)
}

/// Reads an ARN.
pub(super) fn arn(
    section: &mut Section<'_>,
    key: &'static str,
    parse: fn(&str) -> Option<Arn>,
    form: &str,
    diagnostics: &mut Diagnostics,
) -> Option<Arn> {
    let (text, span) = section.text(key, diagnostics)?;
    let arn = parse(text);
    if arn.is_none() {
        diagnostics.error(span, format!("invalid `{key}` `{text}`"), format!("expected {form}"));
    }
    arn
}

/// Reads a list of the ids of AWS resources, such as `subnet-0123456789abcdef0`.
pub(super) fn ids(
    section: &mut Section<'_>,
    key: &'static str,
    prefix: &str,
    count: RangeInclusive<usize>,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<String>> {
    let span = section.entry(key).map(|entry| entry.node.span).unwrap_or_default();
    let texts = section.texts(key, diagnostics).unwrap_or_default();
    let is_id = |text: &String| {
        let rest = text.strip_prefix(prefix);
        rest.is_some_and(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    };
    if texts.is_empty() || !texts.iter().all(is_id) {
        let help = format!("list ids such as {prefix}0123456789abcdef0");
        diagnostics.error(span, format!("invalid `{key}`"), help);
        return None;
    }
    if !count.contains(&texts.len()) {
        let (found, most) = (texts.len(), count.end());
        let message = format!("too many `{key}`: {found}, expected at most {most}");
        diagnostics.error(span, message, None);
    }
    Some(texts)
}

/// Reads an integration timeout.
pub(super) fn integration_timeout(
    section: &mut Section<'_>,
    key: &'static str,
    diagnostics: &mut Diagnostics,
) -> Option<Timeout> {
    let (text, span) = section.text(key, diagnostics)?;
    let units = [("ms", 1), ("s", 1000), ("m", 60_000)];
    let parsed = units.iter().find_map(|(unit, factor)| {
        let count: u32 = text.strip_suffix(*unit)?.parse().ok()?;
        count.checked_mul(*factor)
    });
    let parsed = parsed.filter(|ms| (MIN_TIMEOUT_MS..=MAX_TIMEOUT_MS).contains(ms));
    if parsed.is_none() {
        let message = format!("invalid `{key}` `{text}`: expected 50ms to 5m");
        diagnostics.error(span, message, "write 500ms or 10s".to_owned());
    }
    parsed.map(|ms| Timeout { ms, span })
}

/// Reads a duration such as `30s`, `5m`, `1h` or `7d`.
pub(super) fn seconds(
    section: &mut Section<'_>,
    key: &'static str,
    diagnostics: &mut Diagnostics,
) -> Option<u32> {
    let (text, span) = section.text(key, diagnostics)?;
    let parsed = text.char_indices().next_back().and_then(|(at, unit)| {
        let count: u32 = text.get(..at)?.parse().ok()?;
        let factor = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return None,
        };
        count.checked_mul(factor)
    });
    if parsed.is_none() {
        diagnostics.error(
            span,
            format!("invalid `{key}` `{text}`: expected a duration"),
            "write 30s, 5m or 1h".to_owned(),
        );
    }
    parsed
}

/// Returns the authorizer's error in a setting of its configuration.
pub(super) fn problem(document: &Document, setting: &str) -> Option<String> {
    let errors = Config::resolve(document).err()?;
    // A member of a list has an index: `public_urls[0]`.
    let is_about = |error: &&ConfigError| error.location.split('[').next() == Some(setting);
    let error = errors.as_slice().iter().find(is_about)?;
    Some(error.message.clone())
}
