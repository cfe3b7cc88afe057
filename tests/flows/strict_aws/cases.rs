//! For each rule, calls that break it and calls that do not.

use serde_json::{Map, Value, json};

use super::Sent;

/// The URI of an authorizer's function.
pub(super) const FUNCTION: &str = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:123456789012:function:f/invocations";

/// A call and the verdict of a rule.
pub(super) struct Case {
    /// The rule.
    pub(super) rule: &'static str,
    /// The request.
    pub(super) sent: Sent,
    /// The status, the code and a part of the message; none if it is accepted.
    pub(super) refused: Option<(u16, &'static str, &'static str)>,
    /// True in an account with lower limits and without a role for logs.
    pub(super) in_small_region: bool,
}

/// The cases in the order of the rules.
#[derive(Default)]
struct Cases(Vec<Case>);

impl Cases {
    fn accepted(&mut self, rule: &'static str, sent: Sent) {
        self.0.push(Case { rule, sent, refused: None, in_small_region: false });
    }

    fn refused(&mut self, rule: &'static str, sent: Sent, message: &'static str) {
        self.refused_as(rule, sent, (400, "BadRequestException", message));
    }

    fn refused_as(
        &mut self,
        rule: &'static str,
        sent: Sent,
        refused: (u16, &'static str, &'static str),
    ) {
        self.0.push(Case { rule, sent, refused: Some(refused), in_small_region: false });
    }

    /// Moves the last case to an account with lower limits.
    fn in_small_region(&mut self) {
        self.0.last_mut().unwrap().in_small_region = true;
    }
}

/// Every case.
pub(super) fn all() -> Vec<Case> {
    let mut cases = Cases::default();
    logs(&mut cases);
    stages(&mut cases);
    deployments(&mut cases);
    apis(&mut cases);
    imports(&mut cases);
    integrations(&mut cases);
    authorizers(&mut cases);
    usage_plans(&mut cases);
    tags(&mut cases);
    roles_and_functions(&mut cases);
    cases.0
}

fn stage(patches: &[&str]) -> Sent {
    Sent::patch("/restapis/edge/stages/dev", patches)
}

fn logs(cases: &mut Cases) {
    let rule = "logs-need-a-role";
    let message = "CloudWatch Logs role ARN must be set in account settings to enable logging";
    for patch in [
        "replace /accessLogSettings/format $context.requestId",
        "replace /*/*/logging/loglevel ERROR",
        "replace /~1pets/GET/logging/loglevel INFO",
        "replace /*/*/logging/dataTrace true",
    ] {
        cases.accepted(rule, stage(&[patch]));
        cases.refused(rule, stage(&[patch]), message);
        cases.in_small_region();
    }
    for patch in ["replace /*/*/logging/loglevel OFF", "remove /accessLogSettings"] {
        cases.accepted(rule, stage(&[patch]));
        cases.in_small_region();
    }
    let rule = "access-log-destination";
    for (arn, is_accepted) in [
        ("arn:aws:logs:eu-west-1:123456789012:log-group:pets", true),
        ("arn:aws:logs:eu-west-1:123456789012:log-group:/aws/pets:*", true),
        ("arn:aws:firehose:eu-west-1:123456789012:deliverystream/amazon-apigateway-pets", true),
        ("arn:aws:firehose:eu-west-1:123456789012:deliverystream/pets", false),
        ("arn:aws:logs:eu-west-1:999999999999:log-group:pets", false),
        ("arn:aws:logs:us-east-1:123456789012:log-group:pets", false),
        ("arn:aws:s3:::pets", false),
        ("pets", false),
    ] {
        let sent = stage(&[&format!("replace /accessLogSettings/destinationArn {arn}")]);
        if is_accepted {
            cases.accepted(rule, sent);
        } else {
            cases.refused(rule, sent, "Invalid ARN specified in the request");
        }
    }
    let rule = "access-log-format";
    let format = |format: &str| stage(&[&format!("replace /accessLogSettings/format {format}")]);
    cases.accepted(rule, format("{\"id\":\"$context.requestId\"}\n"));
    cases.accepted(rule, format("$context.extendedRequestId"));
    cases.refused(rule, format("$context.requestId\n$context.status"), "must be single line");
    cases.refused(rule, format("$context.status"), "must contain $context.requestId");
    let long = format!("$context.requestId {}", "a".repeat(3_053));
    cases.accepted(rule, format(&long));
    cases.refused(rule, format(&format!("{long}a")), "at most 3072 bytes");
}

