//! `authorizer.json` or the environment → [`Config`]. All errors are reported together. An
//! empty list is an error and never means "any".

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use crate::issuer::Issuer;
use crate::json;
use crate::log_identity::{Identification, LogIdentity, LogKey, LogKeyText};
use crate::normalized_uri::NormalizedUri;
use crate::pem;
use crate::routes::{Requirement, Route, RouteTable};
use crate::scope::is_scope_name;
use crate::time::UnixTime;

mod document;
mod environment;
mod issuer;
mod rule;
mod token_source;

pub use document::{
    BundledKeys, ContextSource, Denied, Document, IssuerDocument, PolicyMode, RouteDocument,
    RuleDocument, UsageKey,
};
pub use token_source::{TokenScheme, TokenSource};

/// The maximum length of a policy, in bytes, unless `policy_max_bytes` sets another. A WebSocket
/// API's authorizer has this quota for its whole result; none is documented for a REST API's.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html>
pub const DEFAULT_POLICY_MAX_BYTES: usize = 8192;

/// From enough for one route to a sixth of Lambda's maximum response (6 MB).
const POLICY_BYTES_RANGE: std::ops::RangeInclusive<usize> = 1024..=1_048_576;

/// The maximum TTL of API Gateway's result cache, in seconds.
/// <https://docs.aws.amazon.com/apigateway/latest/api/API_Authorizer.html>
const MAX_CACHE_TTL: u64 = 3600;

/// The maximum time that API Gateway waits for an authorizer.
const MAX_DURATION: Duration = Duration::from_secs(29);

/// The validated configuration. It always has an issuer and an audience.
#[derive(Clone, Debug)]
pub struct Config {
    issuers: Vec<Issuer>,
    tables: Tables,
    token: TokenSource,
    public_urls: Option<Vec<NormalizedUri>>,
    simple_responses: bool,
    policy: PolicyMode,
    policy_max_bytes: usize,
    pinned: bool,
    /// The result cache TTL; `None` if a cached policy may outlive its token.
    cache_ttl: Option<Duration>,
    ca_bundle: Option<String>,
    identification: Identification,
}

#[derive(Clone, Debug)]
enum Tables {
    AnyApi(AccessRules),
    ByApi(BTreeMap<String, AccessRules>),
}

/// The access rules of an API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AccessRules {
    /// One requirement for the whole stage.
    Stage(Requirement),
    /// A requirement for each route of a table.
    Routes(Box<RouteTable>),
}

/// The maximum length of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PolicyLimit {
    /// The maximum, in bytes.
    pub(crate) max_bytes: usize,
    /// Beyond it, patterns are merged if that makes the policy short enough.
    pub(crate) merges_beyond: bool,
}

/// An error in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The setting, such as `issuers[0].audience` or `AUTHORIZER_ISSUER`; empty for the document.
    pub location: String,
    /// The message; with a location, a predicate such as `must not be empty`.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.location.is_empty() {
            return f.write_str(&self.message);
        }
        write!(f, "`{}` {}", self.location, self.message)
    }
}

/// All errors in a configuration.
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
        let messages: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&messages.join("; "))
    }
}

impl std::error::Error for ConfigErrors {}

impl Config {
    /// Reads `authorizer.json`.
    pub fn from_json(text: &str) -> Result<Self, ConfigErrors> {
        let invalid = |error| {
            let mut errors = ConfigErrors::default();
            errors.add("", json_message(&error));
            errors
        };
        let document = serde_json::from_str(text).map_err(invalid)?;
        // Maps, such as `apis`, use the last of duplicate members.
        json::object(text.as_bytes()).map_err(invalid)?;
        Self::resolve(&document)
    }

