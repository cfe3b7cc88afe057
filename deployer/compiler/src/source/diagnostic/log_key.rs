//! Excerpts of TOML files without log keys. The text may be invalid TOML, so it is not parsed.

use std::path::Path;
use std::sync::Arc;

use super::{Source, closest};

/// Replaces the values of `log_key`, and of settings that may be a misspelled `log_key`, by asterisks.
/// A value that is exactly `"${env:NAME}"` remains. Lines and spans remain the same.
pub(super) fn masked(source: Arc<Source>) -> Arc<Source> {
    let Source { name, text } = &*source;
    if Path::new(name).extension().is_none_or(|extension| extension != "toml") {
        return source;
    }
    let mut masked = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, value)) = next_value(rest) {
        masked.push_str(before);
        let (secret, after) = value.split_at_checked(end(value)).unwrap_or((value, ""));
        masked.extend(secret.bytes().map(|byte| if byte == b'\n' { '\n' } else { '*' }));
        rest = after;
    }
    masked.push_str(rest);
    Arc::new(Source { name: name.clone(), text: masked })
}

/// Returns the text up to the next value to mask, and the text from there.
fn next_value(text: &str) -> Option<(&str, &str)> {
    let mut signs = text.match_indices('=').filter_map(|(at, _)| {
        let (before, sign) = text.split_at_checked(at)?;
        let value = sign.strip_prefix('=')?.trim_start_matches([' ', '\t']);
        let is_secret = is_log_key(before) && !is_variable(value);
        is_secret.then(|| text.split_at_checked(text.len().saturating_sub(value.len())))?
    });
    signs.next()
}

/// Returns whether a text ends with a key that is `log_key` or close to it.
fn is_log_key(before: &str) -> bool {
    let key = before.trim_end_matches([' ', '\t', '"', '\'']);
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let start = key.trim_end_matches(is_name).len();
    let name = key.get(start..).unwrap_or_default().to_ascii_lowercase().replace('-', "_");
    closest(&name, ["log_key"]).is_some()
}

/// Returns whether a value is exactly one environment variable.
fn is_variable(value: &str) -> bool {
    ['"', '\''].iter().any(|quote| {
        let name = value.strip_prefix(*quote).and_then(|value| value.strip_prefix("${env:"));
        let Some((name, after)) = name.and_then(|name| name.split_once('}')) else { return false };
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let Some(after) = after.strip_prefix(*quote) else { return false };
        let after = after.lines().next().unwrap_or_default().trim_start();
        name.chars().all(is_name) && (after.is_empty() || after.starts_with(['#', ',', '}']))
    })
}

/// Returns the length of a value. It ends before the next line that begins with a table or a setting,
/// but not in a multi-line string.
fn end(value: &str) -> usize {
    let mut start = 0_usize;
    for quotes in ["\"\"\"", "'''"] {
        if let Some(content) = value.strip_prefix(quotes) {
            let Some(length) = content.find(quotes) else { return value.len() };
            start = length.saturating_add(quotes.len());
        }
    }
    let rest = value.get(start..).unwrap_or_default();
    let mut lines = rest.match_indices('\n').filter(|(at, _)| {
        let line = rest.get(at.saturating_add(1)..).and_then(|rest| rest.lines().next());
        line.is_some_and(begins_setting)
    });
    lines.next().map_or(value.len(), |(at, _)| start.saturating_add(at))
}

/// Returns whether a line begins a table or a setting, and is not the rest of a value.
fn begins_setting(line: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
    let line = line.trim();
    if let Some(header) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
        return header.trim_matches(['[', ']']).chars().all(is_name);
    }
    line.split_once('=').is_some_and(|(name, value)| {
        !name.is_empty()
            && name.chars().all(is_name)
            && !value.is_empty()
            && !value.starts_with('=')
    })
}