fn stages(cases: &mut Cases) {
    let rule = "method-setting-entries";
    let message = "because there is no method setting for this method ";
    cases.accepted(rule, stage(&["remove /~1pets/GET"]));
    cases.accepted(rule, stage(&["replace /*/*/metrics/enabled true", "remove /*/*"]));
    cases.refused(rule, stage(&["remove /*/*"]), message);
    cases.refused(rule, stage(&["remove /~1pets/GET", "remove /~1pets/GET"]), message);
    let rule = "method-setting-values";
    for (patch, is_accepted) in [
        ("replace /*/*/logging/loglevel ERROR", true),
        ("replace /*/*/logging/loglevel DEBUG", false),
        ("replace /*/*/metrics/enabled yes", false),
        ("replace /*/*/throttling/burstLimit -1", true),
        ("replace /*/*/throttling/burstLimit 1.5", false),
        ("replace /*/*/throttling/rateLimit 1.5", true),
        ("replace /*/*/throttling/rateLimit -2", false),
        ("replace /*/*/caching/ttlInSeconds 3601", false),
        ("replace /tracingEnabled 1", false),
    ] {
        if is_accepted {
            cases.accepted(rule, stage(&[patch]));
        } else {
            cases.refused(rule, stage(&[patch]), "Invalid value for /");
        }
    }
    let rule = "method-throttle";
    let message = "cannot exceed the account limits";
    cases.accepted(rule, stage(&["replace /*/*/throttling/rateLimit 10000"]));
    cases.refused(rule, stage(&["replace /*/*/throttling/rateLimit 10000.5"]), message);
    cases.accepted(rule, stage(&["replace /~1pets/GET/throttling/burstLimit 5000"]));
    cases.refused(rule, stage(&["replace /~1pets/GET/throttling/burstLimit 5000"]), message);
    cases.in_small_region();
    cases.refused(rule, stage(&["replace /~1pets/GET/throttling/rateLimit 2501"]), message);
    cases.in_small_region();
    let rule = "stage-variables";
    let created = |variables: Value| {
        let body = json!({"stageName": "s", "deploymentId": "d", "variables": variables});
        Sent::json("POST", "/restapis/edge/stages", &body)
    };
    cases.accepted(rule, created(json!({"host": "a.example.com:8080/x?y=z&a=b,c#d"})));
    cases.accepted(rule, created(json!({"v".repeat(64): "v".repeat(512)})));
    cases.refused(rule, created(json!({"v".repeat(65): "v"})), "at most 64 characters");
    cases.refused(rule, created(json!({"a-b": "v"})), "must be alphanumeric");
    cases.refused(rule, created(json!({"a": ""})), "1 to 512 characters");
    cases.refused(rule, created(json!({"a": "v".repeat(513)})), "1 to 512 characters");
    cases.refused(rule, created(json!({"a": "b c"})), "match [A-Za-z0-9-._~:/?#&=,]+");
    let many = |count: usize| {
        let variables = (0..count).map(|n| (format!("v{n}"), json!("x")));
        created(variables.collect::<Map<_, _>>().into())
    };
    cases.accepted(rule, many(100));
    cases.refused(rule, many(101), "at most 100 variables");
    cases.refused(rule, stage(&["replace /variables/a-b c"]), "must be alphanumeric");
    cases.accepted(rule, stage(&["remove /variables/v1", "replace /variables/more x"]));
    cases.refused(rule, stage(&["replace /variables/more x"]), "at most 100 variables");
    let canary = "replace /canarySettings/stageVariableOverrides/a";
    cases.refused(rule, stage(&[&format!("{canary} b c")]), "match [A-Za-z0-9-._~:/?#&=,]+");
    let rule = "stage-name";
    let named = |name: &str| {
        let body = json!({"stageName": name, "deploymentId": "d"});
        Sent::json("POST", "/restapis/edge/stages", &body)
    };
    cases.accepted(rule, named("pre-prod_2"));
    cases.refused(rule, named("pre.prod"), "a-zA-Z0-9_-");
    cases.refused(rule, named(&"s".repeat(129)), "128 characters");
    let rule = "canary-values";
    cases.accepted(rule, stage(&["replace /canarySettings/percentTraffic 10.5"]));
    cases.refused(rule, stage(&["replace /canarySettings/percentTraffic 101"]), "0 and 100");
    let rule = "canary-promotion";
    let copy = ["copy /deploymentId /canarySettings/deploymentId"];
    cases.accepted(rule, Sent::patch("/restapis/edge/stages/canary", &copy));
    let message = "Promotion not available. Canary does not exist.";
    cases.refused(rule, stage(&copy), message);
}

