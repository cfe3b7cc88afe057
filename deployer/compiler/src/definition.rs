//! The API definition: an API as API Gateway stores it, mutable until a deployment takes a
//! snapshot. It is compiled from the files, read from AWS, and written as a document.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::api::{
    Api, ApiSettings, Arn, Authorizer, AuthorizerFunction, AuthorizerKind, AuthorizerShape,
    AuthorizerType, Cors, GatewayResponse, Integration, IntegrationKind, PassthroughBehavior,
    Route, RouteKey, Security, Validator,
};
use crate::fingerprint::fingerprint;

mod challenge;

use challenge::challenge;

/// The definition of an API.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ApiDefinition {
    /// The settings of the API.
    pub settings: ApiSettings,
    /// The authorizers, by their name on AWS.
    pub authorizers: BTreeMap<String, AuthorizerShape>,
    /// The methods.
    pub methods: BTreeMap<RouteKey, Method>,
    /// The gateway responses that differ from the defaults, by type.
    pub gateway_responses: BTreeMap<String, GatewayResponse>,
    /// The models, by name.
    pub models: BTreeMap<String, Json>,
}

/// A method of a resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Method {
    /// The authorization.
    pub authorization: Authorization,
    /// True if an API key is required.
    pub api_key: bool,
    /// The operation name for generated clients.
    pub operation: Option<String>,
    /// The request validation.
    pub validator: Option<Validator>,
    /// The parameters, such as `method.request.path.id`, and whether they are required.
    pub parameters: BTreeMap<String, bool>,
    /// The models of request bodies, by media type.
    pub bodies: BTreeMap<String, String>,
    /// The mapped headers, by status.
    pub responses: BTreeMap<String, BTreeSet<String>>,
    /// The integration; none if the method was created manually and not completed.
    pub integration: Option<Integration>,
}

impl Method {
    /// Returns the method without parts that have no effect: a proxy integration does not map
    /// responses, and an import changes the declared ones.
    #[must_use]
    pub fn effective(&self) -> Self {
        let mut effect = self.clone();
        if let Some(integration) = &mut effect.integration
            && matches!(integration.kind, IntegrationKind::AwsProxy | IntegrationKind::HttpProxy)
        {
            effect.responses.clear();
            integration.responses.clear();
            integration.request_templates.clear();
            // Fingerprints of existing records on AWS are of this value.
            integration.passthrough_behavior = PassthroughBehavior::Other(String::new());
            integration.content_handling = None;
        }
        effect
    }

    /// Returns whether another method admits the same callers to the same backend.
    pub fn has_same_access_as(&self, other: &Self) -> bool {
        let access = |method: &Self| {
            let integration = method.integration.clone().map(|integration| {
                let Integration { kind, uri, credentials, connection_id, .. } = integration;
                (kind, uri, credentials, connection_id)
            });
            (method.authorization.clone(), method.api_key, method.validator, integration)
        };
        access(self) == access(other)
    }

    /// Returns the members in which another method differs, as `member: expected A, found B`.
    pub fn difference(&self, other: &Self) -> String {
        let mut found = Vec::new();
        let both = [self, other].map(|method| serde_json::to_value(method).unwrap_or_default());
        compare_members("", &both, &mut found);
        found.join("; ")
    }
}

/// Adds the differences between two values, member by member.
fn compare_members(location: &str, [expected, actual]: &[Json; 2], found: &mut Vec<String>) {
    let (Json::Object(a), Json::Object(b)) = (expected, actual) else {
        if expected != actual {
            found.push(format!("{location}: expected {expected}, found {actual}"));
        }
        return;
    };
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    for name in names {
        let member =
            |map: &serde_json::Map<String, Json>| map.get(name).cloned().unwrap_or_default();
        let location =
            if location.is_empty() { name.clone() } else { format!("{location}.{name}") };
        compare_members(&location, &[member(a), member(b)], found);
    }
}

/// The authorization type of a method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Authorization {
    /// An authorizer, by its name on AWS, and the scopes that a user pool's token requires.
    Authorizer {
        /// The name.
        name: String,
        /// The scopes.
        scopes: BTreeSet<String>,
    },
    /// IAM authorization with a signed request.
    AwsIam,
    /// No authorization.
    None,
}

/// The API cannot be deployed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DefinitionError {
    /// An authorizer has no function.
    #[error("authorizer `{0}` has neither `function` nor `function_arn` in portcullis.toml")]
    MissingFunction(String),
    /// The version of an authorizer's function is not known.
    #[error("the version of function `{0}` is not known before it is published")]
    UnknownVersion(String),
}

