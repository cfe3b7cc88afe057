//! `[authorizer.NAME]` and its issuers: how API Gateway calls it, and whose tokens it takes.

use authorizer::config::{Config, Document, IssuerDocument, Possession, Problems};
use serde::de::DeserializeOwned;

use super::{choice, required};
use crate::api::{Arn, Authorizer, AuthorizerKind};
use crate::diagnostic::{Diagnostics, Span};
use crate::document::{Entry, Node, Section};

/// The longest that API Gateway caches an authorizer's answer, in seconds.
const MAX_CACHE_TTL: u32 = 3600;
const DEFAULT_CACHE_TTL: u32 = 300;

/// Reads an authorizer, with the place of its name.
pub(super) fn authorizer(entry: &Entry, diagnostics: &mut Diagnostics) -> (Authorizer, Span) {
    let mut section = Section::open(&entry.node, &entry.key, diagnostics);
    let function = function_arn(&mut section, diagnostics);
    let invoke_role = arn(
        &mut section,
        "invoke_role_arn",
        Arn::role,
        "arn:aws:iam::ACCOUNT:role/NAME",
        diagnostics,
    );
    let kind =
        choice(&mut section, "type", &AuthorizerKind::NAMES, diagnostics).unwrap_or_default();
    let cache_ttl = seconds(&mut section, "cache_ttl", diagnostics).unwrap_or(DEFAULT_CACHE_TTL);
    if cache_ttl > MAX_CACHE_TTL {
        let span = section.entry("cache_ttl").map(|entry| entry.node.span).unwrap_or_default();
        diagnostics.error(
            span,
            "`cache_ttl` is more than an hour, the longest that API Gateway caches",
            None,
        );
    }
    let issuers = section.entry("issuer");
    let listed = issuers.map(|entry| entry.node.items()).unwrap_or_default();
    let documents: Vec<IssuerDocument> =
        listed.iter().filter_map(|node| issuer(node, diagnostics)).collect();
    if listed.is_empty() {
        let span = issuers.map_or(entry.key_span, |entry| entry.key_span);
        let help = format!("add [[authorizer.{}.issuer]] with `issuer` and `audience`", entry.key);
        diagnostics.error(span, format!("the authorizer `{}` has no issuer", entry.key), help);
    }
    for (at, first) in documents.iter().enumerate() {
        if documents.iter().skip(at + 1).any(|other| other.issuer == first.issuer) {
            diagnostics.error(
                entry.key_span,
                format!("the issuer `{}` stands there twice", first.issuer),
                None,
            );
        }
    }
    section.finish(diagnostics);
    let authorizer = Authorizer { function, invoke_role, kind, cache_ttl, issuers: documents };
    possession(entry, &authorizer, diagnostics);
    (authorizer, entry.key_span)
}

/// Reads an issuer; what its members may be is the authorizer's to say.
fn issuer(node: &Node, diagnostics: &mut Diagnostics) -> Option<IssuerDocument> {
    let mut section = Section::open(node, "issuer", diagnostics);
    let name = required(&mut section, "issuer", diagnostics);
    let audience = section.texts("audience", diagnostics);
    if node.member("audience").is_none() {
        let help = "name the APIs its tokens must be for; without one every token of the issuer's would do";
        diagnostics.error(node.span, "`audience` is missing", help.to_owned());
    }
    let document = IssuerDocument {
        issuer: name.map(|(text, _)| text).unwrap_or_default(),
        audience: audience.clone().unwrap_or_default(),
        algorithms: section.texts("algorithms", diagnostics),
        jwks_uri: section.text("jwks_uri", diagnostics).map(|(text, _)| text.to_owned()),
        key_max_age_seconds: seconds(&mut section, "key_max_age", diagnostics).map(u64::from),
        profile: typed(&mut section, "profile", diagnostics),
        scope_claims: section.texts("scope_claims", diagnostics),
        leeway_seconds: seconds(&mut section, "leeway", diagnostics).map(u64::from),
        max_token_age_seconds: seconds(&mut section, "max_token_age", diagnostics).map(u64::from),
        clients: section.texts("clients", diagnostics),
        require: typed(&mut section, "require", diagnostics).unwrap_or_default(),
        denied: typed(&mut section, "denied", diagnostics),
        dpop: typed(&mut section, "dpop", diagnostics),
        mtls: typed(&mut section, "mtls", diagnostics),
        context: typed(&mut section, "context", diagnostics).unwrap_or_default(),
        qualify_principal: typed(&mut section, "qualify_principal", diagnostics)
            .unwrap_or_default(),
        usage_key: typed(&mut section, "usage_key", diagnostics),
        keys: None,
    };
    section.finish(diagnostics);
    if document.issuer.is_empty() || audience.is_none() {
        return None;
    }
    let alone = Document { issuers: vec![document.clone()], ..Document::default() };
    for problem in Config::resolve(&alone).err().iter().flat_map(Problems::each) {
        let member = problem.place.rsplit('.').next().unwrap_or_default();
        let member = member.strip_suffix("_seconds").unwrap_or(member);
        let span = node.member(member).map_or(node.span, |member| member.span);
        diagnostics.error(span, format!("`{member}` {}", problem.text), None);
    }
    Some(document)
}

/// Reads a member whose form the authorizer's configuration defines.
fn typed<T: DeserializeOwned>(
    section: &mut Section<'_>,
    key: &'static str,
    diagnostics: &mut Diagnostics,
) -> Option<T> {
    let node = &section.entry(key)?.node;
    serde_json::from_value(node.to_json())
        .map_err(|error| diagnostics.error(node.span, format!("`{key}`: {error}"), None))
        .ok()
}

/// A proof of possession is in the request and not in the token, so its authorizer must see
/// the request, and see each one: a cached answer would be replayed to whoever has the token.
fn possession(entry: &Entry, authorizer: &Authorizer, diagnostics: &mut Diagnostics) {
    let proves =
        |asked: Option<Possession>| asked.is_some_and(|asked| asked != Possession::Forbidden);
    if !authorizer.issuers.iter().any(|issuer| proves(issuer.dpop) || proves(issuer.mtls)) {
        return;
    }
    if authorizer.kind != AuthorizerKind::Request || authorizer.cache_ttl != 0 {
        let message =
            format!("`dpop` and `mtls` of the authorizer `{}` cannot be checked", entry.key);
        let help =
            "set `type = \"request\"` and `cache_ttl = \"0s\"`: the proof is in each request"
                .to_owned();
        diagnostics.error(entry.key_span, message, help);
    }
}

/// Reads `function_arn`.
pub(super) fn function_arn(
    section: &mut Section<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Arn> {
    let form = "arn:aws:lambda:REGION:ACCOUNT:function:NAME[:ALIAS]";
    arn(section, "function_arn", Arn::function, form, diagnostics)
}

fn arn(
    section: &mut Section<'_>,
    key: &'static str,
    parse: fn(&str) -> Option<Arn>,
    form: &str,
    diagnostics: &mut Diagnostics,
) -> Option<Arn> {
    let (text, span) = section.text(key, diagnostics)?;
    let arn = parse(text);
    if arn.is_none() {
        diagnostics.error(
            span,
            format!("`{key}` is not such an ARN"),
            format!("it looks like {form}"),
        );
    }
    arn
}

/// Reads `30s`, `5m` or `1h`.
fn seconds(
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
            _ => return None,
        };
        count.checked_mul(factor)
    });
    if parsed.is_none() {
        diagnostics.error(
            span,
            format!("`{key}` is not a length of time"),
            "write 30s, 5m or 1h".to_owned(),
        );
    }
    parsed
}