fn deployments(cases: &mut Cases) {
    let create =
        |api: &str, body: Value| Sent::json("POST", &format!("/restapis/{api}/deployments"), &body);
    let rule = "deployment-of-a-canary";
    let canary = json!({"percentTraffic": 1.0});
    let body = json!({"stageName": "dev", "canarySettings": canary});
    cases.accepted(rule, create("edge", body));
    let body = json!({"stageName": "new", "canarySettings": canary});
    cases.refused(rule, create("edge", body), "must already be created");
    let message = "Non null and non empty stageName must be provided";
    cases.refused(rule, create("edge", json!({"canarySettings": canary})), message);
    let rule = "deployment-of-a-private-api";
    cases.accepted(rule, create("edge", json!({})));
    cases.accepted(rule, create("closed", json!({})));
    let message = "Private REST API doesn't have a resource policy attached to it";
    cases.refused(rule, create("private", json!({})), message);
    let rule = "deployment-without-methods";
    cases.accepted(rule, create("edge", json!({})));
    cases.refused(rule, create("private", json!({})), "doesn't contain any methods");
    let rule = "deployment-in-use";
    let delete =
        |id: &str| Sent::json("DELETE", &format!("/restapis/edge/deployments/{id}"), &Value::Null);
    cases.accepted(rule, delete("d3"));
    for id in ["d1", "d2"] {
        let message = "Active stages pointing to this deployment must be moved or deleted";
        cases.refused(rule, delete(id), message);
    }
    let rule = "mapped-domain";
    let delete = |path: &str| Sent::json("DELETE", path, &Value::Null);
    let message = "Please remove all base path mappings";
    cases.accepted(rule, delete("/restapis/edge/stages/dev"));
    cases.accepted(rule, delete("/restapis/edge"));
    cases.accepted(rule, delete("/restapis/mapped/stages/dev"));
    cases.refused(rule, delete("/restapis/mapped/stages/prod"), message);
    cases.refused(rule, delete("/restapis/mapped"), message);
}

