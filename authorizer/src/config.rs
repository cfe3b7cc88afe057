//! `authorizer.json` or the environment → [`Config`]. Every problem is told at once, and
//! nothing that must be there is optional: an empty list never means "any".

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::issuer::Issuer;
use crate::pem;
use crate::routes::{Requirement, Route, RouteTable};
use crate::scope::is_scope_name;

mod document;
mod issuer;
mod rule;

pub use document::{
    BundledKeys, ContextSource, Denied, Document, IssuerDocument, PolicyMode, RouteDocument,
    RuleDocument, TokenSource, UsageKey,
};

/// The maximum length of a policy, in bytes, unless `policy_max_bytes` sets another. A WebSocket
/// API's authorizer has this quota for its whole result; none is documented for a REST API's.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html>
pub const DEFAULT_POLICY_MAX_BYTES: usize = 8192;

/// From what says one route to a sixth of what Lambda can answer.
const POLICY_BYTES_RANGE: std::ops::RangeInclusive<usize> = 1024..=1_048_576;

/// What the authorizer works with. Issuer and audience cannot be absent.
#[derive(Clone, Debug)]
pub struct Config {
    issuers: Vec<Issuer>,
    tables: Tables,
    token: TokenSource,
    simple_responses: bool,
    policy: PolicyMode,
    policy_max_bytes: usize,
    ca_bundle: Option<String>,
}

#[derive(Clone, Debug)]
enum Tables {
    AnyApi(Access),
    ByApi(BTreeMap<String, Access>),
}

/// What there is to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// The stage as a whole.
    Stage(Requirement),
    /// Each route of a table.
    Routes(RouteTable),
}

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Where, such as `issuers[0].audience` or `AUTHORIZER_ISSUER`.
    pub location: String,
    /// What, beginning with a verb.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.location, self.message)
    }
}

/// Everything that is wrong with a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigErrors(Vec<ConfigError>);

impl ConfigErrors {
    /// Returns the errors, in the order of the configuration.
    pub fn as_slice(&self) -> &[ConfigError] {
        &self.0
    }

    fn add(&mut self, location: impl Into<String>, message: impl Into<String>) {
        self.0.push(ConfigError { location: location.into(), message: message.into() });
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sentences: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&sentences.join("; "))
    }
}

impl std::error::Error for ConfigErrors {}

impl Config {
    /// Reads `authorizer.json`.
    pub fn from_json(text: &str) -> Result<Self, ConfigErrors> {
        let document: Document = serde_json::from_str(text).map_err(|error| {
            let mut errors = ConfigErrors::default();
            errors.add("the document", error.to_string());
            errors
        })?;
        Self::resolve(&document)
    }

