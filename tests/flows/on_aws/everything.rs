//! Every setting of the files, deployed to an emulator and read by boto3; a second plan is empty.

use std::fs;

use serde_json::{Value, json};

use super::{Account, changes_of};

const MANIFEST: &str = r#"[api]
name = "shop"
openapi = "openapi.yaml"
endpoint = "edge"
tags = { team = "shop" }

[authorizer.jwt]
function_arn = "arn:aws:lambda:eu-west-1:ACCOUNT:function:shop:live"
cache_ttl = "2m"

[[authorizer.jwt.issuer]]
issuer = "https://issuer.example.com/"
audience = ["https://shop.example.com"]

[authorizer.partners]
type = "request"
token = { header = "X-Partner" }
function_arn = "arn:aws:lambda:us-east-1:999999999999:function:partners"
invoke_role_arn = "arn:aws:iam::ACCOUNT:role/partners"

[[authorizer.partners.issuer]]
issuer = "https://partners.example.com/"
audience = ["https://shop.example.com"]

[integration]
lambda = "arn:aws:lambda:eu-central-1:999999999999:function:backend:prod"
credentials = "arn:aws:iam::ACCOUNT:role/backend"
timeout = "500ms"

[cors]
allow_origins = ["https://app.example.com"]
max_age = "1h"

[usage_plan]
throttle = { rate = 7, burst = 8 }
quota = { limit = 1000, period = "day" }
keys = []

[stage.prod]
variables = { host = "backend.example.com" }
throttle = { rate = 100.5, burst = 200 }
access_log = "arn:aws:logs:eu-west-1:ACCOUNT:log-group:shop"
metrics = true
logging = "error"
tracing = true
[stage.prod.route."GET /orders/{id}"]
throttle = { rate = 1, burst = 2 }

[stage.quiet]
integration = { mock = true }
cors = { allow_origins = ["https://a.example.com", "https://b.example.com"], allow_credentials = true }
"#;