fn apis(cases: &mut Cases) {
    let create = |members: Value| {
        let mut body = json!({"name": "pets"});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        Sent::json("POST", "/restapis", &body)
    };
    let update = |api: &str, patch: &str| Sent::patch(&format!("/restapis/{api}"), &[patch]);
    let rule = "api-description";
    let message = "Description cannot be an empty string";
    cases.accepted(rule, create(json!({"description": "Pets"})));
    cases.accepted(rule, import(&json!({"info": {}})));
    cases.refused(rule, create(json!({"description": ""})), message);
    cases.refused(rule, update("edge", "replace /description "), message);
    cases.refused(rule, import(&json!({"info": {"description": ""}})), message);
    let rule = "resource-policy-length";
    let long = "x".repeat(8_193);
    cases.accepted(rule, create(json!({"policy": "x".repeat(8_192)})));
    cases.refused(rule, create(json!({"policy": long})), "8192");
    cases.refused(rule, update("edge", &format!("replace /policy {long}")), "8192");
    cases.refused(rule, import(&json!({"x-amazon-apigateway-policy": {"Id": long}})), "8192");
    let rule = "endpoint-type";
    let types = |types: Value| create(json!({"endpointConfiguration": {"types": types}}));
    cases.accepted(rule, types(json!(["PRIVATE"])));
    cases.refused(rule, types(json!([])), "cannot be both DISABLED");
    cases.refused(rule, types(json!(["EDGE", "REGIONAL"])), "multiple Endpoint Types");
    let edge = "replace /endpointConfiguration/types/EDGE";
    let private = "replace /endpointConfiguration/types/PRIVATE";
    cases.accepted(rule, update("edge", &format!("{edge} PRIVATE")));
    cases.accepted(rule, update("private", &format!("{private} REGIONAL")));
    cases.refused(rule, update("private", &format!("{private} EDGE")), "from PRIVATE to EDGE");
    cases.refused(rule, update("private", &format!("{edge} EDGE")), "from PRIVATE to EDGE");
    cases.refused(
        rule,
        update("edge", &format!("{private} REGIONAL")),
        "the endpoint type is EDGE",
    );
    cases.refused(rule, update("edge", &format!("{edge} LOCAL")), "Valid options are");
    let rule = "vpc-endpoints";
    let message = "VPCEndpoints can only be specified with PRIVATE apis.";
    let with = |kind: &str| {
        let endpoint = json!({"types": [kind], "vpcEndpointIds": ["vpce-1"]});
        create(json!({"endpointConfiguration": endpoint}))
    };
    let add = "add /endpointConfiguration/vpcEndpointIds vpce-1";
    cases.accepted(rule, with("PRIVATE"));
    cases.refused(rule, with("EDGE"), message);
    cases.accepted(rule, update("private", add));
    cases.refused(rule, update("edge", add), message);
    cases.accepted(rule, Sent::patch("/restapis/edge", &[&format!("{edge} PRIVATE"), add]));
    let regional = format!("{private} REGIONAL");
    cases.refused(rule, update("connected", &regional), message);
    let remove = "remove /endpointConfiguration/vpcEndpointIds vpce-1";
    cases.accepted(rule, Sent::patch("/restapis/connected", &[remove, &regional]));
    let endpoint = json!({"vpcEndpointIds": ["vpce-1"]});
    let server = json!({"url": "/", "x-amazon-apigateway-endpoint-configuration": endpoint});
    let import = |api: &str| {
        let document = json!({
            "openapi": "3.0.1", "info": {"title": "a", "version": "1"}, "paths": {},
            "servers": [server],
        });
        Sent::json("PUT", &format!("/restapis/{api}?mode=overwrite"), &document)
    };
    cases.accepted(rule, import("private"));
    cases.refused(rule, import("edge"), message);
    let rule = "ip-address-type";
    let message = "Only dualstack ipAddressType is supported for Private APIs.";
    let ipv4 = "replace /endpointConfiguration/ipAddressType ipv4";
    let with = |kind: &str| {
        let endpoint = json!({"types": [kind], "ipAddressType": "ipv4"});
        create(json!({"endpointConfiguration": endpoint}))
    };
    cases.accepted(rule, with("EDGE"));
    cases.refused(rule, with("PRIVATE"), message);
    cases.accepted(rule, update("edge", ipv4));
    cases.refused(rule, update("private", ipv4), message);
    let rule = "compression-size";
    cases.accepted(rule, create(json!({"minimumCompressionSize": 0})));
    cases.refused(rule, create(json!({"minimumCompressionSize": -1})), "between 0 and 10485760");
    let patch = "replace /minimumCompressionSize 10485761";
    cases.refused(rule, update("edge", patch), "between 0 and 10485760");
    let rule = "page-limit";
    cases.accepted(rule, Sent::json("GET", "/restapis?limit=500", &Value::Null));
    cases.refused(rule, Sent::json("GET", "/restapis?limit=501", &Value::Null), "maximum is 500");
}

fn import(document: &Value) -> Sent {
    Sent::json("PUT", "/restapis/edge?mode=overwrite", document)
}

