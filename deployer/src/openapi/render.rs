//! [`Api`] → the OpenAPI 3.0 document that API Gateway imports.
//!
//! Every security scheme is rewritten to what API Gateway maps, and `security` stands on
//! every operation: a scheme of another type is not mapped, and the method would be open.

use authorizer::routes::{Segment, Verb};
use serde_json::{Map, Value as Json, json};

use crate::api::{
    Api, Arn, Authorizer, AuthorizerKind, HttpProxy, IdentitySource, Integration, MockIntegration,
    Route, Security,
};

/// What stands in the way of a document for AWS.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// The scheme's own authorizer was read but is not carried over.
    #[error("{route} is guarded by `{scheme}`, which portcullis.toml has no authorizer for")]
    ExternalAuthorizer {
        /// The operation.
        route: String,
        /// The scheme.
        scheme: String,
    },
    /// There is no function to wire.
    #[error("the authorizer `{0}` has no `function_arn` in portcullis.toml")]
    NoFunction(String),
}

/// Writes the document.
pub fn render(api: &Api) -> Result<Json, RenderError> {
    let mut schemes = Map::new();
    for (name, authorizer) in &api.authorizers {
        schemes.insert(name.clone(), authorizer_scheme(name, authorizer)?);
    }
    let mut paths: Map<String, Json> = Map::new();
    for route in &api.routes {
        let (key, scheme) = security(route)?;
        if let Some((name, scheme)) = scheme {
            schemes.insert(name.to_owned(), scheme);
        }
        let path = paths.entry(route.path.to_string()).or_insert_with(|| json!({}));
        path[method_key(route.verb)] = operation(route, &key);
    }
    Ok(json!({
        "openapi": "3.0.1",
        "info": {"title": api.name, "version": api.version},
        "paths": paths,
        "components": {"securitySchemes": schemes},
    }))
}

fn method_key(verb: Verb) -> String {
    if verb == Verb::Any {
        "x-amazon-apigateway-any-method".to_owned()
    } else {
        verb.name().to_ascii_lowercase()
    }
}

fn authorizer_scheme(name: &str, authorizer: &Authorizer) -> Result<Json, RenderError> {
    let function =
        authorizer.function.as_ref().ok_or_else(|| RenderError::NoFunction(name.to_owned()))?;
    let uri = format!(
        "arn:{}:apigateway:{}:lambda:path/2015-03-31/functions/{}/invocations",
        function.partition(),
        function.region(),
        function.as_str()
    );
    let kind = match authorizer.kind {
        AuthorizerKind::Request => "request",
        AuthorizerKind::Token => "token",
    };
    let sources: Vec<String> = authorizer.identity.iter().map(ToString::to_string).collect();
    // One header is named; what is several, or no header, has no name of its own.
    let header = match authorizer.identity.as_slice() {
        [IdentitySource::Header(name)] => name,
        _ => "Unused",
    };
    let mut extension = json!({
        "type": kind,
        "authorizerUri": uri,
        "authorizerResultTtlInSeconds": authorizer.cache_ttl,
        "identitySource": sources.join(","),
    });
    let role = authorizer.invoke_role.as_ref().map(Arn::as_str);
    let optional = [
        ("authorizerCredentials", role),
        ("identityValidationExpression", authorizer.validation()),
    ];
    for (name, value) in optional {
        if let (Some(value), Json::Object(extension)) = (value, &mut extension) {
            extension.insert(name.to_owned(), json!(value));
        }
    }
    Ok(json!({
        "type": "apiKey",
        "name": header,
        "in": "header",
        "x-amazon-apigateway-authtype": "custom",
        "x-amazon-apigateway-authorizer": extension,
    }))
}

const API_KEY: &str = "api_key";
const AWS_IAM: &str = "aws_iam";

/// A security scheme by its name.
type Scheme = (&'static str, Json);

/// Returns the operation's `security` and the scheme it needs, if no authorizer brings it.
fn security(route: &Route) -> Result<(Json, Option<Scheme>), RenderError> {
    let key = || (API_KEY, json!({"type": "apiKey", "name": "x-api-key", "in": "header"}));
    let iam = || {
        let scheme = json!({"type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4"});
        (AWS_IAM, scheme)
    };
    Ok(match &route.security {
        Security::Public => (json!([]), None),
        Security::ApiKey => (json!([{API_KEY: []}]), Some(key())),
        Security::AwsIam => (json!([{AWS_IAM: []}]), Some(iam())),
        // API Gateway reads no scopes here: they are in the authorizer's route table.
        Security::Jwt { authorizer, api_key: false, .. } => (json!([{authorizer: []}]), None),
        Security::Jwt { authorizer, api_key: true, .. } => {
            (json!([{authorizer: [], API_KEY: []}]), Some(key()))
        }
        Security::External { scheme } => {
            let (route, scheme) = (route.to_string(), scheme.clone());
            return Err(RenderError::ExternalAuthorizer { route, scheme });
        }
    })
}

fn operation(route: &Route, security: &Json) -> Json {
    let parameters = route.parameters.iter().map(|parameter| {
        json!({
            "name": parameter.name,
            "in": parameter.location,
            "required": parameter.required,
            "schema": {"type": "string"},
        })
    });
    let responses: Map<String, Json> = route
        .responses
        .iter()
        .map(|(status, description)| (status.clone(), json!({"description": description})))
        .collect();
    let mut operation = json!({
        "parameters": parameters.collect::<Vec<_>>(),
        "responses": if responses.is_empty() { json!({"default": {"description": ""}}) } else { responses.into() },
        "security": security,
        "x-amazon-apigateway-integration": integration(route),
    });
    if let (Some(id), Json::Object(operation)) = (&route.operation_id, &mut operation) {
        operation.insert("operationId".to_owned(), json!(id));
    }
    operation
}

fn integration(route: &Route) -> Json {
    match &route.integration {
        Integration::Other { raw, .. }
        | Integration::HttpProxy(HttpProxy { raw: Some(raw), .. })
        | Integration::Mock(MockIntegration { raw: Some(raw), .. }) => raw.clone(),
        Integration::HttpProxy(proxy) => {
            let names = route.path.segments().iter().filter_map(|segment| match segment {
                Segment::Parameter(name) | Segment::Greedy(name) => Some(name),
                Segment::Literal(_) => None,
            });
            let mapped: Map<String, Json> = names
                .map(|name| {
                    (
                        format!("integration.request.path.{name}"),
                        json!(format!("method.request.path.{name}")),
                    )
                })
                .collect();
            json!({
                "type": "http_proxy",
                "httpMethod": route.verb.name(),
                "uri": proxy.uri,
                "requestParameters": mapped,
                "passthroughBehavior": "when_no_match",
                "timeoutInMillis": proxy.timeout_ms,
            })
        }
        Integration::Mock(mock) => json!({
            "type": "mock",
            "requestTemplates": {"application/json": json!({"statusCode": mock.status}).to_string()},
            "responses": {"default": {"statusCode": mock.status.to_string()}},
            "passthroughBehavior": "when_no_match",
        }),
    }
}
