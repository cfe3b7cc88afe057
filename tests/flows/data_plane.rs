//! The data plane, as AWS documents it: the response, whether the authorizer was called, and
//! whether its result was cached. The authorizer here is a function whose response depends on the
//! token.

use std::fs;

use e2e::{Dev, http, root};
use serde_json::{Value, json};
use tempfile::TempDir;

mod functions;
mod integrations;
mod limits;
mod refusals;

const MANIFEST: &str = r#"
[api]
name = "plane"
openapi = "openapi.json"

[usage_plan]
throttle = { rate = 0.001, burst = 3 }

[stage.dev]
variables = { color = "blue", function = "answers" }

[stage.dev.route."GET /limited"]
throttle = { rate = 0.001, burst = 2 }
"#;

fn function(name: &str) -> String {
    format!(
        "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:123456789012:function:{name}/invocations"
    )
}

fn guard(name: &str, more: &Value) -> Value {
    let mut extension = json!({"type": "token", "authorizerUri": function(name), "authorizerResultTtlInSeconds": 300});
    extension.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({
        "type": "apiKey", "in": "header", "name": "Authorization",
        "x-amazon-apigateway-authtype": "custom", "x-amazon-apigateway-authorizer": extension,
    })
}

/// An API with every kind of route and integration, as API Gateway exports it.
fn document() -> Value {
    let mock = json!({
        "type": "mock", "requestTemplates": {"application/json": "{\"statusCode\": 200}"},
        "responses": {"default": {"statusCode": "200", "responseTemplates": {"application/json": "ok"}}},
    });
    let by = |scheme: &str| json!({"security": [{scheme: []}], "responses": {}, "x-amazon-apigateway-integration": mock});
    let open = |integration: Value| json!({"security": [], "responses": {}, "x-amazon-apigateway-integration": integration});
    let proxy = |name: &str, timeout: u32| json!({"type": "aws_proxy", "httpMethod": "POST", "uri": function(name), "timeoutInMillis": timeout});
    let validated = {
        let mut operation = open(mock.clone());
        operation["x-amazon-apigateway-request-validator"] = json!("all");
        operation["parameters"] = json!([
            {"name": "q", "in": "query", "required": true, "schema": {"type": "string"}},
            {"name": "X-Need", "in": "header", "required": true, "schema": {"type": "string"}},
        ]);
        operation["requestBody"] = json!({"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}});
        operation
    };
    let mut with_both = by("guard");
    with_both["security"] = json!([{"guard": [], "key": []}]);
    json!({
        "openapi": "3.0.1",
        "info": {"title": "plane", "version": "1"},
        "x-amazon-apigateway-request-validators": {"all": {"validateRequestBody": true, "validateRequestParameters": true}},
        "x-amazon-apigateway-binary-media-types": ["image/png"],
        "x-amazon-apigateway-gateway-responses": {
            "INVALID_API_KEY": {
                "statusCode": 418,
                "responseParameters": {
                    "gatewayresponse.header.X-Reason": "'no key'",
                    "gatewayresponse.header.X-Echo": "method.request.header.X-Probe",
                },
                "responseTemplates": {"application/json": "{\"id\":\"$context.requestId\",\"type\":\"$context.error.responseType\",\"color\":\"$stageVariables.color\",\"text\":$context.error.messageString}"},
            },
        },
        "paths": {
            "/open": {"get": open(mock.clone())},
            "/guarded": {"get": by("guard")},
            "/guarded/other": {"get": by("guard")},
            "/fresh": {"get": by("fresh")},
            "/by-request": {"get": by("by-request")},
            "/absent": {"get": by("absent")},
            "/late": {"get": by("late")},
            "/iam": {"get": by("iam")},
            "/key": {"get": by("key")},
            "/both": {"get": with_both},
            "/limited": {"get": open(mock.clone())},
            "/checked": {"post": validated},
            "/admin": {"post": by("guard")},
            "/{proxy+}": {"x-amazon-apigateway-any-method": {
                "security": [], "responses": {}, "x-amazon-apigateway-integration": mock,
                "parameters": [{"name": "proxy", "in": "path", "required": true, "schema": {"type": "string"}}],
            }},
            "/answers/{what}": {"x-amazon-apigateway-any-method": open(proxy("${stageVariables.function}", 29_000))},
            "/hasty/{what}": {"get": open(proxy("answers", 100))},
            "/known/{what}": {"get": {
                "security": [{"guard": []}], "responses": {}, "x-amazon-apigateway-integration": proxy("answers", 29_000),
            }},
            "/unreachable": {"get": open(proxy("unreachable", 29_000))},
            "/broken": {"get": open(proxy("broken", 29_000))},
            "/mapped": {"post": open(json!({
                "type": "aws", "httpMethod": "POST", "uri": function("answers"), "passthroughBehavior": "never",
                "requestTemplates": {"application/json": "{\"what\": \"$input.params('what')\", \"color\": \"$stageVariables.color\", \"body\": $input.json('$')}"},
                "responses": {
                    "it went .*": {"statusCode": "422", "responseTemplates": {"application/json": "{\"error\": \"$context.requestId\"}"}},
                    "default": {"statusCode": "200", "responseParameters": {"method.response.header.X-Stage": "context.stage"}},
                },
            }))},
            "/http/{id}": {"post": open(json!({
                "type": "http", "httpMethod": "PUT", "uri": "http://backend.example.com/v1/{key}",
                "requestParameters": {
                    "integration.request.path.key": "method.request.path.id",
                    "integration.request.querystring.color": "stageVariables.color",
                    "integration.request.header.X-Fixed": "'fixed'",
                },
                "responses": {
                    "2\\d{2}": {"statusCode": "202", "responseParameters": {"method.response.header.X-Kind": "integration.response.header.Content-Type"}},
                    "default": {"statusCode": "503", "responseTemplates": {"application/json": "{\"down\": true}"}},
                },
            }))},
            "/teapot": {"get": open(json!({
                "type": "mock", "requestTemplates": {"application/json": "{\"statusCode\": 418}"},
                "responses": {
                    "4\\d{2}": {"statusCode": "404", "responseTemplates": {"application/json": "{\"path\": \"$context.path\"}"}},
                    "default": {"statusCode": "200"},
                },
            }))},
        },
        "components": {
            "schemas": {
                "Pet": {"type": "object", "required": ["name"], "properties": {
                    "name": {"type": "string"}, "nick": {"type": "string", "nullable": true}, "owner": {"$ref": "#/components/schemas/Owner"},
                }},
                "Owner": {"type": "object", "properties": {"age": {"type": "integer"}}},
            },
            "securitySchemes": {
                "guard": guard("guard", &json!({"identityValidationExpression": "Bearer [a-z0-9-]+"})),
                "fresh": guard("guard", &json!({"authorizerResultTtlInSeconds": 0})),
                "by-request": guard("guard", &json!({
                    "type": "request", "identitySource": "method.request.header.X-Token, method.request.querystring.q, stageVariables.color, context.httpMethod",
                })),
                "absent": guard("absent", &json!({})),
                "late": guard("late", &json!({})),
                "iam": {"type": "apiKey", "in": "header", "name": "Authorization", "x-amazon-apigateway-authtype": "awsSigv4"},
                "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            },
        },
    })
}

/// A local gateway that serves the API, with the functions of the tests.
struct Plane {
    dev: Dev,
    folder: TempDir,
}

impl Plane {
    fn start(more: &[&str]) -> Self {
        Self::serving(&document(), more)
    }

    fn serving(document: &Value, more: &[&str]) -> Self {
        Self::with_manifest(MANIFEST, document, more)
    }

    fn with_manifest(manifest: &str, document: &Value, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("portcullis.toml"), manifest).unwrap();
        fs::write(folder.path().join("openapi.json"), document.to_string()).unwrap();
        let python = |module: &str| {
            let folder = root().join("tests/flows/functions");
            format!("{module}=python3 {}/runtime.py {module}", folder.display())
        };
        let (guard, answers) = (python("guard"), python("answers"));
        let late = guard.replacen("guard=", "late=", 1);
        let mut arguments = vec![
            folder.path().to_str().unwrap(),
            "--port",
            "0",
            "--function",
            &guard,
            "--function",
            &late,
            "--function",
            &answers,
            "--function",
            "unreachable=http://127.0.0.1:1/2015-03-31/functions/unreachable/invocations",
            "--function",
            "broken=false",
            "--api-key",
            "secret-key",
            "--api-key",
            "other-key",
        ];
        arguments.extend(more);
        Self { dev: Dev::start(&arguments), folder }
    }

    /// Sends a request to a path of the stage; returns the response and the gateway's trace.
    fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> (http::Response, Value) {
        let response = http::send(method, &format!("{}{path}", self.dev.url()), headers, body);
        let trace = self.dev.trace(&response);
        (response, trace)
    }

    fn get(&self, path: &str, token: &str) -> (http::Response, Value) {
        self.request("GET", path, &[("Authorization", token)], b"")
    }
}