fn imports(cases: &mut Cases) {
    cases.accepted("import-size", import(&json!({"x": "y".repeat(1_000)})));
    cases.refused("import-size", import(&json!({"x": "y".repeat(6 << 20)})), "6 MB");
    let rule = "import-version";
    cases.accepted(rule, import(&json!({"openapi": "3.0.1"})));
    cases.accepted(rule, import(&json!({"swagger": "2.0"})));
    cases.refused(rule, import(&json!({"openapi": "3.1.0"})), "2.0 and 3.0");
    let rule = "import-paths";
    let paths = |paths: &[&str]| {
        let paths: Map<String, Value> =
            paths.iter().map(|path| ((*path).to_owned(), json!({}))).collect();
        import(&json!({"paths": paths}))
    };
    cases.accepted(rule, paths(&["/", "/pets/{id}", "/pets/{id}/toys/{toy}", "/x/{proxy+}"]));
    let message =
        "A sibling ({id}) of this resource already has a variable path part -- only one is allowed";
    cases.refused(rule, paths(&["/pets/{id}", "/pets/{name}/toys"]), message);
    cases.refused(rule, paths(&["/pets/v{id}"]), "Resource's path part only allow");
    cases.refused(rule, paths(&["/x/{proxy+}/y"]), "greedy path variable");
    let rule = "import-gateway-responses";
    let responses = |kind: &str, status: Value| {
        import(&json!({"x-amazon-apigateway-gateway-responses": {kind: {"statusCode": status}}}))
    };
    cases.accepted(rule, responses("THROTTLED", json!(429)));
    cases.refused(rule, responses("SLOW", json!("429")), "unknown type");
    cases.refused(rule, responses("THROTTLED", json!(99)), "status 99");
    let rule = "import-authorizers";
    let scheme = |authorizer: Value| {
        let scheme = json!({"type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authorizer": authorizer});
        import(&json!({"components": {"securitySchemes": {"jwt": scheme}}}))
    };
    cases.accepted(rule, scheme(json!({"type": "token", "authorizerUri": FUNCTION})));
    cases.refused(rule, scheme(json!({"type": "token"})), "Invalid Authorizer URI");
    let late =
        json!({"type": "token", "authorizerUri": FUNCTION, "authorizerResultTtlInSeconds": 3_601});
    cases.refused(rule, scheme(late), "between 0 and 3600");
    let request = json!({"type": "request", "authorizerUri": FUNCTION});
    cases.refused(rule, scheme(request), "Identity source is required");
    let rule = "import-models";
    let model =
        |name: &str, schema: Value| import(&json!({"components": {"schemas": {name: schema}}}));
    cases.accepted(rule, model("Pet2", json!({})));
    cases.refused(rule, model("new-pet", json!({})), "must be alphanumeric");
    cases.refused(rule, model("Pet", json!({"x": "y".repeat(400 << 10)})), "400 KB");
}

/// A document with one method, which has these members.
fn method(members: &Value) -> Sent {
    import(&json!({"paths": {"/pets/{id}": {"get": members}}}))
}