    /// Reads the settings of a single issuer from the variables `AUTHORIZER_*`.
    pub fn from_environment(variables: &BTreeMap<String, String>) -> Result<Self, ConfigErrors> {
        check_environment(variables, None)?;
        let get = |key: &str| variables.get(key).cloned();
        let mut errors = ConfigErrors::default();
        for key in ["AUTHORIZER_ISSUER", "AUTHORIZER_AUDIENCE"] {
            if get(key).is_none() {
                errors.add(key, "is not set and authorizer.json does not exist");
            }
        }
        let leeway = get("AUTHORIZER_LEEWAY").map(|text| text.trim().parse());
        if let Some(Err(_)) = leeway {
            errors.add("AUTHORIZER_LEEWAY", "must be an integer from 0 to 300 (seconds)");
        }
        let profile = get("AUTHORIZER_PROFILE")
            .map(|name| serde_json::from_value(serde_json::Value::String(name)));
        if let Some(Err(error)) = &profile {
            errors.add("AUTHORIZER_PROFILE", format!("is invalid: {}", json_message(error)));
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
                profile: profile.and_then(Result::ok),
                scope_claims: list("AUTHORIZER_SCOPE_CLAIMS"),
                leeway_seconds: leeway.and_then(Result::ok),
                ..IssuerDocument::default()
            }],
            scopes: scopes.split_whitespace().map(str::to_owned).collect(),
            ..Document::default()
        })?
        .with_log_key(variables)
    }

    /// Adds the log key of the variable `AUTHORIZER_LOG_KEY`, if it is set. One that would have no
    /// effect is an error.
    pub fn with_log_key(
        mut self,
        variables: &BTreeMap<String, String>,
    ) -> Result<Self, ConfigErrors> {
        let Some(text) = variables.get(environment::LOG_KEY) else { return Ok(self) };
        let mut errors = ConfigErrors::default();
        let Identification { form, key } = &mut self.identification;
        if key.is_some() {
            let message = "has no effect beside `log_key` of the file; remove one of them";
            errors.add(environment::LOG_KEY, message);
        } else {
            *key = log_key(environment::LOG_KEY, *form, &text.as_str().into(), &mut errors);
        }
        if errors.0.is_empty() { Ok(self) } else { Err(errors) }
    }

    /// Validates a document.
    pub fn resolve(document: &Document) -> Result<Self, ConfigErrors> {
        let mut errors = ConfigErrors::default();
        let issuers = issuers(&document.issuers, &mut errors);
        let tables = tables(document, &mut errors);
        let token = document.token.clone().unwrap_or_default();
        if let Some(error) = token.error() {
            errors.add("token", error);
        }
        let public_urls = document.public_urls.as_ref().map(|urls| public_urls(urls, &mut errors));
        let policy_max_bytes = document
            .policy_max_bytes
            .map_or(DEFAULT_POLICY_MAX_BYTES, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        if !POLICY_BYTES_RANGE.contains(&policy_max_bytes) {
            errors.add("policy_max_bytes", "must be 1024 to 1048576 bytes");
        }
        let cache_ttl = document.cache_ttl_seconds.unwrap_or(MAX_CACHE_TTL);
        if cache_ttl > MAX_CACHE_TTL {
            errors.add("cache_ttl_seconds", "must be 0 to 3600");
        }
        if document.ca_bundle.as_ref().is_some_and(|pem| pem::certificates(pem).is_none()) {
            errors.add("ca_bundle", "must contain certificates in PEM");
        }
        let form = document.log_identity;
        let key = document.log_key.as_ref();
        let key = key.and_then(|text| log_key("log_key", form, text, &mut errors));
        match (tables, errors.0.is_empty()) {
            (Some(tables), true) => Ok(Self {
                issuers,
                tables,
                token,
                public_urls,
                simple_responses: document.simple_responses,
                policy: document.policy,
                policy_max_bytes,
                pinned: document.pinned,
                cache_ttl: (!document.policy_outlives_token)
                    .then(|| Duration::from_secs(cache_ttl)),
                ca_bundle: document.ca_bundle.clone(),
                identification: Identification { form, key },
            }),
            _ => Err(errors),
        }
    }

    /// Returns the issuers, at least one.
    pub fn issuers(&self) -> &[Issuer] {
        &self.issuers
    }

    /// Returns the source of the token in an event.
    pub(crate) fn token(&self) -> &TokenSource {
        &self.token
    }

    /// Returns the base URLs of the API for its clients, if a proxy precedes API Gateway.
    pub(crate) fn public_urls(&self) -> Option<&[NormalizedUri]> {
        self.public_urls.as_deref()
    }

    /// Returns whether the response to an HTTP API with payload format 2.0 is simple
    /// (`isAuthorized`).
    pub(crate) fn simple_responses(&self) -> bool {
        self.simple_responses
    }

    /// Returns the extent of policies for a route table.
    pub(crate) fn policy(&self) -> PolicyMode {
        self.policy
    }

    /// Returns the maximum length of a policy.
    pub(crate) fn policy_limit(&self) -> PolicyLimit {
        PolicyLimit { max_bytes: self.policy_max_bytes, merges_beyond: self.pinned }
    }

    /// Returns whether the function serves only the deployment whose routes its table lists.
    pub(crate) fn is_pinned(&self) -> bool {
        self.pinned
    }

    /// Returns whether API Gateway may still use a policy of `now` when its token is rejected. The TTL
    /// starts when the policy is returned.
    pub(crate) fn may_outlive_token(&self, rejected_from: UnixTime, now: UnixTime) -> bool {
        self.cache_ttl
            .is_some_and(|ttl| !ttl.is_zero() && rejected_from < now.plus(ttl).plus(MAX_DURATION))
    }

    /// Returns the root certificates for fetching keys, in PEM; `None` for the public ones.
    pub fn ca_bundle(&self) -> Option<&str> {
        self.ca_bundle.as_deref()
    }

    /// Returns the form of subjects and token IDs in the log.
    pub(crate) fn identification(&self) -> &Identification {
        &self.identification
    }

    /// Returns the route table that applies to every API, if configured.
    pub fn route_table(&self) -> Option<&RouteTable> {
        match &self.tables {
            Tables::AnyApi(AccessRules::Routes(table)) => Some(table),
            Tables::AnyApi(AccessRules::Stage(_)) | Tables::ByApi(_) => None,
        }
    }

    /// Returns all access rules, with the API's ID if they are for one API.
    pub(crate) fn all_access_rules(&self) -> impl Iterator<Item = (Option<&str>, &AccessRules)> {
        let (any, by_api) = match &self.tables {
            Tables::AnyApi(access) => (Some((None, access)), None),
            Tables::ByApi(tables) => (None, Some(tables)),
        };
        let by_api = by_api.into_iter().flatten();
        any.into_iter().chain(by_api.map(|(id, access)| (Some(id.as_str()), access)))
    }

    /// Returns the access rules of an API; `None` if only other APIs are configured.
    pub(crate) fn access_rules(&self, api_id: &str) -> Option<&AccessRules> {
        match &self.tables {
            Tables::AnyApi(access) => Some(access),
            Tables::ByApi(tables) => tables.get(api_id),
        }
    }
}

