//! `[authorizer.NAME]`: how API Gateway invokes the authorizer, and its trusted issuers.

use authorizer::config::{Config, ConfigErrors, Document, IssuerDocument, PolicyMode, TokenSource};
use serde::de::DeserializeOwned;

use super::{DeclaredAuthorizer, choice, required};
use crate::api::{
    AUTHORIZATION, Arn, Authorizer, AuthorizerKind, IdentitySource, MAX_TIMEOUT_MS, MIN_TIMEOUT_MS,
};
use crate::source::diagnostic::Diagnostics;
use crate::source::document::{Entry, Node, Section, deserialize};

/// The longest TTL of the authorizer result cache, in seconds.
const MAX_CACHE_TTL: u32 = 3600;
const DEFAULT_CACHE_TTL: u32 = 300;

/// Reads an authorizer.
pub(super) fn authorizer(entry: &Entry, diagnostics: &mut Diagnostics) -> DeclaredAuthorizer {
    let mut section = Section::open(&entry.node, &entry.key, diagnostics);
    let function = function_arn(&mut section, diagnostics);
    let invoke_role = arn(
        &mut section,
        "invoke_role_arn",
        Arn::role,
        "arn:aws:iam::ACCOUNT:role/NAME",
        diagnostics,
    );
    let kind = choice(&mut section, "type", &AuthorizerKind::NAMES, diagnostics);
    let token = token(&mut section, diagnostics);
    let cache_ttl = seconds(&mut section, "cache_ttl", diagnostics).unwrap_or(DEFAULT_CACHE_TTL);
    if cache_ttl > MAX_CACHE_TTL {
        let node = section.entry("cache_ttl").map(|entry| &entry.node);
        let text = node.and_then(Node::text).unwrap_or_default();
        diagnostics.error(
            node.map(|node| node.span).unwrap_or_default(),
            format!("invalid `cache_ttl` `{text}`: expected 0s to 3600s"),
            "use at most 1h, the longest that API Gateway caches".to_owned(),
        );
    }
    let issuers = section.entry("issuer");
    let listed = issuers.map(|entry| entry.node.items()).unwrap_or_default();
    let documents: Vec<IssuerDocument> =
        listed.iter().filter_map(|node| issuer(node, diagnostics)).collect();
    if listed.is_empty() {
        let span = issuers.map_or(entry.key_span, |entry| entry.key_span);
        let help = format!("add [[authorizer.{}.issuer]] with `issuer` and `audience`", entry.key);
        diagnostics.error(span, format!("authorizer `{}` has no issuer", entry.key), help);
    }
    for (at, first) in documents.iter().enumerate() {
        if documents.iter().skip(at + 1).any(|other| other.issuer == first.issuer) {
            diagnostics.error(
                entry.key_span,
                format!("duplicate issuer `{}`", first.issuer),
                "merge the two issuers".to_owned(),
            );
        }
    }
    let mut settings = Authorizer {
        function,
        invoke_role,
        kind: kind.unwrap_or_default(),
        cache_ttl,
        identity: Vec::new(),
        token,
        policy: PolicyMode::Caller,
        issuers: documents,
    };
    settings.identity = identity(&mut section, &settings, diagnostics);
    section.finish(diagnostics);
    DeclaredAuthorizer { settings, has_explicit_type: kind.is_some(), span: entry.key_span }
}

/// Reads the location of the token.
fn token(section: &mut Section<'_>, diagnostics: &mut Diagnostics) -> TokenSource {
    let default = TokenSource::Header(AUTHORIZATION.to_owned());
    let span = section.entry("token").map(|entry| entry.node.span).unwrap_or_default();
    let token: TokenSource =
        typed(section, "token", diagnostics).unwrap_or_else(|| default.clone());
    let problem = match &token {
        TokenSource::WebsocketProtocol(_) => {
            Some("must not be `websocket_protocol`, which only WebSocket APIs support".to_owned())
        }
        _ => {
            let document = Document { token: Some(token.clone()), ..Document::default() };
            let problems = Config::resolve(&document).err();
            let problem =
                problems.iter().flat_map(ConfigErrors::as_slice).find(|p| p.location == "token");
            problem.map(|problem| problem.message.clone())
        }
    };
    match problem {
        Some(problem) => {
            let help = "write { header = \"NAME\" } or { query = \"NAME\" }".to_owned();
            diagnostics.error(span, format!("`token` {problem}"), help);
            default
        }
        None => token,
    }
}