fn integrations(cases: &mut Cases) {
    let rule = "import-integrations";
    let integration = |members: Value| method(&json!({"x-amazon-apigateway-integration": members}));
    let http = |uri: &str| integration(json!({"type": "http", "httpMethod": "GET", "uri": uri}));
    let aws =
        |uri: &str| integration(json!({"type": "aws_proxy", "httpMethod": "POST", "uri": uri}));
    cases.accepted(rule, integration(json!({"type": "mock"})));
    cases.accepted(rule, http("https://api.example.com:8443/{id}?a=b"));
    cases.accepted(rule, http("http://${stageVariables.host}/x"));
    cases.accepted(rule, aws(FUNCTION));
    cases.refused(rule, integration(json!({"type": "lambda"})), "integration type is invalid");
    let late = json!({"type": "mock", "timeoutInMillis": 49});
    cases.refused(rule, integration(late), "between 50 ms");
    let verbless = json!({"type": "http", "uri": "https://api.example.com"});
    cases.refused(rule, integration(verbless), "HttpMethod must be non-empty");
    for uri in ["http://localhost:8080/x", "http://backend", "ftp://api.example.com", ""] {
        cases.refused(rule, http(uri), "Invalid HTTP endpoint specified for URI");
    }
    cases.refused(rule, aws("arn:aws:lambda:eu-west-1:1:function:f"), "Invalid ARN");
    let message = "must contain path or action";
    cases.refused(rule, aws("arn:aws:apigateway:eu-west-1:lambda:function/f"), message);
    let other = json!({"type": "aws_proxy", "httpMethod": "POST", "uri": FUNCTION, "credentials": "arn:aws:iam::999999999999:role/r"});
    let refused = (403, "AccessDeniedException", "Cross-account pass role is not allowed.");
    cases.refused_as(rule, integration(other), refused);
    let rule = "import-mappings";
    let mapped = |target: &str, source: &str| {
        method(&json!({
            "parameters": [
                {"name": "id", "in": "path"},
                {"name": "q", "in": "query"},
                {"name": "X-Trace", "in": "header"},
            ],
            "x-amazon-apigateway-integration": {
                "type": "http",
                "uri": "https://api.example.com",
                "requestParameters": {target: source},
            },
        }))
    };
    let (header, path) = ("integration.request.header.X", "integration.request.path.id");
    for source in [
        "method.request.path.id",
        "method.request.querystring.q",
        "method.request.header.X-Trace",
        "method.request.multivaluequerystring.q",
        "method.request.body.a",
        "context.authorizer.sub",
        "stageVariables.host",
        "'static'",
    ] {
        cases.accepted(rule, mapped(header, source));
    }
    let message = "Invalid mapping expression specified";
    for source in ["method.request.path.q", "method.request.header.Other", "static", "$request.x"] {
        cases.refused(rule, mapped(header, source), message);
    }
    cases.refused(rule, mapped("request.header.X", "'a'"), message);
    let uri = |mappings: Value| {
        method(&json!({
            "parameters": [{"name": "id", "in": "path"}],
            "x-amazon-apigateway-integration": {
                "type": "http_proxy",
                "uri": "https://${stageVariables.host}/{id}",
                "requestParameters": mappings,
            },
        }))
    };
    cases.accepted(rule, uri(json!({path: "method.request.path.id"})));
    cases.refused(rule, uri(json!({})), "{id}");
    let response = |status: &str, header: &str| {
        method(&json!({
            "responses": {"200": {"headers": {"X-A": {}}}},
            "x-amazon-apigateway-integration": {"type": "mock", "responses": {"default": {
                "statusCode": status,
                "responseParameters": {format!("method.response.header.{header}"): "'a'"},
            }}},
        }))
    };
    cases.accepted(rule, response("200", "X-A"));
    cases.refused(rule, response("201", "X-A"), "Invalid Response status code specified");
    cases.refused(rule, response("200", "X-B"), "method.response.header.X-B");
}

fn authorizers(cases: &mut Cases) {
    let create = |api: &str, members: Value| {
        let mut body = json!({"name": "new", "type": "TOKEN", "authorizerUri": FUNCTION, "identitySource": "method.request.header.Authorization"});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        Sent::json("POST", &format!("/restapis/{api}/authorizers"), &body)
    };
    let rule = "authorizer-of-an-unknown-api";
    cases.accepted(rule, create("edge", json!({})));
    let refused = (409, "ConflictException", "concurrent modification");
    cases.refused_as(rule, create("none", json!({})), refused);
    let rule = "authorizer-settings";
    let sources = "method.request.header.A, method.request.querystring.b,context.identity.sourceIp,stageVariables.c";
    let ttl = "authorizerResultTtlInSeconds";
    cases.accepted(rule, create("edge", json!({ttl: 3_600})));
    cases.accepted(rule, create("edge", json!({"type": "REQUEST", "identitySource": sources})));
    let uncached = json!({"type": "REQUEST", "identitySource": "", ttl: 0});
    cases.accepted(rule, create("edge", uncached));
    cases.accepted(rule, Sent::patch("/restapis/edge/authorizers/z1", &["replace /name other"]));
    for (members, message) in [
        (json!({ttl: 3_601}), "between 0 and 3600"),
        (json!({ttl: -1}), "between 0 and 3600"),
        (json!({"identitySource": sources}), "exactly one identity source"),
        (json!({"identitySource": "method.request.path.id"}), "Invalid identity source"),
        (json!({"type": "REQUEST", "identitySource": ""}), "Identity source is required"),
        (
            json!({"type": "REQUEST", "identitySource": "method.request.path.id"}),
            "Invalid identity source",
        ),
        (
            json!({"type": "REQUEST", "identityValidationExpression": ".*"}),
            "TOKEN authorizers only",
        ),
        (
            json!({"authorizerUri": "arn:aws:lambda:eu-west-1:1:function:f"}),
            "Invalid Authorizer URI",
        ),
    ] {
        cases.refused(rule, create("edge", members), message);
    }
    for patch in
        ["replace /authorizerResultTtlInSeconds 3601", "replace /authorizerResultTtlInSeconds x"]
    {
        let sent = Sent::patch("/restapis/edge/authorizers/z1", &[patch]);
        cases.refused(rule, sent, "between 0 and 3600");
    }
    let rule = "authorizer-names";
    cases.accepted(rule, create("edge", json!({})));
    let message = "Authorizer name must be unique. Authorizer jwt already exists in this RestApi.";
    cases.refused(rule, create("edge", json!({"name": "jwt"})), message);
    let rule = "authorizer-in-use";
    let delete =
        |id: &str| Sent::json("DELETE", &format!("/restapis/edge/authorizers/{id}"), &Value::Null);
    cases.accepted(rule, delete("z2"));
    let message = "Cannot delete authorizer 'z1', is referenced in method: GET /pets";
    cases.refused_as(rule, delete("z1"), (409, "ConflictException", message));
}