/// Checks the environment variables of the authorizer: one that is unknown or empty is an error, and
/// beside a configuration `file` one that configures an issuer.
pub fn check_environment(
    variables: &BTreeMap<String, String>,
    file: Option<&str>,
) -> Result<(), ConfigErrors> {
    let mut errors = ConfigErrors::default();
    environment::check(variables, file, &mut |name, message| errors.add(name, message));
    if errors.0.is_empty() { Ok(()) } else { Err(errors) }
}

/// Words a JSON error in the terms of `authorizer.json`.
fn json_message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let (text, position) = text.rsplit_once(" at line ").unwrap_or((&text, ""));
    let at = if position.is_empty() { String::new() } else { format!(" at line {position}") };
    if error.is_eof() {
        return format!("unexpected end of file{at}");
    }
    if error.is_syntax() {
        return format!("invalid JSON: {text}{at}");
    }
    let mismatch = ["invalid type: ", "invalid value: "].into_iter();
    let mut mismatch = mismatch.filter_map(|prefix| text.strip_prefix(prefix));
    if let Some((found, expected)) = mismatch.next().and_then(|text| text.split_once(", expected "))
    {
        let expected = match expected {
            "a sequence" => "a list",
            "i64" => "an integer",
            "u64" => "a non-negative integer",
            "a map" => "an object",
            other if other.starts_with("struct ") => "an object",
            other => other,
        };
        let found = match found {
            "sequence" => "a list",
            "map" => "an object",
            other => other,
        };
        return format!("expected {expected}, found {found}{at}");
    }
    if text.starts_with("invalid length") && text.contains(", expected struct ") {
        return format!("expected an object, found a list{at}");
    }
    if text.contains("untagged enum") {
        return format!("unexpected value{at}");
    }
    let reworded = [
        ("duplicate field", "duplicate setting"),
        ("missing field", "missing"),
        ("unknown field", "unknown setting"),
        ("unknown variant", "unknown value"),
    ];
    let reworded = reworded.into_iter().find_map(|(from, to)| Some((to, text.strip_prefix(from)?)));
    let (start, rest) = reworded.unwrap_or(("", text));
    format!("{start}{rest}{at}")
}

fn issuers(documents: &[IssuerDocument], errors: &mut ConfigErrors) -> Vec<Issuer> {
    if documents.is_empty() {
        errors.add("issuers", "must not be empty");
    }
    let mut names = BTreeSet::new();
    let mut issuers = Vec::new();
    for (at, document) in documents.iter().enumerate() {
        let mut report =
            |member: &str, text: &str| errors.add(format!("issuers[{at}].{member}"), text);
        if !names.insert(&document.issuer) {
            report("issuer", "is a duplicate");
        }
        issuers.push(issuer::resolve(document, &mut report));
    }
    issuers
}