impl ApiDefinition {
    /// Returns the definition of a compiled API.
    pub fn from_api(api: &Api) -> Result<Self, DefinitionError> {
        let mut names: BTreeMap<&str, String> = BTreeMap::new();
        let mut authorizers = BTreeMap::new();
        let is_used = |name: &str| {
            api.routes.iter().any(|route| match &route.security {
                Security::Jwt { authorizer: scheme, .. } | Security::External { scheme, .. } => {
                    scheme == name
                }
                _ => false,
            })
        };
        let mut add = |scheme: &'_ str, shape: AuthorizerShape, content: &str| {
            let name = name_on_aws(scheme, &shape, content);
            authorizers.insert(name.clone(), shape);
            name
        };
        for (scheme, authorizer) in api.authorizers.iter().filter(|(name, _)| is_used(name)) {
            let shape = shape(authorizer).ok_or_else(|| match &authorizer.function {
                Some(function) => DefinitionError::UnknownVersion(function.name().to_owned()),
                None => DefinitionError::MissingFunction(scheme.clone()),
            })?;
            names.insert(scheme, add(scheme, shape, content(authorizer)));
        }
        for (scheme, shape) in api.external_authorizers.iter().filter(|(name, _)| is_used(name)) {
            names.insert(scheme, add(scheme, shape.clone(), ""));
        }
        let methods =
            api.routes.iter().map(|route| (route.into(), method(route, &names))).collect();
        Ok(Self {
            settings: api.settings.clone(),
            authorizers,
            methods,
            gateway_responses: gateway_responses(api),
            models: api.models.clone(),
        })
    }
}

impl ApiDefinition {
    /// Returns the name and the type of an authorizer that a document would have without a part of
    /// its settings, such as the trusted issuers of API Gateway's own JWT authorizers.
    pub fn unsupported_authorizer(&self) -> Option<(&str, &str)> {
        let is_unsupported =
            |shape: &AuthorizerShape| matches!(shape.kind, AuthorizerType::Other(_));
        let (name, shape) = self.authorizers.iter().find(|(_, shape)| is_unsupported(shape))?;
        Some((name, shape.kind.name()))
    }
}

/// Returns the name of an authorizer on AWS: the scheme's name and a fingerprint of the settings.
/// Other settings make another authorizer, so none is ever changed under a stage.
/// The number of a pinned version is not known before it is published, so the fingerprint is that of
/// its content instead.
fn name_on_aws(scheme: &str, shape: &AuthorizerShape, content: &str) -> String {
    let print = if content.is_empty() {
        fingerprint(shape)
    } else {
        fingerprint(&(AuthorizerShape { uri: None, ..shape.clone() }, content))
    };
    format!("{}-{}", scheme_on_aws(scheme), print.get(..8).unwrap_or(&print))
}

/// Returns the scheme's name as it is in an authorizer's name on AWS; the inverse of [`scheme_of`].
pub fn scheme_on_aws(scheme: &str) -> String {
    let replace = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    scheme.chars().map(replace).take(100).collect()
}

/// Returns the scheme's name in an authorizer's name on AWS, as [`scheme_on_aws`] returns it.
pub fn scheme_of(name: &str) -> &str {
    match name.rsplit_once('-') {
        Some((scheme, print))
            if print.len() == 8 && print.bytes().all(|byte| byte.is_ascii_hexdigit()) =>
        {
            scheme
        }
        _ => name,
    }
}

/// Returns the fingerprint of the content of a pinned version; empty for any other function.
fn content(authorizer: &Authorizer) -> &str {
    let pinned = authorizer.function.as_ref().and_then(AuthorizerFunction::pinned);
    pinned.map(|function| function.content.as_str()).unwrap_or_default()
}

fn shape(authorizer: &Authorizer) -> Option<AuthorizerShape> {
    let kind = match authorizer.kind {
        AuthorizerKind::Request => AuthorizerType::Request,
        AuthorizerKind::Token => AuthorizerType::Token,
    };
    Some(AuthorizerShape {
        kind,
        uri: Some(authorizer.function_arn()?.invocation_uri()),
        credentials: authorizer.invoke_role.as_ref().map(|role| Arn::as_str(role).to_owned()),
        identity: authorizer.identity.iter().map(ToString::to_string).collect(),
        validation: authorizer.validation().map(str::to_owned),
        ttl: i32::try_from(authorizer.cache_ttl).unwrap_or(0),
        providers: BTreeSet::new(),
    })
}

