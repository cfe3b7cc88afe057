//! `[authorizer.NAME]`: how API Gateway invokes the authorizer, and its trusted issuers.

use authorizer::config::{Config, ConfigErrors, Document, IssuerDocument, PolicyMode, TokenSource};
use authorizer::log_identity::{LogIdentity, LogKeyText};

use super::function_table::function;
use super::trust_files::{bundled_keys, ca_bundle, keys_source};
use super::values::{arn, boolean, integer, problem, seconds, typed};
use super::{DeclaredAuthorizer, DeclaredIssuer, Files, choice, required};
use crate::api::{Arn, Authorizer, AuthorizerKind, IdentitySource};
use crate::source::diagnostic::{Code, Diagnostics};
use crate::source::document::{Entry, Node, Section};

/// The longest TTL of the authorizer result cache, in seconds.
const MAX_CACHE_TTL: u32 = 3600;
const DEFAULT_CACHE_TTL: u32 = 300;

/// Reads an authorizer.
pub(super) fn authorizer(
    entry: &Entry,
    files: Files<'_>,
    diagnostics: &mut Diagnostics,
) -> DeclaredAuthorizer {
    let mut section = Section::open(&entry.node, &entry.key, diagnostics);
    let function = function(&mut section, diagnostics);
    let invoke_role = arn(
        &mut section,
        "invoke_role_arn",
        Arn::role,
        "arn:aws:iam::ACCOUNT:role/NAME",
        diagnostics,
    );
    let kind = choice(&mut section, "type", &AuthorizerKind::NAMES, diagnostics);
    let token = token(&mut section, diagnostics);
    let public_urls = public_urls(&mut section, diagnostics);
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
    let (log_identity, log_key) = log_identity(&mut section, diagnostics);
    let issuers = section.entry("issuer");
    let listed = issuers.map(|entry| entry.node.items()).unwrap_or_default();
    let (documents, declared): (Vec<IssuerDocument>, Vec<DeclaredIssuer>) =
        listed.iter().filter_map(|node| issuer(node, files, diagnostics)).unzip();
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
        kind: kind.unwrap_or_else(|| default_kind(&token)),
        cache_ttl,
        identity: Vec::new(),
        token,
        public_urls,
        policy: PolicyMode::Caller,
        policy_max_bytes: policy_max_bytes(&mut section, diagnostics),
        policy_outlives_token: boolean(&mut section, "policy_outlives_token", diagnostics),
        ca_bundle: ca_bundle(&mut section, files, diagnostics),
        log_identity,
        log_key,
        issuers: documents,
    };
    settings.identity = identity(&mut section, &settings, diagnostics);
    section.finish(diagnostics);
    DeclaredAuthorizer {
        settings,
        has_explicit_type: kind.is_some(),
        span: entry.key_span,
        issuers: declared,
    }
}

/// Reads `policy_max_bytes`.
fn policy_max_bytes(section: &mut Section<'_>, diagnostics: &mut Diagnostics) -> Option<u64> {
    let bytes = integer(section, "policy_max_bytes", 0, diagnostics)?;
    let span = section.entry("policy_max_bytes").map(|entry| entry.node.span).unwrap_or_default();
    let bytes = u64::try_from(bytes).ok()?;
    let document = Document { policy_max_bytes: Some(bytes), ..Document::default() };
    if let Some(problem) = problem(&document, "policy_max_bytes") {
        diagnostics.error(span, format!("`policy_max_bytes` {problem}, found {bytes}"), None);
    }
    Some(bytes)
}

/// Returns the type of an authorizer without `type`: a TOKEN authorizer receives one header.
fn default_kind(token: &TokenSource) -> AuthorizerKind {
    match token {
        TokenSource::Header { .. } => AuthorizerKind::Token,
        TokenSource::Cookie(_) | TokenSource::Query(_) | TokenSource::WebsocketProtocol(_) => {
            AuthorizerKind::Request
        }
    }
}

/// Reads the location of the token.
fn token(section: &mut Section<'_>, diagnostics: &mut Diagnostics) -> TokenSource {
    let span = section.entry("token").map(|entry| entry.node.span).unwrap_or_default();
    let Some(token) = typed::<TokenSource>(section, "token", diagnostics) else {
        return TokenSource::default();
    };
    let problem = match &token {
        TokenSource::WebsocketProtocol(_) => {
            Some("must not be `websocket_protocol`, which only WebSocket APIs support".to_owned())
        }
        _ => {
            let document = Document { token: Some(token.clone()), ..Document::default() };
            problem(&document, "token")
        }
    };
    let Some(problem) = problem else { return token };
    let help =
        "write { header = \"NAME\" }, { query = \"NAME\" } or { cookie = \"NAME\" }".to_owned();
    diagnostics.error(span, format!("`token` {problem}"), help);
    TokenSource::default()
}