fn usage_plans(cases: &mut Cases) {
    let update = |id: &str, patch: &str| Sent::patch(&format!("/usageplans/{id}"), &[patch]);
    let create = |members: Value| {
        let mut body = json!({"name": "plan"});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        Sent::json("POST", "/usageplans", &body)
    };
    let rule = "usage-plan-stages";
    cases.accepted(rule, update("p1", "remove /apiStages edge:dev"));
    cases.accepted(rule, update("p2", "add /apiStages edge:dev"));
    cases.accepted(rule, create(json!({"apiStages": [{"apiId": "edge", "stage": "dev"}]})));
    let message = "Invalid API Stage {api: edge, stage: dev} specified for usageplan p2";
    let sent = update("p2", "remove /apiStages edge:dev");
    cases.refused_as(rule, sent, (404, "NotFoundException", message));
    let unknown = (404, "NotFoundException", "API Stage not found: edge:none");
    cases.refused_as(rule, update("p1", "add /apiStages edge:none"), unknown);
    let stages = json!({"apiStages": [{"apiId": "edge", "stage": "none"}]});
    cases.refused_as(rule, create(stages), unknown);
    cases.refused(rule, update("p1", "add /apiStages edge"), "Invalid API Stage specified");
    let rule = "usage-plan-limits";
    let quota = |limit: i64, period: &str, offset: i64| {
        create(json!({"quota": {"limit": limit, "period": period, "offset": offset}}))
    };
    cases.accepted(rule, create(json!({"throttle": {"rateLimit": 0.5, "burstLimit": 1}})));
    cases.accepted(rule, quota(1, "MONTH", 27));
    cases.accepted(rule, update("p1", "replace /quota/period WEEK"));
    let throttle = json!({"throttle": {"rateLimit": -1.0}});
    cases.refused(rule, create(throttle), "must not be negative");
    cases.refused(rule, update("p1", "replace /throttle/burstLimit 1.5"), "must not be negative");
    cases.refused(rule, update("p1", "replace /throttle/rateLimit x"), "must not be negative");
    cases.refused(rule, quota(0, "DAY", 0), "must be positive");
    cases.refused(rule, quota(1, "DAY", 1), "within the period");
    cases.refused(rule, update("p1", "replace /quota/period YEAR"), "period is invalid");
    let without = create(json!({"quota": {"limit": 1}}));
    cases.refused(rule, without, "period must be set");
    let rule = "usage-plan-in-use";
    cases.accepted(rule, Sent::json("DELETE", "/usageplans/p2", &Value::Null));
    let sent = Sent::json("DELETE", "/usageplans/p1", &Value::Null);
    cases.refused(rule, sent, "there are API Stages associated with it");
}