fn method(route: &Route, names: &BTreeMap<&str, String>) -> Method {
    let authorizer_of = |scheme: &str, scopes: BTreeSet<String>| Authorization::Authorizer {
        name: names.get(scheme).cloned().unwrap_or_default(),
        scopes,
    };
    let (authorization, api_key) = match &route.security {
        Security::ApiKey => (Authorization::None, true),
        Security::AwsIam => (Authorization::AwsIam, false),
        Security::External { scheme, scopes, api_key } => {
            (authorizer_of(scheme, scopes.clone()), *api_key)
        }
        // The scopes are in the authorizer's route table, not in the API definition.
        Security::Jwt { authorizer, api_key, .. } => {
            (authorizer_of(authorizer, BTreeSet::new()), *api_key)
        }
        Security::Public => (Authorization::None, false),
    };
    let parameters = route.parameters.iter().map(|parameter| {
        let location = parameter.location.mapping_name();
        (format!("method.request.{location}.{}", parameter.name), parameter.required)
    });
    let mut responses: BTreeMap<String, BTreeSet<String>> =
        route.responses.keys().map(|status| (status.clone(), BTreeSet::new())).collect();
    for response in route.integration.responses.values() {
        let headers = responses.entry(response.status_code.clone()).or_default();
        headers.extend(response.response_parameters.keys().cloned());
    }
    Method {
        authorization,
        api_key,
        operation: route.operation_id.clone(),
        validator: route.validator,
        parameters: parameters.collect(),
        bodies: route.bodies.clone(),
        responses,
        integration: Some(route.integration.clone()),
    }
}

/// The gateway responses that get CORS headers, and those with a challenge.
const EXTENDED_TYPES: [&str; 4] = ["ACCESS_DENIED", "DEFAULT_4XX", "DEFAULT_5XX", "UNAUTHORIZED"];

/// Returns the gateway responses: the document's, and those with the headers of CORS and of
/// challenges. A type replaces the `DEFAULT_` types as a whole, so each has all headers.
pub fn gateway_responses(api: &Api) -> BTreeMap<String, GatewayResponse> {
    let mut responses = BTreeMap::new();
    let has_tokens = !api.authorizers.is_empty();
    for kind in EXTENDED_TYPES {
        let mut headers: BTreeMap<String, String> = BTreeMap::new();
        let challenge = match kind {
            // One value serves a missing and an invalid token alike: RFC 6750 section 3.1 allows no
            // error for the former.
            "UNAUTHORIZED" if has_tokens => Some(challenge(api, None)),
            "ACCESS_DENIED" if has_tokens => Some(challenge(api, Some("insufficient_scope"))),
            _ => None,
        };
        headers.extend(challenge.map(|challenge| (header("WWW-Authenticate"), challenge)));
        let cors = api.cors.as_ref().map(Cors::gateway_response_headers).unwrap_or_default();
        headers.extend(cors.into_iter().map(|(name, value)| (header(name), value)));
        if !headers.is_empty() {
            responses.insert(kind.to_owned(), with_default_body(headers));
        }
    }
    for (kind, response) in &api.gateway_responses {
        let made = responses.insert(kind.clone(), response.clone());
        let made = made.map(|response: GatewayResponse| response.response_parameters);
        if let (Some(response), Some(made)) = (responses.get_mut(kind), made) {
            add_challenge(&mut response.response_parameters, &made);
        }
    }
    responses
}

/// Adds the challenge to a response of the document that has none: RFC 6750 section 3 requires one.
fn add_challenge(headers: &mut BTreeMap<String, String>, made: &BTreeMap<String, String>) {
    let name = header("WWW-Authenticate");
    let has_own = headers.keys().any(|found| found.eq_ignore_ascii_case(&name));
    if let (false, Some(challenge)) = (has_own, made.get(&name)) {
        headers.insert(name, challenge.clone());
    }
}

fn header(name: &str) -> String {
    format!("gatewayresponse.header.{name}")
}

fn with_default_body(response_parameters: BTreeMap<String, String>) -> GatewayResponse {
    let body = GatewayResponse::DEFAULT_BODY.to_owned();
    GatewayResponse {
        status_code: None,
        response_parameters,
        response_templates: BTreeMap::from([(crate::api::JSON.to_owned(), body)]),
    }
}