/// Reads the base URLs of the API for its clients.
fn public_urls(section: &mut Section<'_>, diagnostics: &mut Diagnostics) -> Option<Vec<String>> {
    let span = section.entry("public_urls").map(|entry| entry.node.span).unwrap_or_default();
    let urls = section.texts("public_urls", diagnostics)?;
    let document = Document { public_urls: Some(urls.clone()), ..Document::default() };
    if let Some(problem) = problem(&document, "public_urls") {
        let help =
            "write the URL that clients use, such as \"https://www.example.com/api\"".to_owned();
        diagnostics.error(span, format!("`public_urls` {problem}"), help);
    }
    Some(urls)
}

/// Reads the form of subjects and token IDs in the log, and the key of the hashes.
fn log_identity(
    section: &mut Section<'_>,
    diagnostics: &mut Diagnostics,
) -> (LogIdentity, Option<LogKeyText>) {
    let names = LogIdentity::ALL.map(|form| (form.name(), form));
    let form = choice(section, "log_identity", &names, diagnostics).unwrap_or_default();
    let Some((text, span)) = section.text("log_key", diagnostics) else { return (form, None) };
    let key = Some(LogKeyText::from(text));
    let document = Document { log_identity: form, log_key: key.clone(), ..Document::default() };
    if let Some(problem) = problem(&document, "log_key") {
        let help = if form == LogIdentity::Hashed {
            "create a key with `openssl rand -hex 32`"
        } else {
            "remove `log_key`, or set `log_identity = \"hashed\"`"
        };
        diagnostics.error(span, format!("`log_key` {problem}"), help.to_owned());
    }
    (form, key)
}

/// Returns the values of `log_key`.
pub(super) fn log_keys(root: &Node) -> Vec<&Node> {
    let authorizers = root.member("authorizer").map(Node::entries).unwrap_or_default();
    authorizers.iter().filter_map(|entry| entry.node.member("log_key")).collect()
}

/// Returns whether every `log_key` is an environment variable. A key in the file would be in version
/// control.
pub(super) fn log_keys_are_variables(root: &Node, diagnostics: &mut Diagnostics) -> bool {
    let is_variable = |text: &str| {
        let name = text.strip_prefix("${env:").and_then(|rest| rest.strip_suffix('}'));
        name.is_some_and(|name| !name.contains(['$', '}']))
    };
    let is_literal = |key: &&Node| key.text().is_some_and(|text| !is_variable(text));
    let literals: Vec<&Node> = log_keys(root).into_iter().filter(is_literal).collect();
    for key in &literals {
        let help = "write `log_key = \"${env:NAME}\"`, and set the variable".to_owned();
        diagnostics.error(key.span, "`log_key` must be an environment variable", help);
    }
    literals.is_empty()
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
fn issuer(
    node: &Node,
    files: Files<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<(IssuerDocument, DeclaredIssuer)> {
    let mut section = Section::open(node, "issuer", diagnostics);
    let name = required(&mut section, "issuer", diagnostics);
    let audience = section.texts("audience", diagnostics);
    if node.member("audience").is_none() {
        let help = "list the `aud` values of tokens for this API: without it, every token of the issuer would be accepted";
        diagnostics.error(node.span, "missing `audience`", help.to_owned());
    }
    let (name, span) = name.unwrap_or_default();
    let bundled = bundled_keys(&mut section, &name, files, diagnostics);
    let document = IssuerDocument {
        issuer: name,
        audience: audience.clone().unwrap_or_default(),
        audience_claim: section
            .text("audience_claim", diagnostics)
            .map(|(text, _)| text.to_owned()),
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
        keys: bundled.keys,
    };
    section.finish(diagnostics);
    if document.issuer.is_empty() || audience.is_none() {
        return None;
    }
    let has_unusable_keys = bundled.file.is_some() && document.keys.is_none();
    let alone = Document { issuers: vec![document.clone()], ..Document::default() };
    for problem in Config::resolve(&alone).err().iter().flat_map(ConfigErrors::as_slice) {
        // `issuers[0].MEMBER`, or deeper: `issuers[0].require[1].any[0]`.
        let member = problem.location.split_once('.').map_or("", |(_, member)| member);
        let member = member.strip_suffix("_seconds").unwrap_or(member);
        let span = node.at(member).span;
        let message = format!("`{member}` {}", problem.message);
        match member {
            // Without a URL, the file is the source of its keys, and is reported already.
            "issuer" if has_unusable_keys => {}
            "keys" => {
                let help = keys_source(&document.issuer, document.jwks_uri.as_deref());
                diagnostics.violation(Code::BundledKeys, span, message, help.to_owned());
            }
            _ => diagnostics.error(span, message, None),
        }
    }
    let has_invalid_profile = document.profile.is_none() && node.member("profile").is_some();
    Some((document, DeclaredIssuer { span, keys: bundled.file, has_invalid_profile }))
}