const OPENAPI: &str = r##"openapi: 3.1.0
info: { title: Shop, version: 2.0.0, description: The shop's API }
x-amazon-apigateway-binary-media-types: [image/png]
x-amazon-apigateway-minimum-compression-size: 1024
x-amazon-apigateway-request-validators:
  all: { validateRequestBody: true, validateRequestParameters: true }
  some: { validateRequestBody: false, validateRequestParameters: true }
x-amazon-apigateway-gateway-responses:
  THROTTLED: { statusCode: 420, responseTemplates: { application/json: '{"calm":"down"}' } }
security:
  - jwt: [orders]
paths:
  /orders:
    post:
      operationId: addOrder
      x-amazon-apigateway-request-validator: all
      requestBody: { content: { application/json: { schema: { $ref: "#/components/schemas/new-order" } } } }
      responses: { "201": { description: made } }
  /orders/{id}:
    get:
      operationId: getOrder
      x-amazon-apigateway-request-validator: some
      parameters:
        - { name: id, in: path, required: true, schema: { type: string } }
        - { name: page, in: query, required: true, schema: { type: integer } }
        - { name: X-Trace, in: header, schema: { type: string } }
    delete:
      security: [{ partners: [] }]
  /keyed:
    get:
      security: [{ key: [] }]
    put:
      security: [{ jwt: [], key: [] }]
  /signed/{proxy+}:
    x-amazon-apigateway-any-method:
      security: [{ iam: [] }]
      x-amazon-apigateway-integration:
        type: http_proxy
        httpMethod: ANY
        uri: http://${stageVariables.host}/signed/{proxy}
        timeoutInMillis: 50
        requestParameters: { integration.request.path.proxy: method.request.path.proxy }
  /pool:
    get:
      security: [{ pool: [a/read] }]
      x-amazon-apigateway-integration:
        type: http
        httpMethod: POST
        uri: https://legacy.example.com/
        passthroughBehavior: never
        requestTemplates: { application/json: '{"id":"$input.params(1)"}' }
        responses:
          default: { statusCode: "200", responseTemplates: { application/json: "$input.json('$')" } }
          "5\\d{2}": { statusCode: "502" }
      responses: { "200": { description: ok }, "502": { description: bad } }
  /open:
    get:
      security: []
      x-amazon-apigateway-integration:
        type: mock
        requestTemplates: { application/json: '{"statusCode":200}' }
        responses: { default: { statusCode: "200", responseTemplates: { application/json: '{"ok":true}' } } }
components:
  schemas:
    new-order:
      type: object
      required: [sku]
      properties:
        sku: { type: string, const: A1 }
        note: { type: [string, "null"] }
        amount: { type: integer, exclusiveMinimum: 0 }
        parts: { type: array, items: { $ref: "#/components/schemas/part" } }
    part: { type: object, properties: { part: { $ref: "#/components/schemas/part" }, error: { $ref: "#/components/schemas/Error" } } }
    # Every new API has a model of this name.
    Error: { type: object, properties: { message: { type: string } } }
  securitySchemes:
    jwt: { type: http, scheme: bearer }
    partners: { type: openIdConnect, openIdConnectUrl: "https://partners.example.com/" }
    key: { type: apiKey, in: header, name: X-API-Key }
    iam: { type: apiKey, in: header, name: Authorization, x-amazon-apigateway-authtype: awsSigv4 }
    pool:
      type: apiKey
      in: header
      name: Authorization
      x-amazon-apigateway-authtype: cognito_user_pools
      x-amazon-apigateway-authorizer:
        type: cognito_user_pools
        providerARNs: [arn:aws:cognito-idp:eu-west-1:ACCOUNT:userpool/eu-west-1_abc]
"##;

fn account(key: &str) -> Account {
    let account = Account::new(key);
    let keyed = account.boto3("print(client.create_api_key(name='k', enabled=True)['id'])");
    let manifest =
        MANIFEST.replace("ACCOUNT", key).replace("keys = []", &format!("keys = [\"{keyed}\"]"));
    account.write("portcullis.toml", &manifest);
    account.write("openapi.yaml", &OPENAPI.replace("ACCOUNT", key));
    account
}

#[test]
fn every_configured_setting_is_deployed() {
    let key = "100000000021";
    let account = account(key);
    account.deploy("prod");
    account.expect_no_changes("prod");
    let api = account.api();

    let settings = &api["api"];
    assert_eq!(settings["endpointConfiguration"]["types"], json!(["EDGE"]));
    assert_eq!(settings["tags"]["team"], "shop");
    assert_eq!(settings["description"], "The shop's API");
    assert_eq!(settings["binaryMediaTypes"], json!(["image/png"]));
    assert_eq!(settings["minimumCompressionSize"], 1024);

    // Authorization.
    let methods = &api["methods"];
    let authorization = |name: &str| {
        let method = &methods[name];
        let authorizer = method["authorizer"].as_str().unwrap_or("-").split('-').next().unwrap();
        format!(
            "{} {authorizer} {}",
            method["authorizationType"].as_str().unwrap(),
            method["apiKeyRequired"]
        )
    };
    for (name, expected) in [
        ("POST /orders", "CUSTOM jwt false"),
        ("GET /orders/{id}", "CUSTOM jwt false"),
        ("DELETE /orders/{id}", "CUSTOM partners false"),
        ("GET /keyed", "NONE  true"),
        ("PUT /keyed", "CUSTOM jwt true"),
        ("ANY /signed/{proxy+}", "AWS_IAM  false"),
        ("GET /pool", "COGNITO_USER_POOLS pool false"),
        ("GET /open", "NONE  false"),
        ("OPTIONS /orders", "NONE  false"),
    ] {
        assert_eq!(authorization(name), expected, "{name}");
    }
    assert_eq!(methods["GET /pool"]["authorizationScopes"], json!(["a/read"]));
    assert_eq!(methods.as_object().unwrap().len(), 8 + 6, "a preflight for each path");

    // Integrations.
    let integration = |name: &str| &methods[name]["methodIntegration"];
    let lambda = integration("POST /orders");
    assert_eq!(
        (&lambda["type"], &lambda["httpMethod"], &lambda["timeoutInMillis"]),
        (&json!("AWS_PROXY"), &json!("POST"), &json!(500))
    );
    assert_eq!(
        lambda["uri"],
        "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-central-1:999999999999:function:backend:prod/invocations"
    );
    assert_eq!(lambda["credentials"], format!("arn:aws:iam::{key}:role/backend"));
    let linked = integration("ANY /signed/{proxy+}");
    assert_eq!(linked["uri"], "http://${stageVariables.host}/signed/{proxy}");
    assert_eq!(linked["timeoutInMillis"], 50);
    let mapped = integration("GET /pool");
    assert_eq!(
        (&mapped["type"], &mapped["passthroughBehavior"]),
        (&json!("HTTP"), &json!("NEVER"))
    );
    assert_eq!(mapped["integrationResponses"]["502"]["selectionPattern"], "5\\d{2}");

    // Request validation.
    assert_eq!(methods["POST /orders"]["requestModels"], json!({"application/json": "newOrder"}));
    assert_eq!(
        methods["GET /orders/{id}"]["requestParameters"],
        json!({"method.request.path.id": true, "method.request.querystring.page": true, "method.request.header.X-Trace": false})
    );
    let models =
        account.boto3("print(client.get_model(restApiId=api, modelName='newOrder')['schema'])");
    let model: Value = serde_json::from_str(&models).unwrap();
    assert_eq!(model["properties"]["sku"]["enum"], json!(["A1"]));
    assert_eq!(model["properties"]["note"], json!({"type": "string", "nullable": true}));
    assert_eq!(model["properties"]["amount"]["minimum"], 0);
    assert_eq!(model["properties"]["amount"]["exclusiveMinimum"], true);

    // Gateway responses.
    let responses = &api["gatewayResponses"];
    let headers = &responses["UNAUTHORIZED"]["responseParameters"];
    assert_eq!(headers["gatewayresponse.header.WWW-Authenticate"], "'Bearer realm=\"shop\"'");
    assert_eq!(
        headers["gatewayresponse.header.Access-Control-Allow-Origin"],
        "'https://app.example.com'"
    );
    assert_eq!(responses["THROTTLED"]["statusCode"], "420");
    for kind in ["ACCESS_DENIED", "DEFAULT_4XX", "DEFAULT_5XX"] {
        let headers = &responses[kind]["responseParameters"];
        assert_eq!(
            headers["gatewayresponse.header.Access-Control-Allow-Origin"],
            "'https://app.example.com'",
            "{kind}"
        );
    }
    let preflight =
        &integration("OPTIONS /orders/{id}")["integrationResponses"]["204"]["responseParameters"];
    assert_eq!(preflight["method.response.header.Access-Control-Allow-Methods"], "'DELETE,GET'");
    assert_eq!(preflight["method.response.header.Access-Control-Max-Age"], "'3600'");

    // The stage.
    let stage = &api["stages"]["prod"];
    assert_eq!(stage["variables"], json!({"host": "backend.example.com"}));
    assert_eq!(stage["tracingEnabled"], true);
    assert_eq!(
        stage["accessLogSettings"]["destinationArn"],
        format!("arn:aws:logs:eu-west-1:{key}:log-group:shop")
    );
    assert!(
        stage["accessLogSettings"]["format"]
            .as_str()
            .unwrap()
            .contains("$context.authorizer.reason")
    );
    let all = &stage["methodSettings"]["*/*"];
    assert_eq!(
        (&all["throttlingRateLimit"], &all["throttlingBurstLimit"]),
        (&json!(100.5), &json!(200))
    );
    assert_eq!((&all["metricsEnabled"], &all["loggingLevel"]), (&json!(true), &json!("ERROR")));
    let one = &stage["methodSettings"]["~1orders~1{id}/GET"];
    assert_eq!(
        (&one["throttlingRateLimit"], &one["throttlingBurstLimit"]),
        (&json!(1.0), &json!(2))
    );

    // The usage plan.
    let found = account.read_back();
    let plan = &found["plans"][0];
    assert_eq!((&plan["name"], &plan["stages"]), (&json!("shop prod"), &json!(["prod"])));
    assert_eq!(plan["throttle"], json!({"rateLimit": 7.0, "burstLimit": 8}));
    assert_eq!(plan["quota"]["period"], "DAY");
    assert_eq!(plan["keys"].as_array().unwrap().len(), 1);

    // Another stage has other origins and another backend; then settings are removed.
    account.deploy("quiet");
    account.expect_no_changes("quiet");
    let quiet = account.api();
    assert_eq!(quiet["methods"]["POST /orders"]["methodIntegration"]["type"], "MOCK");
    let template = &quiet["methods"]["OPTIONS /orders"]["methodIntegration"]["integrationResponses"]
        ["204"]["responseTemplates"]["application/json"];
    assert!(
        template
            .as_str()
            .unwrap()
            .contains("[\"https://a.example.com\",\"https://b.example.com\"].contains($origin)")
    );
    assert_eq!(quiet["stages"]["prod"], api["stages"]["prod"], "the other stage is unchanged");

    let text = fs::read_to_string(account.path("portcullis.toml")).unwrap();
    let (before, _) = text.split_once("variables = { host").unwrap();
    account.write("portcullis.toml", before);
    account.edit("openapi.yaml", "http://${stageVariables.host}", "http://backend.example.com");
    account.edit("portcullis.toml", "endpoint = \"edge\"", "endpoint = \"regional\"");
    account.edit("portcullis.toml", "team = \"shop\"", "owner = \"shop\"");
    let plan = account.plan("prod");
    assert_eq!(changes_of(&plan, "stage prod").len(), 8, "{plan}");
    account.deploy("prod");
    account.expect_no_changes("prod");
    let now = account.api();
    assert_eq!(now["api"]["endpointConfiguration"]["types"], json!(["REGIONAL"]));
    assert_eq!(now["api"]["tags"]["owner"], "shop");
    assert_eq!(now["stages"]["prod"]["variables"]["host"], Value::Null);
    assert_eq!(now["stages"]["prod"]["accessLogSettings"], Value::Null);

    let output = account.run(&["undeploy", "--delete-api", "--yes"]).expect_exit(0);
    assert!(
        output.contains("dependent resources: usage plan shop prod, usage plan shop quiet"),
        "{output:?}"
    );
    assert_eq!(account.read_back(), json!({"apis": [], "plans": [], "roles": {}}));
}

/// Without a role, API Gateway may invoke a function only if the function's policy allows it.
#[test]
fn a_function_without_a_role_grants_its_api_permission_to_invoke() {
    let key = "100000000022";
    let account = Account::new(key);
    account.boto3(
        "awslambda.create_function(FunctionName='backend', Runtime='provided.al2023', Role='arn:aws:iam::000000000000:role/r', Handler='x', Code={'ZipFile': b'PK\\x05\\x06' + bytes(18)})",
    );
    let function = format!("arn:aws:lambda:eu-west-1:{key}:function:backend");
    account.edit(
        "portcullis.toml",
        "http = \"https://petstore.example.com\"",
        &format!("lambda = \"{function}\""),
    );
    account.deploy("dev");
    account.expect_no_changes("dev");
    let policy: Value = serde_json::from_str(
        &account.boto3("print(awslambda.get_policy(FunctionName='backend')['Policy'])"),
    )
    .unwrap();
    let statement = &policy["Statement"][0];
    assert_eq!(statement["Principal"], json!({"Service": "apigateway.amazonaws.com"}));
    let id = account.api()["id"].as_str().unwrap().to_owned();
    assert_eq!(
        statement["Condition"]["ArnLike"]["AWS:SourceArn"],
        format!("arn:aws:execute-api:eu-west-1:{key}:{id}/*")
    );
    account.run(&["undeploy", "--delete-api", "--yes"]).expect_exit(0);
    account.boto3("try:\n  awslambda.get_policy(FunctionName='backend'); raise SystemExit('the permission still exists')\nexcept awslambda.exceptions.ResourceNotFoundException: pass");
}
