//! The files that an authorizer names: its root certificates and its issuers' bundled keys.

use std::ffi::OsStr;
use std::path::{Component, Path};

use authorizer::config::{BundledKeys, Document};
use authorizer::secure_url;

use super::Files;
use super::values::{problem, seconds};
use crate::source::diagnostic::{Code, Diagnostics, Span};
use crate::source::document::Section;
use crate::source::keys_file::KeysFile;

/// The default of `keys_lifetime`, in seconds: a day.
const DEFAULT_KEYS_LIFETIME: u32 = 86_400;

/// The longest `keys_lifetime`, in seconds: 365 days.
const MAX_KEYS_LIFETIME: u32 = 31_536_000;

/// Returns whether keys can be fetched from an issuer: it has a URL, and not that of a template.
pub fn has_url(issuer: &str, jwks_uri: Option<&str>) -> bool {
    jwks_uri.is_some() || (!issuer.contains("{tenantid}") && secure_url::parse(issuer).is_some())
}

/// Returns the way to get a file of an issuer's bundled keys, as a help text.
pub fn keys_source(issuer: &str, jwks_uri: Option<&str>) -> &'static str {
    if has_url(issuer, jwks_uri) {
        "run `deployer keys fetch`"
    } else {
        "the issuer has no URL: set `jwks_uri` and run `deployer keys fetch`, or write the file manually, with `issuer`, `read_at` and `jwks`"
    }
}

/// The fix for a file that the command does not overwrite.
const REPLACE_KEYS: &str = "remove the file, and run `deployer keys fetch`";

/// Returns the names of the components of a path; none if it can leave the directory that it is
/// relative to.
pub(super) fn components(path: &str) -> Option<Vec<&OsStr>> {
    let components = Path::new(path).components().filter(|part| *part != Component::CurDir);
    let names = components.map(|part| match part {
        Component::Normal(name) => Some(name),
        _ => None,
    });
    names.collect::<Option<Vec<_>>>().filter(|names| !names.is_empty())
}

/// Reports a file outside the project.
fn is_in_project(setting: &str, name: &str, span: Span, diagnostics: &mut Diagnostics) -> bool {
    let is_inside = components(name).is_some();
    if !is_inside {
        let message = format!("`{setting}` must be a file in the project, found `{name}`");
        let help = "use a path relative to the directory of portcullis.toml, without `..`";
        diagnostics.error(span, message, help.to_owned());
    }
    is_inside
}

/// Reads `ca_bundle`: the content of the file.
pub(super) fn ca_bundle(
    section: &mut Section<'_>,
    files: Files<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<String> {
    let (name, span) = section.text("ca_bundle", diagnostics)?;
    if !is_in_project("ca_bundle", name, span, diagnostics) {
        return None;
    }
    let pem = files(name).map_err(|cause| {
        let help = "set `ca_bundle` to a path relative to the directory of portcullis.toml";
        diagnostics.error(span, format!("cannot read `{name}`: {cause}"), help.to_owned());
    });
    let pem = pem.ok()?;
    let document = Document { ca_bundle: Some(pem.clone()), ..Document::default() };
    if pem.contains("PRIVATE KEY-----") {
        let help = "use a file with certificates only: it becomes part of authorizer.json";
        diagnostics.error(span, format!("`{name}` contains a private key"), help.to_owned());
        return None;
    }
    if let Some(problem) = problem(&document, "ca_bundle") {
        diagnostics.error(span, format!("`ca_bundle` {problem}, found `{name}`"), None);
        return None;
    }
    Some(pem)
}

/// The keys of an issuer's table.
#[derive(Default)]
pub(super) struct KeysSetting {
    /// The file, and the range of its name.
    pub file: Option<(String, Span)>,
    /// The content of the file; none if it is not usable.
    pub keys: Option<BundledKeys>,
}

/// Reads `keys` and `keys_lifetime` of an issuer.
pub(super) fn bundled_keys(
    section: &mut Section<'_>,
    issuer: &str,
    files: Files<'_>,
    diagnostics: &mut Diagnostics,
) -> KeysSetting {
    let lifetime = keys_lifetime(section, diagnostics);
    let jwks_uri = section.entry("jwks_uri").and_then(|entry| entry.node.text());
    let Some((name, span)) = section.text("keys", diagnostics) else {
        if let Some(entry) = section.entry("keys_lifetime") {
            let help = "add `keys = \"FILE\"`, or remove it".to_owned();
            diagnostics.error(entry.key_span, "`keys_lifetime` requires `keys`", help);
        }
        return KeysSetting::default();
    };
    if !is_in_project("keys", name, span, diagnostics) {
        return KeysSetting { file: Some((name.to_owned(), span)), keys: None };
    }
    let source = keys_source(issuer, jwks_uri);
    let (problem, help) = match files(name) {
        Err(cause) => (format!("cannot read `{name}`: {cause}"), source),
        Ok(text) => match KeysFile::read(&text, issuer, jwks_uri) {
            Err(error) if KeysFile::is_keys_file(&text) => (format!("`{name}` {error}"), source),
            Err(error) if has_url(issuer, jwks_uri) => (format!("`{name}` {error}"), REPLACE_KEYS),
            Err(error) => (format!("`{name}` {error}"), source),
            Ok(KeysFile { jwks, read_at, .. }) => {
                let keys = BundledKeys { jwks, read_at, lifetime_seconds: lifetime.into() };
                return KeysSetting { file: Some((name.to_owned(), span)), keys: Some(keys) };
            }
        },
    };
    diagnostics.violation(Code::BundledKeys, span, problem, help.to_owned());
    KeysSetting { file: Some((name.to_owned(), span)), keys: None }
}

fn keys_lifetime(section: &mut Section<'_>, diagnostics: &mut Diagnostics) -> u32 {
    let lifetime = seconds(section, "keys_lifetime", diagnostics).unwrap_or(DEFAULT_KEYS_LIFETIME);
    if !(1..=MAX_KEYS_LIFETIME).contains(&lifetime) {
        let node = section.entry("keys_lifetime").map(|entry| &entry.node);
        let text = node.and_then(|node| node.text()).unwrap_or_default();
        diagnostics.error(
            node.map(|node| node.span).unwrap_or_default(),
            format!("invalid `keys_lifetime` `{text}`: expected 1s to 365d"),
            "use at most 365d: a withdrawn key is accepted for as long".to_owned(),
        );
        return DEFAULT_KEYS_LIFETIME;
    }
    lifetime
}