    /// Reads the settings of a single issuer from `AUTHORIZER_*`.
    pub fn from_environment(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigErrors> {
        let mut errors = ConfigErrors::default();
        for key in ["AUTHORIZER_ISSUER", "AUTHORIZER_AUDIENCE"] {
            if get(key).is_none_or(|value| value.trim().is_empty()) {
                errors.add(key, "is not set, and there is no authorizer.json");
            }
        }
        let leeway = get("AUTHORIZER_LEEWAY").map(|text| text.trim().parse());
        if let Some(Err(_)) = leeway {
            errors.add("AUTHORIZER_LEEWAY", "is not a whole number of seconds");
        }
        if !errors.0.is_empty() {
            return Err(errors);
        }
        let list = |key: &str| {
            get(key).map(|text| text.split(',').map(|item| item.trim().to_owned()).collect())
        };
        let scopes = get("AUTHORIZER_SCOPES").unwrap_or_default();
        Self::resolve(&Document {
            issuers: vec![IssuerDocument {
                issuer: get("AUTHORIZER_ISSUER").unwrap_or_default(),
                audience: list("AUTHORIZER_AUDIENCE").unwrap_or_default(),
                algorithms: list("AUTHORIZER_ALGORITHMS"),
                jwks_uri: get("AUTHORIZER_JWKS_URI"),
                scope_claims: list("AUTHORIZER_SCOPE_CLAIMS"),
                leeway_seconds: leeway.and_then(Result::ok),
                ..IssuerDocument::default()
            }],
            scopes: scopes.split_whitespace().map(str::to_owned).collect(),
            ..Document::default()
        })
    }

    /// Says what a document means, or everything that is wrong with it.
    pub fn resolve(document: &Document) -> Result<Self, ConfigErrors> {
        let mut errors = ConfigErrors::default();
        let issuers = issuers(&document.issuers, &mut errors);
        let tables = tables(document, &mut errors);
        let token = token_source(document, &mut errors);
        let policy_max_bytes = document
            .policy_max_bytes
            .map_or(DEFAULT_POLICY_MAX_BYTES, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        if !POLICY_BYTES_RANGE.contains(&policy_max_bytes) {
            errors.add("policy_max_bytes", "is not from 1024 to 1048576");
        }
        if document.ca_bundle.as_ref().is_some_and(|pem| pem::certificates(pem).is_none()) {
            errors.add("ca_bundle", "has no certificate in PEM");
        }
        match (tables, errors.0.is_empty()) {
            (Some(tables), true) => Ok(Self {
                issuers,
                tables,
                token,
                simple_responses: document.simple_responses,
                policy: document.policy,
                policy_max_bytes,
                ca_bundle: document.ca_bundle.clone(),
            }),
            _ => Err(errors),
        }
    }

    /// Returns the issuers, never none.
    pub fn issuers(&self) -> &[Issuer] {
        &self.issuers
    }

    /// Returns where events carry the token.
    pub(crate) fn token(&self) -> &TokenSource {
        &self.token
    }

    /// Says whether an HTTP API's payload 2.0 is answered by `isAuthorized`.
    pub(crate) fn simple_responses(&self) -> bool {
        self.simple_responses
    }

    /// Returns what policies are about where there is a route table.
    pub(crate) fn policy(&self) -> PolicyMode {
        self.policy
    }

    /// Returns how long a policy may be, in bytes.
    pub(crate) fn policy_max_bytes(&self) -> usize {
        self.policy_max_bytes
    }

    /// Returns the certificates that are trusted for fetching keys, in PEM, if not the web's.
    pub fn ca_bundle(&self) -> Option<&str> {
        self.ca_bundle.as_deref()
    }

    /// Returns the table that serves any API, if there is one.
    pub fn route_table(&self) -> Option<&RouteTable> {
        match &self.tables {
            Tables::AnyApi(Access::Routes(table)) => Some(table),
            Tables::AnyApi(Access::Stage(_)) | Tables::ByApi(_) => None,
        }
    }

    /// Returns what there is to open in an API; nothing if only others are configured.
    pub(crate) fn access(&self, api_id: &str) -> Option<&Access> {
        match &self.tables {
            Tables::AnyApi(access) => Some(access),
            Tables::ByApi(tables) => tables.get(api_id),
        }
    }
}

fn issuers(documents: &[IssuerDocument], errors: &mut ConfigErrors) -> Vec<Issuer> {
    if documents.is_empty() {
        errors.add("issuers", "is empty, so no token could ever be accepted");
    }
    let mut names = BTreeSet::new();
    let mut issuers = Vec::new();
    for (at, document) in documents.iter().enumerate() {
        let mut problem =
            |member: &str, text: &str| errors.add(format!("issuers[{at}].{member}"), text);
        if !names.insert(&document.issuer) {
            problem("issuer", "stands there twice");
        }
        issuers.push(issuer::resolve(document, &mut problem));
    }
    issuers
}

fn token_source(document: &Document, errors: &mut ConfigErrors) -> TokenSource {
    let source =
        document.token.clone().unwrap_or_else(|| TokenSource::Header("Authorization".to_owned()));
    let (TokenSource::Header(name)
    | TokenSource::Query(name)
    | TokenSource::WebsocketProtocol(name)) = &source;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || !name.bytes().all(is_name) {
        errors.add("token", format!("`{name}` is no name of a header, parameter or protocol"));
    }
    source
}

fn tables(document: &Document, errors: &mut ConfigErrors) -> Option<Tables> {
    if !document.scopes.is_empty() && (document.routes.is_some() || document.apis.is_some()) {
        errors.add("scopes", "stands beside a route table, which says each route's scopes");
    }
    match (&document.routes, &document.apis) {
        (Some(_), Some(_)) => {
            errors.add("apis", "stands beside `routes`: a table serves any API or a named one");
            None
        }
        (Some(routes), None) => table("routes", routes, errors).map(Tables::AnyApi),
        (None, Some(apis)) => {
            if apis.is_empty() {
                errors.add("apis", "is empty");
            }
            let named = apis.iter().map(|(id, routes)| {
                Some((id.clone(), table(&format!("apis.{id}"), routes, errors)?))
            });
            named.collect::<Option<_>>().map(Tables::ByApi)
        }
        (None, None) => {
            let all = scope_set("scopes", &document.scopes, errors);
            Some(Tables::AnyApi(Access::Stage(Requirement::any_of(vec![all])?)))
        }
    }
}

fn table(location: &str, documents: &[RouteDocument], errors: &mut ConfigErrors) -> Option<Access> {
    if documents.is_empty() {
        errors.add(location, "is empty; leave it out if every valid token may call everything");
        return None;
    }
    let routes = documents
        .iter()
        .enumerate()
        .filter_map(|(at, document)| route(&format!("{location}[{at}]"), document, errors))
        .collect();
    RouteTable::new(routes)
        .map(Access::Routes)
        .map_err(|duplicate| errors.add(location, duplicate.to_string()))
        .ok()
}

fn route(location: &str, document: &RouteDocument, errors: &mut ConfigErrors) -> Option<Route> {
    let scopes = format!("{location}.scopes");
    let sets = document.scopes.iter().map(|all| scope_set(&scopes, all, errors)).collect();
    let requirement = Requirement::any_of(sets);
    if requirement.is_none() {
        errors.add(scopes, "is empty; [[]] opens the route to every valid token");
    }
    let RouteDocument { method, path, .. } = document;
    let verb = method.parse().map_err(|error| {
        errors.add(format!("{location}.method"), format!("`{method}` is {error}"))
    });
    let template = path
        .parse()
        .map_err(|error| errors.add(format!("{location}.path"), format!("`{path}`: {error}")));
    Some(Route { verb: verb.ok()?, path: template.ok()?, requirement: requirement? })
}

fn scope_set(location: &str, scopes: &[String], errors: &mut ConfigErrors) -> BTreeSet<String> {
    for scope in scopes.iter().filter(|scope| !is_scope_name(scope)) {
        errors.add(location, format!("`{scope}` is not a scope name (RFC 6749 section 3.3)"));
    }
    scopes.iter().cloned().collect()
}
