//! The SDK's types → this program's, normalized so that equal settings compare equal.

use std::collections::BTreeMap;

use aws_sdk_apigateway::types::{
    self, Authorizer, GatewayResponse as AwsResponse, Model, Resource, Stage,
};
use serde_json::{Value as Json, json};

use compiler::api::{
    AccessLog, AuthorizerShape, GatewayResponse, Integration, LoggingLevel, PassthroughBehavior,
    RouteKey, Throttle, Validator,
};
use compiler::definition::{Authorization, Method};
use deployment::observed::{Canary, ObservedStage, ServedDeployments};
use deployment::record::{Record, Records};
use deployment::stage_settings::{MethodSettings, ObservedSettings};

pub(super) fn shape(authorizer: &Authorizer) -> (String, AuthorizerShape) {
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let sources = authorizer.identity_source().unwrap_or_default().split(',').map(str::trim);
    let shape = AuthorizerShape {
        kind: authorizer.r#type().map(types::AuthorizerType::as_str).unwrap_or_default().into(),
        uri: text(authorizer.authorizer_uri()),
        credentials: text(authorizer.authorizer_credentials()),
        identity: sources.filter(|source| !source.is_empty()).map(str::to_owned).collect(),
        validation: text(authorizer.identity_validation_expression()),
        ttl: authorizer.authorizer_result_ttl_in_seconds().unwrap_or(300),
        providers: authorizer.provider_arns().iter().cloned().collect(),
    };
    (authorizer.name().unwrap_or_default().to_owned(), shape)
}

pub(super) fn gateway_response(response: &AwsResponse) -> Option<(String, GatewayResponse)> {
    let map = |map: Option<&std::collections::HashMap<String, String>>| {
        map.cloned().unwrap_or_default().into_iter().collect()
    };
    let kind = response.response_type()?.as_str().to_owned();
    let read = GatewayResponse {
        status_code: response.status_code().map(str::to_owned),
        response_parameters: map(response.response_parameters()),
        response_templates: map(response.response_templates()),
    };
    let read = read.normalize(&kind);
    Some((kind, read))
}

/// Separates the API's models from the records of revisions, without the models that every new API
/// has. A model with the name of one of those is the API's if its schema differs or if a body has it.
pub(super) fn split_models(
    models: Vec<Model>,
    methods: &BTreeMap<RouteKey, Method>,
) -> (BTreeMap<String, Json>, Records) {
    let has_body = |name: &str| {
        methods.values().any(|method| method.bodies.values().any(|model| model == name))
    };
    let mut own = BTreeMap::new();
    let mut records = BTreeMap::new();
    for model in models {
        let name = model.name().unwrap_or_default();
        let schema: Json =
            model.schema().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let description = model.description().filter(|text| text.starts_with('{'));
        let schema = match description {
            Some(text) => json!({"description": text}),
            None => schema,
        };
        match Record::read(name, &schema) {
            Some((revision, record)) => _ = records.insert(revision, record),
            None if is_initial_model(name, &schema) && !has_body(name) => {}
            None => _ = own.insert(name.to_owned(), schema),
        }
    }
    (own, records)
}

/// Returns whether a model is one of those that every new API has. The title distinguishes them from
/// the models that a deployment imports, which have none.
fn is_initial_model(name: &str, schema: &Json) -> bool {
    let title = match name {
        "Empty" => "Empty Schema",
        "Error" => "Error Schema",
        _ => return false,
    };
    schema.get("title").and_then(Json::as_str) == Some(title)
}

pub(super) fn methods(
    resources: &[Resource],
    authorizers: &BTreeMap<String, (String, AuthorizerShape)>,
    validators: &BTreeMap<String, Validator>,
) -> BTreeMap<RouteKey, Method> {
    let mut methods = BTreeMap::new();
    for resource in resources {
        let path = resource.path().unwrap_or_default();
        for (verb, found) in resource.resource_methods().into_iter().flatten() {
            let resource_id = resource.id().unwrap_or_default();
            let read = method(found, resource_id, authorizers, validators);
            methods.insert(RouteKey::new(verb, path), read);
        }
    }
    methods
}

fn method(
    method: &types::Method,
    resource: &str,
    authorizers: &BTreeMap<String, (String, AuthorizerShape)>,
    validators: &BTreeMap<String, Validator>,
) -> Method {
    let authorization = match method.authorization_type() {
        None | Some("NONE") => Authorization::None,
        Some("AWS_IAM") => Authorization::AwsIam,
        Some(_) => {
            let id = method.authorizer_id().unwrap_or_default();
            // An authorizer that does not exist is named by its id.
            let name = authorizers.get(id).map_or(id, |(name, _)| name);
            let scopes = method.authorization_scopes().iter().cloned().collect();
            Authorization::Authorizer { name: name.to_owned(), scopes }
        }
    };
    let validator = method.request_validator_id().and_then(|id| validators.get(id));
    let responses = method.method_responses().into_iter().flatten().map(|(status, response)| {
        let headers = response.response_parameters().into_iter().flatten();
        (status.clone(), headers.map(|(name, _)| name.clone()).collect())
    });
    Method {
        authorization,
        api_key: method.api_key_required().unwrap_or_default(),
        operation: method.operation_name().filter(|name| !name.is_empty()).map(str::to_owned),
        validator: validator.copied(),
        parameters: method.request_parameters().cloned().unwrap_or_default().into_iter().collect(),
        bodies: method.request_models().cloned().unwrap_or_default().into_iter().collect(),
        responses: responses.collect(),
        integration: method.method_integration().map(|found| integration(found, resource)),
    }
}

