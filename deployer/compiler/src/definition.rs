//! An API as API Gateway holds it while it is edited, before a deployment makes it immutable.
//! The files are compiled to one, AWS's is read as one, and a document is written from one.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::api::{
    Api, ApiSettings, Arn, Authorizer, AuthorizerKind, AuthorizerShape, AuthorizerType, Cors,
    GatewayResponse, Integration, IntegrationKind, PassthroughBehavior, Route, RouteKey, Security,
    Validator,
};
use crate::fingerprint::fingerprint;

/// An API as it is edited.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ApiDefinition {
    /// What concerns it as a whole.
    pub settings: ApiSettings,
    /// The authorizers by their name on AWS.
    pub authorizers: BTreeMap<String, AuthorizerShape>,
    /// The methods.
    pub methods: BTreeMap<RouteKey, Method>,
    /// The answers it makes itself, where they are not the usual ones.
    pub gateway_responses: BTreeMap<String, GatewayResponse>,
    /// What bodies are checked with.
    pub models: BTreeMap<String, Json>,
}

/// A method of a resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Method {
    /// Who may call it.
    pub authorization: Authorization,
    /// Whether an API key is needed.
    pub api_key: bool,
    /// Its name for generated clients.
    pub operation: Option<String>,
    /// What is checked of a request.
    pub validator: Option<Validator>,
    /// Its parameters, such as `method.request.path.id`, and whether they are required.
    pub parameters: BTreeMap<String, bool>,
    /// The models of its bodies.
    pub bodies: BTreeMap<String, String>,
    /// Its statuses with the headers that are mapped.
    pub responses: BTreeMap<String, BTreeSet<String>>,
    /// What answers it; nothing, where somebody made it by hand and did not finish.
    pub integration: Option<Integration>,
}

impl Method {
    /// Returns what of it has an effect: behind a proxy integration answers are not mapped, and
    /// what is declared of them is whatever an import made of it.
    #[must_use]
    pub fn effective(&self) -> Self {
        let mut effect = self.clone();
        if let Some(integration) = &mut effect.integration
            && matches!(integration.kind, IntegrationKind::AwsProxy | IntegrationKind::HttpProxy)
        {
            effect.responses.clear();
            integration.responses.clear();
            integration.request_templates.clear();
            // Fingerprints of records on AWS were made with nothing here.
            integration.passthrough_behavior = PassthroughBehavior::Other(String::new());
            integration.content_handling = None;
        }
        effect
    }

    /// Says whether another one lets in the same callers to the same backend.
    pub fn has_same_access_as(&self, other: &Self) -> bool {
        let of = |method: &Self| {
            let integration = method.integration.clone().map(|integration| {
                let Integration { kind, uri, credentials, connection_id, .. } = integration;
                (kind, uri, credentials, connection_id)
            });
            (method.authorization.clone(), method.api_key, method.validator, integration)
        };
        of(self) == of(other)
    }

    /// Says what differs about another one, in the words of AWS.
    pub fn difference(&self, other: &Self) -> String {
        let mut found = Vec::new();
        let both = [self, other].map(|method| serde_json::to_value(method).unwrap_or_default());
        members("", &both, &mut found);
        found.join("; ")
    }
}

/// Compares two values member by member.
fn members(place: &str, [wanted, is]: &[Json; 2], found: &mut Vec<String>) {
    let (Json::Object(a), Json::Object(b)) = (wanted, is) else {
        if wanted != is {
            found.push(format!("{place} is {is} and not {wanted}"));
        }
        return;
    };
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    for name in names {
        let member =
            |map: &serde_json::Map<String, Json>| map.get(name).cloned().unwrap_or_default();
        let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
        members(&place, &[member(a), member(b)], found);
    }
}

/// How API Gateway checks who calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Authorization {
    /// An authorizer, by its name on AWS, and the scopes that a user pool's token needs.
    Authorizer {
        /// The name.
        name: String,
        /// The scopes.
        scopes: BTreeSet<String>,
    },
    /// A signature.
    AwsIam,
    /// It does not.
    None,
}

/// Why an API cannot be put on AWS.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DefinitionError {
    /// There is no function to wire.
    #[error("the authorizer `{0}` has no `function_arn` in portcullis.toml")]
    MissingFunction(String),
}