fn tags(cases: &mut Cases) {
    let rule = "api-tags";
    let arn = "/tags/arn%3Aaws%3Aapigateway%3Aeu-west-1%3A%3A%2Frestapis%2Fedge";
    let tag = |tags: Value| Sent::json("PUT", arn, &json!({"tags": tags}));
    let many = |count: usize| -> Value {
        let tags = (0..count).map(|n| (format!("t{n}"), json!("x")));
        tags.collect::<Map<_, _>>().into()
    };
    cases.accepted(rule, tag(json!({"portcullis:api": "Pet Store, 2".replace(',', ":")})));
    cases.accepted(rule, tag(many(50)));
    cases.refused(rule, tag(many(51)), "at most 50 tags");
    cases.refused(rule, tag(json!({"a": "Pets & Co"})), "Invalid characters");
    cases.refused(rule, tag(json!({"aws:a": "b"})), "must not start with aws:");
    cases.refused(rule, tag(json!({"k".repeat(129): "b"})), "1 to 128 characters");
    cases.refused(rule, tag(json!({"a": "v".repeat(257)})), "at most 256");
    let rule = "iam-tags";
    let tag_role = |tags: &str| {
        let base = "Action=TagRole&Version=2010-05-08&RoleName=r";
        Sent::form("iam", &format!("{base}{tags}"))
    };
    let both = "&Tags.member.1.Key=a&Tags.member.1.Value=&Tags.member.2.Key=A&Tags.member.2.Value=";
    cases.accepted(rule, tag_role("&Tags.member.1.Key=a&Tags.member.1.Value=b"));
    let refused = (400, "InvalidInput", "reserved");
    cases.refused_as(rule, tag_role("&Tags.member.1.Key=aws:a&Tags.member.1.Value=b"), refused);
    cases.refused_as(rule, tag_role(both), (400, "InvalidInput", "Duplicate tag keys found"));
    let rule = "function-tags";
    let arn = "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Af";
    let tag = |tags: Value| Sent::json("POST", arn, &json!({"Tags": tags}));
    cases.accepted(rule, tag(many(50)));
    let code = "InvalidParameterValueException";
    cases.refused_as(rule, tag(many(51)), (400, code, "at most 50 tags"));
    cases.refused_as(rule, tag(json!({"aws:a": "b"})), (400, code, "must not start with aws:"));
}

fn roles_and_functions(cases: &mut Cases) {
    let rule = "role-policies";
    let put = |document: &str| {
        let base = "Action=PutRolePolicy&Version=2010-05-08&RoleName=r&PolicyName=p";
        Sent::form("iam", &format!("{base}&PolicyDocument={document}"))
    };
    let trust = |document: &str| {
        let base = "Action=CreateRole&Version=2010-05-08&RoleName=r";
        Sent::form("iam", &format!("{base}&AssumeRolePolicyDocument={document}"))
    };
    let policy = |length: usize| format!("{{\"Statement\":[\"{}\"]}}", "x".repeat(length));
    cases.accepted(rule, put(&policy(10_000)));
    cases.accepted(rule, trust(&policy(2_000)));
    cases.refused_as(rule, put(&policy(10_241)), (409, "LimitExceeded", "PolicySize: 10240"));
    let refused = (409, "LimitExceeded", "ACLSizePerRole: 2048");
    cases.refused_as(rule, trust(&policy(2_049)), refused);
    let refused = (400, "MalformedPolicyDocument", "Syntax errors");
    cases.refused_as(rule, trust("{}"), refused);
    let rule = "function-environment";
    let configure = |variables: Value| {
        let body = json!({"Environment": {"Variables": variables}});
        Sent::json("PUT", "/2015-03-31/functions/f/configuration", &body)
    };
    let code = "InvalidParameterValueException";
    cases.accepted(rule, configure(json!({"NAME": "v".repeat(4_000)})));
    let long = configure(json!({"NAME": "v".repeat(4_096)}));
    cases.refused_as(rule, long, (400, code, "exceeded the 4KB limit"));
    let reserved = configure(json!({"AWS_REGION": "eu-west-1"}));
    cases.refused_as(rule, reserved, (400, code, "reserved keys"));
}