/// Reads the identity sources; the default is the location of the token.
fn identity(
    section: &mut Section<'_>,
    settings: &Authorizer,
    diagnostics: &mut Diagnostics,
) -> Vec<IdentitySource> {
    let default: Vec<IdentitySource> = settings.token_identity_source().into_iter().collect();
    let span = section.entry("identity_sources").map(|entry| entry.node.span);
    let (Some(texts), Some(span)) = (section.texts("identity_sources", diagnostics), span) else {
        return default;
    };
    let help = "use method.request.header.NAME, method.request.querystring.NAME, stageVariables.NAME or context.NAME";
    let parsed: Vec<_> = texts.iter().map(|text| (text, text.parse())).collect();
    for (text, _) in parsed.iter().filter(|(_, source)| source.is_err()) {
        diagnostics.error(span, format!("invalid identity source `{text}`"), help.to_owned());
    }
    if texts.is_empty() {
        let help = "remove it to cache results by the token".to_owned();
        diagnostics.error(span, "`identity_sources` must not be empty", help);
    }
    if settings.kind == AuthorizerKind::Token {
        let help = "set `type = \"request\"`".to_owned();
        diagnostics.error(
            span,
            "`identity_sources` requires a REQUEST authorizer: a TOKEN authorizer receives the token alone",
            help,
        );
    }
    parsed.into_iter().filter_map(|(_, source)| source.ok()).collect()
}

/// Reads an issuer. Its values are checked by the authorizer.
fn issuer(node: &Node, diagnostics: &mut Diagnostics) -> Option<IssuerDocument> {
    let mut section = Section::open(node, "issuer", diagnostics);
    let name = required(&mut section, "issuer", diagnostics);
    let audience = section.texts("audience", diagnostics);
    if node.member("audience").is_none() {
        let help = "list the `aud` values of tokens for this API: without it, every token of the issuer would be accepted";
        diagnostics.error(node.span, "missing `audience`", help.to_owned());
    }
    let document = IssuerDocument {
        issuer: name.map(|(text, _)| text).unwrap_or_default(),
        audience: audience.clone().unwrap_or_default(),
        algorithms: section.texts("algorithms", diagnostics),
        jwks_uri: section.text("jwks_uri", diagnostics).map(|(text, _)| text.to_owned()),
        key_max_age_seconds: seconds(&mut section, "key_max_age", diagnostics).map(u64::from),
        keys_stale_for_seconds: seconds(&mut section, "keys_stale_for", diagnostics).map(u64::from),
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
    for problem in Config::resolve(&alone).err().iter().flat_map(ConfigErrors::as_slice) {
        let member = problem.location.rsplit('.').next().unwrap_or_default();
        let member = member.strip_suffix("_seconds").unwrap_or(member);
        let span = node.member(member).map_or(node.span, |member| member.span);
        diagnostics.error(span, format!("`{member}` {}", problem.message), None);
    }
    Some(document)
}

/// Reads a setting that has the form of the authorizer's configuration.
fn typed<T: DeserializeOwned>(
    section: &mut Section<'_>,
    key: &'static str,
    diagnostics: &mut Diagnostics,
) -> Option<T> {
    let node = &section.entry(key)?.node;
    deserialize(node, node.to_json(), &format!("`{key}`"), diagnostics)
}

/// Reads `function_arn`.
pub(super) fn function_arn(
    section: &mut Section<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Arn> {
    let form = "arn:aws:lambda:REGION:ACCOUNT:function:NAME[:ALIAS]";
    arn(section, "function_arn", Arn::function, form, diagnostics)
}

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

/// Reads an integration timeout.
pub(super) fn milliseconds(
    section: &mut Section<'_>,
    key: &'static str,
    diagnostics: &mut Diagnostics,
) -> Option<u32> {
    let (text, span) = section.text(key, diagnostics)?;
    let number = |digits: &str| digits.parse::<u32>().ok();
    let parsed = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(digits), _) => number(digits),
        (None, Some(digits)) => number(digits).and_then(|seconds| seconds.checked_mul(1000)),
        (None, None) => None,
    };
    let parsed = parsed.filter(|ms| (MIN_TIMEOUT_MS..=MAX_TIMEOUT_MS).contains(ms));
    if parsed.is_none() {
        let message = format!("invalid `{key}` `{text}`: expected 50ms to 29s");
        diagnostics.error(span, message, "write 500ms or 10s".to_owned());
    }
    parsed
}

/// Reads a duration such as `30s`, `5m` or `1h`.
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