impl ApiDefinition {
    /// Makes the definition that the files ask for.
    pub fn from_api(api: &Api) -> Result<Self, DefinitionError> {
        let mut names: BTreeMap<&str, String> = BTreeMap::new();
        let mut authorizers = BTreeMap::new();
        let used = |name: &str| {
            api.routes.iter().any(|route| match &route.security {
                Security::Jwt { authorizer: scheme, .. } | Security::External { scheme, .. } => {
                    scheme == name
                }
                _ => false,
            })
        };
        let mut add = |scheme: &'_ str, shape: AuthorizerShape| {
            let name = name_on_aws(scheme, &shape);
            authorizers.insert(name.clone(), shape);
            name
        };
        for (scheme, authorizer) in api.authorizers.iter().filter(|(name, _)| used(name)) {
            let shape = shape(authorizer)
                .ok_or_else(|| DefinitionError::MissingFunction(scheme.clone()))?;
            names.insert(scheme, add(scheme, shape));
        }
        for (scheme, shape) in api.external_authorizers.iter().filter(|(name, _)| used(name)) {
            names.insert(scheme, add(scheme, shape.clone()));
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

/// Returns the name that an authorizer has on AWS: the scheme's, and a fingerprint of what it
/// does. One with other settings is another authorizer, so none is ever changed under a stage.
fn name_on_aws(scheme: &str, shape: &AuthorizerShape) -> String {
    let print = fingerprint(shape);
    format!("{}-{}", scheme_on_aws(scheme), print.get(..8).unwrap_or(&print))
}

/// Returns the scheme's name as it is in an authorizer's name on AWS, where [`scheme_of`] finds it.
pub fn scheme_on_aws(scheme: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    scheme.chars().map(fits).take(100).collect()
}

/// Returns the scheme's name in an authorizer's name on AWS, as [`scheme_on_aws`] has it.
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

fn shape(authorizer: &Authorizer) -> Option<AuthorizerShape> {
    let kind = match authorizer.kind {
        AuthorizerKind::Request => AuthorizerType::Request,
        AuthorizerKind::Token => AuthorizerType::Token,
    };
    Some(AuthorizerShape {
        kind,
        uri: Some(authorizer.function.as_ref()?.invocation_uri()),
        credentials: authorizer.invoke_role.as_ref().map(|role| Arn::as_str(role).to_owned()),
        identity: authorizer.identity.iter().map(ToString::to_string).collect(),
        validation: authorizer.validation().map(str::to_owned),
        ttl: i32::try_from(authorizer.cache_ttl).unwrap_or(0),
        providers: BTreeSet::new(),
    })
}

fn method(route: &Route, names: &BTreeMap<&str, String>) -> Method {
    let by = |scheme: &str, scopes: BTreeSet<String>| Authorization::Authorizer {
        name: names.get(scheme).cloned().unwrap_or_default(),
        scopes,
    };
    let (authorization, api_key) = match &route.security {
        Security::ApiKey => (Authorization::None, true),
        Security::AwsIam => (Authorization::AwsIam, false),
        Security::External { scheme, scopes, api_key } => (by(scheme, scopes.clone()), *api_key),
        // API Gateway reads no scopes here: they are in the authorizer's route table.
        Security::Jwt { authorizer, api_key, .. } => (by(authorizer, BTreeSet::new()), *api_key),
        Security::Public => (Authorization::None, false),
    };
    let parameters = route.parameters.iter().map(|parameter| {
        let place = parameter.location.mapping_name();
        (format!("method.request.{place}.{}", parameter.name), parameter.required)
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

/// The types that a page must be able to read, and those whose headers say what to do.
const TYPES: [&str; 4] = ["ACCESS_DENIED", "DEFAULT_4XX", "DEFAULT_5XX", "UNAUTHORIZED"];

/// Returns the answers that API Gateway makes itself: the document's own, and what CORS and
/// RFC 6750 section 3 add. A type replaces the `DEFAULT_` ones whole, so each has all of it.
pub fn gateway_responses(api: &Api) -> BTreeMap<String, GatewayResponse> {
    let mut responses = BTreeMap::new();
    let tokens = !api.authorizers.is_empty();
    let dpop = api.authorizers.values().flat_map(|authorizer| &authorizer.issuers).any(|issuer| {
        serde_json::to_value(issuer.dpop).is_ok_and(|dpop| dpop.as_str() == Some("required"))
    });
    let scheme = if dpop { "DPoP" } else { "Bearer" };
    for kind in TYPES {
        let mut headers: BTreeMap<String, String> = BTreeMap::new();
        let challenge = match kind {
            "UNAUTHORIZED" if tokens => Some(format!("'{scheme}'")),
            "ACCESS_DENIED" if tokens => Some(format!("'{scheme} error=\"insufficient_scope\"'")),
            _ => None,
        };
        headers.extend(challenge.map(|challenge| (header("WWW-Authenticate"), challenge)));
        let cors = api.cors.as_ref().map(Cors::gateway_response_headers).unwrap_or_default();
        headers.extend(cors.into_iter().map(|(name, value)| (header(name), value)));
        if !headers.is_empty() {
            responses.insert(kind.to_owned(), usual(headers));
        }
    }
    responses.extend(api.gateway_responses.clone());
    responses
}

fn header(name: &str) -> String {
    format!("gatewayresponse.header.{name}")
}

fn usual(response_parameters: BTreeMap<String, String>) -> GatewayResponse {
    let body = GatewayResponse::DEFAULT_BODY.to_owned();
    GatewayResponse {
        status_code: None,
        response_parameters,
        response_templates: BTreeMap::from([(crate::api::JSON.to_owned(), body)]),
    }
}