fn integration(found: &types::Integration, resource: &str) -> Integration {
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let kind = found.r#type().map(|kind| kind.as_str().to_ascii_lowercase());
    let responses = found.integration_responses().into_iter().flatten().map(|(_, response)| {
        let pattern = response.selection_pattern().filter(|pattern| !pattern.is_empty());
        let read = json!({
            "statusCode": response.status_code().unwrap_or_default(),
            "responseParameters": response.response_parameters().cloned().unwrap_or_default(),
            "responseTemplates": response.response_templates().cloned().unwrap_or_default(),
            "contentHandling": response.content_handling().map(types::ContentHandlingStrategy::as_str),
        });
        (pattern.unwrap_or(compiler::api::DEFAULT).to_owned(), read)
    });
    let responses: BTreeMap<String, Json> = responses.collect();
    let read = Integration::read(json!({
        "type": kind.unwrap_or_else(|| "mock".to_owned()),
        "httpMethod": text(found.http_method()),
        "uri": text(found.uri()),
        "credentials": text(found.credentials()),
        "connectionType": found.connection_type().map(types::ConnectionType::as_str),
        "connectionId": text(found.connection_id()),
        "integrationTarget": text(found.integration_target()),
        "requestParameters": found.request_parameters().cloned().unwrap_or_default(),
        "requestTemplates": found.request_templates().cloned().unwrap_or_default(),
        "passthroughBehavior": found.passthrough_behavior().unwrap_or(PassthroughBehavior::default().name()),
        "contentHandling": found.content_handling().map(types::ContentHandlingStrategy::as_str),
        "timeoutInMillis": match found.timeout_in_millis() { 0 => 29_000, ms => ms },
        "cacheKeyParameters": found.cache_key_parameters(),
        "cacheNamespace": text(found.cache_namespace()).filter(|name| name != resource),
        "responses": responses,
        "tlsConfig": found.tls_config().map(|tls| json!({
            "insecureSkipVerification": tls.insecure_skip_verification(),
        })),
        "responseTransferMode": found.response_transfer_mode().map(types::ResponseTransferMode::as_str),
    }));
    // It cannot fail: every member above is a member of `Integration`.
    read.unwrap_or_else(|_| Integration::new(compiler::api::IntegrationKind::Mock))
}

/// Reads a stage of an account with this throttle.
pub(super) fn stage(stage: &Stage, account: Throttle) -> ObservedStage {
    let entry = |setting: &types::MethodSetting| MethodSettings {
        throttle: Throttle {
            rate: setting.throttling_rate_limit(),
            burst: setting.throttling_burst_limit(),
        },
        metrics: setting.metrics_enabled(),
        logging: setting
            .logging_level()
            .filter(|level| !["", "OFF"].contains(level))
            .map(LoggingLevel::from),
    };
    let none = ObservedSettings::new(account);
    let settings = stage.method_settings().cloned().unwrap_or_default();
    let methods = settings.iter().filter(|(key, _)| *key != "*/*").filter_map(|(key, setting)| {
        let (path, verb) = key.rsplit_once('/')?;
        let path = path.replace("~1", "/").replace("~0", "~");
        let path = if path.starts_with('/') { path } else { format!("/{path}") };
        Some((RouteKey::new(verb, path), entry(setting)))
    });
    let access_log = stage.access_log_settings().and_then(|log| {
        let destination = log.destination_arn().filter(|arn| !arn.is_empty())?;
        Some(AccessLog {
            destination: destination.trim_end_matches(":*").to_owned(),
            format: log.format().unwrap_or_default().to_owned(),
        })
    });
    let canary = stage.canary_settings().and_then(|canary| {
        let deployment = canary.deployment_id().filter(|id| !id.is_empty())?.to_owned();
        Some(Canary { deployment, percent: canary.percent_traffic() })
    });
    ObservedStage {
        deployment: stage.deployment_id().unwrap_or_default().to_owned(),
        served: ServedDeployments::read(stage.description().unwrap_or_default()),
        canary,
        settings: ObservedSettings {
            variables: stage.variables().cloned().unwrap_or_default().into_iter().collect(),
            access_log,
            tracing: stage.tracing_enabled(),
            all: settings.get("*/*").map_or(none.all.clone(), entry),
            methods: methods.collect(),
            ..none
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(name: &str, schema: &str) -> Model {
        Model::builder().name(name).schema(schema).build()
    }

    fn own(models: Vec<Model>, bodies: &[&str]) -> Vec<String> {
        let methods = bodies.iter().map(|name| {
            let found = types::Method::builder()
                .request_models("application/json", *name)
                .authorization_type("NONE")
                .build();
            let key = RouteKey::new("POST", format!("/{name}"));
            (key, method(&found, "", &BTreeMap::new(), &BTreeMap::new()))
        });
        split_models(models, &methods.collect()).0.into_keys().collect()
    }

    #[test]
    fn only_the_models_of_every_new_api_are_left_out() {
        let empty = r#"{"$schema": "http://json-schema.org/draft-04/schema#", "title": "Empty Schema", "type": "object"}"#;
        let error = r#"{"$schema": "http://json-schema.org/draft-04/schema#", "title": "Error Schema", "type": "object", "properties": {"message": {"type": "string"}}}"#;
        let initial = || vec![model("Empty", empty), model("Error", error)];
        assert_eq!(own(initial(), &[]), [""; 0]);
        assert_eq!(own(initial(), &["Empty"]), ["Empty"]);
        let declared = r#"{"type": "object", "properties": {"message": {"type": "string"}}}"#;
        assert_eq!(own(vec![model("Empty", empty), model("Error", declared)], &[]), ["Error"]);
        assert_eq!(own(vec![model("Empty", "{}"), model("Pet", declared)], &[]), ["Empty", "Pet"]);
    }
}