/// Prepares the log key, which only hashes need.
fn log_key(
    location: &str,
    form: LogIdentity,
    text: &LogKeyText,
    errors: &mut ConfigErrors,
) -> Option<LogKey> {
    if form != LogIdentity::Hashed {
        let name = form.name();
        let message = format!("has no effect with `log_identity` `{name}`; remove one of them");
        errors.add(location, message);
        return None;
    }
    text.key().map_err(|error| errors.add(location, error.to_string())).ok()
}

fn public_urls(urls: &[String], errors: &mut ConfigErrors) -> Vec<NormalizedUri> {
    if urls.is_empty() {
        errors.add("public_urls", "must not be empty");
    }
    let mut bases = Vec::new();
    for (at, url) in urls.iter().enumerate() {
        match NormalizedUri::parse(url).filter(|_| !url.contains(['?', '#'])) {
            Some(base) => bases.push(base),
            None => errors.add(
                format!("public_urls[{at}]"),
                format!(
                    "must be an https URL without user, query and fragment, or an http URL of a loopback host, found `{url}`"
                ),
            ),
        }
    }
    bases
}

fn tables(document: &Document, errors: &mut ConfigErrors) -> Option<Tables> {
    if !document.scopes.is_empty() && (document.routes.is_some() || document.apis.is_some()) {
        errors.add("scopes", "is not allowed together with a route table");
    }
    match (document.pinned, &document.routes, &document.apis) {
        (true, _, Some(_)) => errors.add("pinned", "is not allowed together with `apis`"),
        (true, None, None) => errors.add("pinned", "requires `routes`"),
        _ => {}
    }
    match (&document.routes, &document.apis) {
        (Some(_), Some(_)) => {
            errors.add("apis", "is not allowed together with `routes`");
            None
        }
        (Some(routes), None) => table("routes", routes, errors).map(Tables::AnyApi),
        (None, Some(apis)) => {
            if apis.is_empty() {
                errors.add("apis", "must not be empty");
            }
            let named = apis.iter().map(|(id, routes)| {
                Some((id.clone(), table(&format!("apis.{id}"), routes, errors)?))
            });
            named.collect::<Option<_>>().map(Tables::ByApi)
        }
        (None, None) => {
            let all = scope_set("scopes", &document.scopes, errors);
            Some(Tables::AnyApi(AccessRules::Stage(Requirement::any_of(vec![all])?)))
        }
    }
}

fn table(
    location: &str,
    documents: &[RouteDocument],
    errors: &mut ConfigErrors,
) -> Option<AccessRules> {
    if documents.is_empty() {
        errors.add(
            location,
            "must not be empty; omit `routes` and `apis` to allow every route to every valid token",
        );
        return None;
    }
    let routes = documents
        .iter()
        .enumerate()
        .filter_map(|(at, document)| route(&format!("{location}[{at}]"), document, errors))
        .collect();
    RouteTable::new(routes)
        .map(|table| AccessRules::Routes(Box::new(table)))
        .map_err(|duplicate| errors.add(location, format!("has a {duplicate}")))
        .ok()
}

fn route(location: &str, document: &RouteDocument, errors: &mut ConfigErrors) -> Option<Route> {
    let scopes = format!("{location}.scopes");
    let sets = document.scopes.iter().map(|all| scope_set(&scopes, all, errors)).collect();
    let requirement = Requirement::any_of(sets);
    if requirement.is_none() {
        errors.add(scopes, "must not be empty; `[[]]` allows every valid token");
    }
    let RouteDocument { method, path, .. } = document;
    let verb = method.parse().map_err(|error| {
        errors.add(format!("{location}.method"), format!("is unknown: {error}, found `{method}`"));
    });
    let template = path.parse().map_err(|error| {
        errors.add(format!("{location}.path"), format!("is invalid: `{path}` {error}"));
    });
    Some(Route { verb: verb.ok()?, path: template.ok()?, requirement: requirement? })
}

fn scope_set(location: &str, scopes: &[String], errors: &mut ConfigErrors) -> BTreeSet<String> {
    for scope in scopes.iter().filter(|scope| !is_scope_name(scope)) {
        errors.add(location, format!("has the invalid scope `{scope}` (RFC 6749 section 3.3)"));
    }
    scopes.iter().cloned().collect()
}
