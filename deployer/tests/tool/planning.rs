//! Desired state, observed state and plan, without AWS.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use authorizer::UnixTime;
use compiler::api::{Api, RoleSettings, RouteKey, Throttle};
use compiler::compile::{compile, manifest};
use compiler::definition::{ApiDefinition, Authorization, scheme_of};
use compiler::openapi::render;
use compiler::source::diagnostic::{Source, has_errors};
use deployment::desired::Desired;
use deployment::function::{BuildMetadata, PublishedFunction, configuration_fingerprint};
use deployment::iam::{COMMANDS, PolicyScope};
use deployment::observed::{
    AccountSettings, AwsTarget, Canary, Observed, ObservedApi, ObservedDeployment, ObservedStage,
    ServedDeployments, TAG_API,
};
use deployment::plan::{AccessImpact, Aspect, Change, Plan, Step, Subject, drift, plan};
use deployment::record::{AuthSummary, Record, UnreadableReason};
use deployment::revision::{Annotation, Revision};
use deployment::stage_settings::ObservedSettings;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{MANIFEST, OPENAPI, deployer, folder, transcript};

mod canary;
mod endpoints;
mod invoke_roles;
mod markdown;
mod pinned;
mod policies;
mod preconditions;
mod quotas;
mod stage_settings;
mod tags;

fn source(name: &str, text: &str) -> Arc<Source> {
    Arc::new(Source { name: name.to_owned(), text: text.to_owned() })
}

#[track_caller]
fn compiled(toml: &str, openapi: &str, stage: Option<&str>) -> Api {
    let toml = source("portcullis.toml", toml);
    let (read, problems) = manifest(&toml, &|_| None, &|_| Err(String::new()));
    assert!(!has_errors(&problems), "{problems:?}");
    let (api, problems) = compile(
        &read.unwrap(),
        &toml,
        &source("openapi.yaml", openapi),
        stage,
        UnixTime::from_seconds(0),
    );
    assert!(!has_errors(&problems), "{openapi}\n{problems:#?}");
    api.unwrap()
}

fn target_in(partition: &str) -> AwsTarget {
    AwsTarget {
        account: "123456789012".to_owned(),
        partition: partition.to_owned(),
        region: "eu-west-1".to_owned(),
    }
}

pub(crate) fn desired(api: Api) -> Desired {
    Desired::new(api, target_in("aws")).unwrap()
}

/// Returns the observed state after a plan was applied.
pub(crate) fn applied(before: &Observed, desired: &Desired, plan: &Plan) -> Observed {
    let mut api = before.api.clone().unwrap_or_else(|| ObservedApi {
        id: "api1".to_owned(),
        name: desired.api.name.clone(),
        tags: desired.tags.clone(),
        endpoint: desired.api.endpoint.clone(),
        definition: ApiDefinition::default(),
        authorizers: BTreeMap::new(),
        records: BTreeMap::new(),
        stages: BTreeMap::new(),
        deployments: Vec::new(),
        usage_plan: None,
    });
    let mut roles = before.roles.clone();
    let mut created = None;
    for step in &plan.steps {
        match step {
            Step::PutRole { name, role, .. } => _ = roles.insert(name.clone(), role.clone()),
            Step::ImportDefinition { document } => {
                api.definition = desired.definition.clone();
                api.authorizers = desired
                    .definition
                    .authorizers
                    .keys()
                    .map(|n| (format!("id-{n}"), n.clone()))
                    .collect();
                let models = document["components"]["schemas"].as_object().unwrap();
                let records = models.iter().filter_map(|(name, schema)| Record::read(name, schema));
                api.records = records.collect();
            }
            Step::CreateDeployment { revision } => {
                let id = format!("d{}-{}", revision.number, api.deployments.len());
                created = Some(id.clone());
                let revision = Some(revision.clone());
                api.deployments.push(ObservedDeployment { id, created: 0, revision });
            }
            Step::CreateStage { name, deployment, settings } => {
                let deployment = deployment.clone().or(created.clone()).unwrap();
                let served = ServedDeployments::default().with(&deployment);
                let settings = ObservedSettings::new(ACCOUNT_THROTTLE).with(settings);
                let stage = ObservedStage { deployment, served, canary: None, settings };
                api.stages.insert(name.clone(), stage);
            }
            Step::UpdateStage { name, deployment, changes_deployment, settings, .. } => {
                let stage = api.stages.get_mut(name).unwrap();
                stage.settings = stage.settings.with(settings);
                stage.canary = None;
                if *changes_deployment {
                    stage.deployment = deployment.clone().or(created.clone()).unwrap();
                }
            }
            Step::UpdateCanary { name, deployment, percent, .. } => {
                let deployment = deployment.clone().or(created.clone()).unwrap();
                let canary = Canary { deployment, percent: percent.as_f64() };
                api.stages.get_mut(name).unwrap().canary = Some(canary);
            }
            Step::DeleteUnused { deployments, roles: deleted, .. } => {
                api.deployments.retain(|one| !deployments.contains(&one.id));
                for role in deleted {
                    roles.remove(role);
                }
            }
            Step::UpdateEndpoint { to, .. } => api.endpoint = to.clone(),
            Step::TagApi { set, .. } => api.tags.extend(set.clone()),
            _ => {}
        }
    }
    Observed {
        target: desired.target.clone(),
        account: before.account.clone(),
        apis: BTreeMap::new(),
        missing_keys: BTreeSet::new(),
        api: Some(api),
        roles,
        functions: before.functions.clone(),
        pinned: before.pinned.clone(),
    }
}

pub(crate) const ACCOUNT_THROTTLE: Throttle = AccountSettings::DEFAULT.throttle;

pub(crate) fn empty_state() -> Observed {
    Observed {
        target: target_in("aws"),
        account: AccountSettings::DEFAULT,
        apis: BTreeMap::new(),
        missing_keys: BTreeSet::new(),
        api: None,
        roles: BTreeMap::new(),
        functions: BTreeMap::new(),
        pinned: BTreeMap::new(),
    }
}

/// Plans and applies a configuration; returns the plan and the new state.
pub(crate) fn deployed(
    before: &Observed,
    toml: &str,
    openapi: &str,
    stage: &str,
) -> (Plan, Observed) {
    let desired = desired(compiled(toml, openapi, Some(stage)));
    let planned = plan(&desired, before);
    let after = applied(before, &desired, &planned);
    let live = after.api.as_ref().unwrap().live_revision(stage).unwrap();
    assert_eq!(live.content, desired.record.content(), "the stage serves another revision");
    let again = plan(&desired, &after);
    assert!(again.is_empty() && again.drift.is_empty(), "{again}");
    (planned, after)
}

fn lines(plan: &Plan) -> Vec<String> {
    plan.changes.iter().map(ToString::to_string).collect()
}

/// Paths of up to three segments, with one or two operations on each.
fn documents() -> impl Strategy<Value = String> {
    let segment = prop_oneof![Just("a".to_owned()), Just("b-c".to_owned()), Just("{p}".to_owned())];
    let path = prop::collection::vec(segment, 0..3).prop_map(|segments| {
        let numbered =
            segments.iter().enumerate().map(|(n, s)| s.replace("{p}", &format!("{{p{n}}}")));
        format!("/{}", numbered.collect::<Vec<_>>().join("/"))
    });
    let security = prop_oneof![
        Just(json!([])),
        Just(json!([{"jwt": ["read"]}])),
        Just(json!([{"jwt": ["read", "write"]}, {"jwt": ["admin"]}])),
        Just(json!([{"jwt": [], "key": []}])),
        Just(json!([{"key": []}])),
        Just(json!([{"iam": []}])),
        Just(json!([{"pool": ["p/read"]}])),
        Just(json!([{"pool": [], "key": []}])),
    ];
    let integration = prop_oneof![
        Just(Value::Null),
        Just(
            json!({"type": "HTTP_PROXY", "uri": "https://x.example.com/", "httpMethod": "get", "timeoutInMillis": 50, "connectionType": "INTERNET"})
        ),
        Just(
            json!({"type": "aws_proxy", "uri": "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:123456789012:function:f/invocations", "credentials": "arn:aws:iam::123456789012:role/r"})
        ),
        Just(
            json!({"type": "http", "uri": "http://${stageVariables.host}/", "httpMethod": "POST", "connectionType": "VPC_LINK", "connectionId": "${stageVariables.link}", "passthroughBehavior": "NEVER", "requestTemplates": {"text/plain": "$input.body"}, "responses": {"default": {"statusCode": "201"}, "4..": {"statusCode": "400", "responseParameters": {"method.response.header.X": "'x'"}}}, "tlsConfig": {"insecureSkipVerification": true}})
        ),
        Just(
            json!({"type": "mock", "requestTemplates": {"application/json": "{\"statusCode\":200}"}, "responses": {"default": {"statusCode": "200"}}})
        ),
    ];
    let operation = (
        security,
        integration,
        prop::option::of(prop_oneof![Just("all"), Just("some")]),
        any::<bool>(),
    );
    let operation = operation.prop_map(|(security, integration, validator, body)| {
        let mut operation = json!({"security": security, "parameters": [
            {"name": "q", "in": "query", "required": body},
            {"name": "X-H", "in": "header"},
        ]});
        if !integration.is_null() {
            operation["x-amazon-apigateway-integration"] = integration;
        }
        if let Some(validator) = validator {
            operation["x-amazon-apigateway-request-validator"] = json!(validator);
        }
        if body {
            operation["operationId"] = json!("op");
            operation["responses"] = json!({"204": {"description": "gone"}, "default": {"description": "?"}});
            operation["requestBody"] = json!({"content": {"application/json": {"schema": {"$ref": "#/components/schemas/a-thing"}}, "text/plain": {"schema": {"type": ["string", "null"]}}}});
        }
        operation
    });
    let verb = prop_oneof![
        Just("get"),
        Just("post"),
        Just("options"),
        Just("x-amazon-apigateway-any-method")
    ];
    let item = prop::collection::btree_map(verb, operation, 1..3);
    let paths = prop::collection::btree_map(path, item, 1..5);
    (paths, any::<bool>()).prop_map(|(paths, more)| {
        let mut document = json!({
            "openapi": "3.1.0",
            "info": {"title": "t", "version": "3"},
            "paths": paths,
            "x-amazon-apigateway-request-validators": {
                "all": {"validateRequestBody": true, "validateRequestParameters": true},
                "some": {"validateRequestParameters": true},
            },
            "components": {
                "schemas": {"a-thing": {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/a-thing"}}}},
                "securitySchemes": {
                    "jwt": {"type": "http", "scheme": "bearer"},
                    "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                    "iam": {"type": "apiKey", "in": "header", "name": "Authorization", "x-amazon-apigateway-authtype": "awsSigv4"},
                    "pool": {"type": "apiKey", "in": "header", "name": "Authorization", "x-amazon-apigateway-authtype": "cognito_user_pools", "x-amazon-apigateway-authorizer": {"type": "cognito_user_pools", "providerARNs": ["arn:aws:cognito-idp:eu-west-1:123456789012:userpool/p"]}},
                },
            },
        });
        if more {
            document["info"]["description"] = json!("what it is for");
            document["x-amazon-apigateway-binary-media-types"] = json!(["a/b", "*/*"]);
            document["x-amazon-apigateway-minimum-compression-size"] = json!(0);
            document["x-amazon-apigateway-api-key-source"] = json!("AUTHORIZER");
            document["x-amazon-apigateway-policy"] = json!({"Version": "2012-10-17", "Statement": []});
            document["x-amazon-apigateway-gateway-responses"] = json!({"UNAUTHORIZED": {"statusCode": 401}, "DEFAULT_4XX": {"responseTemplates": {"application/json": "{}"}}});
        }
        document.to_string()
    })
}

fn with_cors(more: &str) -> String {
    format!(
        "{MANIFEST}\n[cors]\nallow_origins = [\"https://a.example.com\"{more}]\nmax_age = \"5m\"\n"
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_rendered_document_compiles_to_the_same_api(openapi in documents(), cors in 0..3) {
        let toml = match cors {
            0 => MANIFEST.to_owned(),
            1 => with_cors(""),
            _ => with_cors(", \"https://b.example.com\""),
        };
        let api = compiled(&toml, &openapi, None);
        let rendered = render(&api).unwrap();
        let again = compiled(&toml, &rendered.to_string(), None);
        prop_assert_eq!(&again.routes, &api.routes, "{:#}", rendered);
        // The document also contains what CORS and the challenges add.
        prop_assert_eq!(ApiDefinition::from_api(&again).unwrap(), ApiDefinition::from_api(&api).unwrap());
        let named = Api { name: api.name.clone(), gateway_responses: api.gateway_responses.clone(), ..again };
        prop_assert_eq!(&named, &api);
    }

    #[test]
    fn equal_states_need_no_steps_and_a_plan_reaches_the_desired_state(a in documents(), b in documents()) {
        let (first, one) = deployed(&empty_state(), MANIFEST, &a, "dev");
        prop_assert!(!first.is_empty());
        let (_, two) = deployed(&one, MANIFEST, &b, "dev");
        let (back, three) = deployed(&two, MANIFEST, &a, "dev");
        let of = |observed: &Observed| observed.api.clone().unwrap();
        prop_assert_eq!(&of(&three).definition, &of(&one).definition);
        prop_assert!(back.is_empty() == (of(&two).definition == of(&one).definition && back.changes.is_empty()));
    }

    #[test]
    fn a_record_round_trips_and_shows_the_authorization_of_every_method(openapi in documents(), cors in any::<bool>()) {
        let toml = if cors { with_cors("") } else { MANIFEST.to_owned() };
        let desired = desired(compiled(&toml, &openapi, None));
        let (name, schema) = desired.record.model(7);
        prop_assert_eq!(Record::read(&name, &schema), Some((7, Ok(desired.record.clone()))));
        let observed = Record::observed(&desired.definition);
        prop_assert_eq!(desired.record.visible(), observed);
        for route in &desired.api.routes {
            prop_assert_eq!(AuthSummary::from(&route.security).to_string(), route.security.to_string());
        }
    }

    #[test]
    fn an_import_document_has_only_security_schemes_that_api_gateway_maps(openapi in documents()) {
        let desired = desired(compiled(MANIFEST, &openapi, None));
        let planned = plan(&desired, &empty_state());
        let document = planned.steps.iter().find_map(|step| match step {
            Step::ImportDefinition { document } => Some(document.clone()),
            _ => None,
        });
        let document = document.unwrap();
        prop_assert!(!document.to_string().contains("x-portcullis-"));
        for scheme in document["components"]["securitySchemes"].as_object().unwrap().values() {
            prop_assert_eq!(&scheme["type"], "apiKey");
            prop_assert!(scheme["name"] == "x-api-key" || scheme["x-amazon-apigateway-authtype"].is_string());
        }
        for path in document["paths"].as_object().unwrap().values() {
            for operation in path.as_object().unwrap().values() {
                prop_assert!(operation["security"].is_array());
                for scheme in operation["security"].as_array().unwrap().iter().flat_map(|one| one.as_object().unwrap().keys()) {
                    prop_assert!(document["components"]["securitySchemes"][scheme].is_object());
                }
            }
        }
    }
}

#[test]
fn changes_that_make_operations_public_come_first() {
    let (_, one) = deployed(&empty_state(), MANIFEST, OPENAPI, "dev");
    let public = OPENAPI
        .replace("operationId: getThing", "security: []")
        .replace("  /open:\n", "  /more:\n    get: { security: [] }\n  /open:\n");
    let (planned, two) = deployed(&one, MANIFEST, &public, "dev");
    assert_eq!(
        lines(&planned)[..2],
        [
            "~ GET /things/{id}  auth: jwt [read] → public  [becomes public]",
            "+ GET /more  auth: public  [public]",
        ]
    );
    let removed =
        "- authorizer jwt  function: arn:aws:lambda:eu-west-1:123456789012:function:shop:live";
    assert!(lines(&planned).contains(&removed.to_owned()), "{planned}");
    let (planned, _) = deployed(&two, MANIFEST, OPENAPI, "dev");
    let shown = lines(&planned);
    assert!(
        shown.contains(&"~ GET /things/{id}  auth: public → jwt [read]  [security]".to_owned()),
        "{shown:?}"
    );
    assert!(shown.contains(&"- GET /more  auth: public".to_owned()), "{shown:?}");

    // Removed, and its requests match a public operation.
    let greedy = OPENAPI.replace(
        "  /things/{id}:\n    get:\n      operationId: getThing\n",
        "  /{proxy+}:\n    x-amazon-apigateway-any-method: { security: [] }\n",
    );
    let (planned, _) = deployed(&one, MANIFEST, &greedy, "dev");
    assert_eq!(planned.changes[0].impact, AccessImpact::BecomesPublic);
    assert_eq!(
        planned.changes[0].to_string(),
        "~ GET /things/{id}  auth: jwt [read] → public (matched by ANY /{proxy+})  [becomes public]"
    );
}

#[test]
fn a_changed_authorizer_has_a_new_name_and_changes_no_route() {
    let (_, one) = deployed(&empty_state(), MANIFEST, OPENAPI, "dev");
    for (from, to, aspect) in [
        ("shop:live", "shop:next", Aspect::Function),
        (
            "[[authorizer.jwt.issuer]]",
            "cache_ttl = \"1m\"\n[[authorizer.jwt.issuer]]",
            Aspect::CacheTtl,
        ),
        (
            "[[authorizer.jwt.issuer]]",
            "invoke_role_arn = \"arn:aws:iam::123456789012:role/r\"\n[[authorizer.jwt.issuer]]",
            Aspect::InvokeRole,
        ),
        ("https://shop.example.com", "https://other.example.com", Aspect::Configuration),
    ] {
        let (planned, after) = deployed(&one, &MANIFEST.replace(from, to), OPENAPI, "dev");
        let changed: Vec<(String, &Aspect)> = (planned.changes.iter())
            .filter(|change| !matches!(change.subject, Subject::Role(_)))
            .map(|change| (change.subject.to_string(), &change.aspect))
            // The fingerprint has details.
            .filter(|change| !matches!(change.1, Aspect::Audience(_)))
            // The TTL is a setting of the function as well.
            .filter(|(_, of)| {
                aspect == **of || !matches!(**of, Aspect::InvokeRole | Aspect::Configuration)
            })
            .collect();
        assert_eq!(changed, [("authorizer jwt".to_owned(), &aspect)], "{planned}");
        let name = |observed: &Observed| {
            observed.api.as_ref().unwrap().definition.authorizers.keys().next().unwrap().clone()
        };
        assert_eq!(
            name(&after) == name(&one),
            aspect == Aspect::Configuration,
            "the configuration is not part of the name"
        );
        assert!(
            planned.steps.iter().any(|step| matches!(step, Step::TestAuthorizers { .. })),
            "{planned}"
        );
    }
}

#[test]
fn a_role_is_for_one_function_and_is_deleted_when_no_retained_revision_uses_it() {
    let keep = MANIFEST.replace("[authorizer.jwt]", "keep = 2\n\n[authorizer.jwt]");
    let (_, mut now) = deployed(&empty_state(), &keep, OPENAPI, "dev");
    let first: Vec<String> = now.roles.keys().cloned().collect();
    let policy = now.roles[&first[0]].policies["invoke"].clone();
    assert_eq!(
        policy["Statement"][0]["Resource"],
        "arn:aws:lambda:eu-west-1:123456789012:function:shop:live"
    );
    for (function, roles) in [("b", 2), ("c", 2), ("d", 2)] {
        let next = keep.replace("shop:live", &format!("{function}:live"));
        (_, now) = deployed(&now, &next, OPENAPI, "dev");
        assert_eq!(now.roles.len(), roles, "{:?}", now.roles.keys());
    }
    assert!(!now.roles.contains_key(&first[0]));
}

/// Whatever is deleted, a stage can be rolled back.
#[test]
fn a_deployment_that_a_stage_serves_until_its_update_is_never_deleted() {
    let keep = MANIFEST.replace("[authorizer.jwt]", "keep = 2\n\n[authorizer.jwt]");
    let scope = |name: &str| OPENAPI.replace("jwt: [read]", &format!("jwt: [{name}]"));
    let (_, mut now) = deployed(&empty_state(), &keep, &scope("a"), "dev");
    (_, now) = deployed(&now, &keep, &scope("b"), "dev");
    (_, now) = deployed(&now, &keep, &scope("c"), "dev");
    let api = now.api.as_mut().unwrap();
    let numbers = |api: &ObservedApi| -> Vec<u32> {
        api.deployments.iter().map(|d| d.revision.as_ref().unwrap().number).collect()
    };
    assert_eq!(numbers(api), [2, 3]);
    // A rollback, and then another deployment.
    let second = api.deployments[0].id.clone();
    api.stages.get_mut("dev").unwrap().deployment = second;
    (_, now) = deployed(&now, &keep, &scope("d"), "dev");
    assert_eq!(numbers(now.api.as_ref().unwrap()), [2, 3, 4]);
    (_, now) = deployed(&now, &keep, &scope("e"), "dev");
    assert_eq!(numbers(now.api.as_ref().unwrap()), [4, 5]);
}

#[test]
fn every_arn_is_in_the_partition_of_the_account() {
    for (partition, region) in [("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1")] {
        let arn = format!("arn:{partition}:lambda:{region}:123456789012:function:shop:live");
        let toml =
            MANIFEST.replace("arn:aws:lambda:eu-west-1:123456789012:function:shop:live", &arn);
        let target = AwsTarget { region: region.to_owned(), ..target_in(partition) };
        let desired = Desired::new(compiled(&toml, OPENAPI, None), target.clone()).unwrap();
        let text = serde_json::to_string(&plan(
            &desired,
            &Observed { target: target.clone(), ..empty_state() },
        ))
        .unwrap();
        assert!(text.contains(&format!("arn:{partition}:iam::123456789012:role/portcullis/shop/")));
        assert!(text.contains(&format!("arn:{partition}:apigateway:{region}:lambda:path/")));
        assert!(!text.contains("arn:aws:"), "{text}");
        let scope = PolicyScope {
            target: &target,
            name: "shop",
            api: None,
            created_roles: Some(&RoleSettings::default()),
            passable_roles: &[],
            functions: &[],
            pinned: &[],
            execution_roles: &[],
            keys: &["a1b2c3".to_owned()],
            function_role: None,
            has_delivery_stream: true,
            has_vpc: true,
        };
        for command in COMMANDS {
            let policy = scope.command_policy(command).unwrap().to_string();
            let reads_keys = ["build", "deploy", "doctor", "plan", "revoke"].contains(&command);
            assert_eq!(policy.contains("::/apikeys/a1b2c3\""), reads_keys, "{command}");
            assert!(
                !scope.command_policy(command).unwrap().to_string().contains("arn:aws:"),
                "{command}"
            );
        }
        let error =
            Desired::new(compiled(MANIFEST, OPENAPI, None), target).unwrap_err().to_string();
        assert!(error.contains("the function of `jwt` is in partition `aws`, expected"), "{error}");
    }
}

#[test]
fn a_description_by_another_tool_is_not_a_revision() {
    let revision = Revision {
        number: 7,
        content: "c".to_owned(),
        tool: "0.1.0".to_owned(),
        annotation: Annotation::default(),
    };
    assert_eq!(Revision::read(&revision.to_string()), Some(revision));
    for text in [
        "",
        "release 7",
        "portcullis",
        "portcullis revision=x content=c tool=1",
        "portcullis content=c revision=1 tool=1",
    ] {
        assert_eq!(Revision::read(text), None, "{text}");
    }
    assert_eq!(Record::read("Pet", &json!({})), None);
}

#[test]
fn a_plan_is_shown_as_text_and_saved_as_json() {
    let (first, one) = deployed(&empty_state(), MANIFEST, OPENAPI, "dev");
    insta::assert_snapshot!("first_plan", first.to_string());
    let toml = MANIFEST.replace(
        "[stage.dev]",
        "[stage.dev]\nvariables = { host = \"b\" }\n[cors]\nallow_origins = [\"*\"]",
    );
    let mut drifted = one.clone();
    let api = drifted.api.as_mut().unwrap();
    api.definition
        .methods
        .get_mut(&"GET /things/{id}".parse::<RouteKey>().unwrap())
        .unwrap()
        .api_key = true;
    api.tags.insert("owner".to_owned(), "team-a".to_owned());
    api.tags.remove(TAG_API);
    let second = plan(
        &desired(compiled(&toml, &OPENAPI.replace("jwt: [read]", "jwt: [write]"), None)),
        &drifted,
    );
    insta::assert_snapshot!("second_plan", second.to_string());
    let text = serde_json::to_string(&second).unwrap();
    assert_eq!(Plan::read(&text).unwrap(), second, "a saved plan is the same plan");
}

/// The build metadata is in the version's description, and may be missing.
#[test]
fn a_function_with_another_or_unknown_configuration_is_shown() {
    let desired = desired(compiled(MANIFEST, OPENAPI, None));
    let (name, authorizer) = desired.api.authorizers.first_key_value().unwrap();
    let arn = authorizer.function_arn().unwrap().as_str();
    let config = configuration_fingerprint(&desired.api.authorizer_document(name).unwrap());
    let version = |config: Option<&str>| PublishedFunction::Version {
        number: "7".to_owned(),
        build: config.map(|config| BuildMetadata {
            config: config.to_owned(),
            binary: None,
            api: None,
        }),
        architecture: "arm64".to_owned(),
    };
    for (published, message) in [
        (None, None),
        (Some(PublishedFunction::Missing), Some(": does not exist; desired configuration: ")),
        (
            Some(version(None)),
            Some(": version 7 has no build metadata (not published by Portcullis)"),
        ),
        (
            Some(version(Some("0a1b"))),
            Some(": version 7 has configuration 0a1b; desired configuration: "),
        ),
        (Some(version(Some(&config))), None),
    ] {
        let functions = published.into_iter().map(|one| (arn.to_owned(), one)).collect();
        let plan = plan(&desired, &Observed { functions, ..empty_state() });
        let text = plan.to_string();
        match message {
            Some(message) => assert!(text.contains(message) && text.contains(&config), "{text}"),
            None => assert_eq!(plan.functions, [], "{text}"),
        }
    }
}

#[test]
fn policies_are_printed_for_every_command_and_class() {
    let folder =
        folder(MANIFEST, &OPENAPI.replace("      security: []", "      security: [{ iam: [] }]"));
    let print = |arguments: &[&str]| {
        let output = deployer(folder.path(), &[&["iam"], arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{}", transcript(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let all: Vec<String> = COMMANDS
        .iter()
        .map(|command| format!("{command}\n{}", print(&[command, "--api", "api1"])))
        .collect();
    insta::assert_snapshot!("iam_commands", all.concat());
    let role = "arn:aws:iam::123456789012:role/given";
    let given = MANIFEST
        .replace("[authorizer.jwt]", &format!("[authorizer.jwt]\ninvoke_role_arn = \"{role}\""));
    let given = crate::folder(&given, OPENAPI);
    let output = deployer(given.path(), &["iam", "deploy"]);
    let policy: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut statements = policy["Statement"].as_array().unwrap().iter();
    let pass = statements.find(|one| one["Action"][0] == "iam:PassRole").unwrap();
    assert_eq!(pass["Resource"], json!([role]));
    let saml = [
        "saml",
        "--api",
        "api1",
        "--stage",
        "dev",
        "--provider",
        "arn:aws:iam::123456789012:saml-provider/corp",
        "--issuer",
        "https://idp.example.com/saml",
        "--class",
        "readers=GET /open",
    ];
    let others = ["trust", "invoke", "execution-trust", "execution"].map(|of| print(&[of]));
    let others = [others.concat(), print(&saml)];
    insta::assert_snapshot!("iam_others", others.concat());
    for (arguments, message) in [
        (vec!["nonsense"], "invalid `POLICY` `nonsense`: expected trust, invoke, execution"),
        (vec!["saml"], "missing `--provider`: expected the ARN of a SAML provider"),
        (vec!["saml", "--provider", "p"], "missing `--issuer`"),
        (vec!["saml", "--provider", "p", "--issuer", "i"], "missing `--class`"),
        (
            vec!["saml", "--provider", "p", "--issuer", "i", "--class", "a=GET /none"],
            "operations of the API",
        ),
        (
            vec!["saml", "--provider", "p", "--issuer", "i", "--class", "a=GET /things/{id}"],
            "protected by AWS_IAM",
        ),
    ] {
        let output = deployer(folder.path(), &[vec!["iam"], arguments].concat());
        assert!(
            output.status.code() == Some(1) && transcript(&output).contains(message),
            "{}",
            transcript(&output)
        );
    }
}

#[test]
fn a_route_key_round_trips_even_if_no_document_can_declare_it() {
    let text = |key: &RouteKey| serde_json::to_string(key).unwrap();
    for (written, declarable) in [
        ("GET /", true),
        ("ANY /files/{proxy+}", true),
        ("POST /a/{b}/c", true),
        ("GET /a b", false),
        ("GET /{a}-{b}", false),
        ("* /pets", false),
    ] {
        let key: RouteKey = written.parse().unwrap();
        assert_eq!(key.to_string(), written);
        assert_eq!(serde_json::from_str::<RouteKey>(&text(&key)).unwrap(), key);
        assert_eq!(key.verb().is_some() && key.template().is_some(), declarable, "{written}");
        assert_eq!(RouteKey::new(key.method(), key.path()), key);
    }
    for wrong in ["", "GET", "GET ", " /pets", "/pets", "api", "authorizer jwt"] {
        assert!(wrong.parse::<RouteKey>().is_err(), "{wrong}");
    }
    let mut texts = ["PUT /a", "ANY /b", "GET /b/c", "GET /a", "DELETE /z", "GET /b-c"];
    let mut keys = texts.map(|text| text.parse::<RouteKey>().unwrap());
    texts.sort_unstable();
    keys.sort_unstable();
    assert_eq!(keys.map(|key| key.to_string()), texts, "the order is that of the texts");
}

/// A scheme may have the name of another authorization type.
#[test]
fn becoming_public_is_decided_by_type_and_not_by_scheme_names() {
    for name in ["public", "API key", "AWS_IAM"] {
        let toml = MANIFEST.replace("authorizer.jwt", &format!("authorizer.\"{name}\""));
        let openapi = OPENAPI
            .replace("  - jwt: [read]", &format!("  - \"{name}\": [read]"))
            .replace("    jwt: { type", &format!("    \"{name}\": {{ type"));
        let (first, one) = deployed(&empty_state(), &toml, &openapi, "dev");
        let of = |changes: &[Change], subject: &str| -> Vec<(AccessImpact, String)> {
            let auth = |change: &&Change| {
                change.aspect == Aspect::Auth && change.subject.to_string() == subject
            };
            let found = changes.iter().filter(auth);
            found.map(|change| (change.impact, change.to_string())).collect()
        };
        let guarded = format!("+ GET /things/{{id}}  auth: {name} [read]");
        assert_eq!(of(&first.changes, "GET /things/{id}"), [(AccessImpact::None, guarded)]);
        assert_eq!(of(&first.changes, "GET /open")[0].0, AccessImpact::NewPublic);
        assert!(
            first.steps.iter().any(|step| matches!(step, Step::TestAuthorizers { .. })),
            "{first}"
        );

        // In the configuration.
        let opened = openapi.replace("operationId: getThing", "security: []");
        let again = plan(&desired(compiled(&toml, &opened, None)), &one);
        let text = format!("~ GET /things/{{id}}  auth: {name} [read] → public  [becomes public]");
        let becomes_public = |text: String| vec![(AccessImpact::BecomesPublic, text)];
        assert_eq!(of(&again.changes, "GET /things/{id}"), becomes_public(text));

        // By a manual change, and without a record.
        let key: RouteKey = "GET /things/{id}".parse().unwrap();
        let scheme = name.replace(' ', "_");
        let ambiguous = if name == "API key" { "" } else { "authorizer " };
        let text =
            format!("~ GET /things/{{id}}  auth: {ambiguous}{scheme} → public  [becomes public]");
        let mut changed_manually = one.clone();
        let api = changed_manually.api.as_mut().unwrap();
        api.definition.methods.get_mut(&key).unwrap().authorization = Authorization::None;
        assert_eq!(of(&drift(api), "GET /things/{id}"), becomes_public(text.clone()));
        let reverted = plan(&desired(compiled(&toml, &openapi, None)), &changed_manually);
        assert_eq!(of(&reverted.drift, "GET /things/{id}"), becomes_public(text.clone()));
        let mut unrecorded = one.clone();
        unrecorded.api.as_mut().unwrap().records.clear();
        let again = plan(&desired(compiled(&toml, &opened, None)), &unrecorded);
        assert_eq!(of(&again.changes, "GET /things/{id}"), becomes_public(text));

        // An API key is required, so the operation is not public. Nor is it known to be as protected.
        let api = changed_manually.api.as_mut().unwrap();
        api.definition.methods.get_mut(&key).unwrap().api_key = true;
        let found = of(&drift(api), "GET /things/{id}");
        assert_eq!(found[0].0, AccessImpact::Widened, "{found:?}");
        assert!(found[0].1.contains("→ API key"), "{found:?}");
    }
}

/// Records of an earlier and of a later format, and damaged ones.
fn unreadable() -> [(&'static str, String, &'static str); 4] {
    let first = json!({
        "GET /open": {"says": {"auth": "public", "checks": "nothing", "integration": "HTTP_PROXY https://backend.example.com/open"}, "print": "0"},
        "api": {"says": {}, "print": "0"},
    });
    let later = json!({"format": 4, "record": {"m": {}}}).to_string();
    let broken = json!({"format": 3, "record": {"m": {"GET /open": {"a": "anybody"}}}}).to_string();
    [
        ("earlier format", first.to_string(), "whose record has format 1, expected 3"),
        ("later format", later, "whose record has format 4, expected 3"),
        ("other content", broken, "whose record is damaged (unknown value `anybody`)"),
        (
            "incomplete",
            "{\"format\":2,\"rec".to_owned(),
            "whose record is damaged (incomplete JSON)",
        ),
    ]
}

#[test]
fn an_unreadable_record_is_not_interpreted_and_aws_is_read_instead() {
    let scoped = OPENAPI.replace("jwt: [read]", "jwt: [write]");
    let public = OPENAPI.replace("operationId: getThing", "security: []");
    for (what, text, note) in unreadable() {
        let (_, mut now) = deployed(&empty_state(), MANIFEST, OPENAPI, "dev");
        let schema = json!({"type": "object", "description": text});
        let (number, record) = Record::read("PortcullisRevision1", &schema).unwrap();
        let api = now.api.as_mut().unwrap();
        assert!(number == 1 && record.is_err(), "{what}");
        let is_format = matches!(record.as_ref().unwrap_err().reason, UnreadableReason::Format(_));
        assert_eq!(is_format, note.contains("format"), "{what}");
        api.records.insert(number, record);
        assert_eq!(drift(api), [], "{what}: the last import is unknown");

        let planned = plan(&desired(compiled(MANIFEST, &public, None)), &now);
        assert!(planned.notes[0].contains(note), "{what}: {planned}");
        let shown = lines(&planned);
        let becomes_public = "~ GET /things/{id}  auth: jwt → public  [becomes public]".to_owned();
        assert_eq!(shown[0], becomes_public, "{what}");

        // The same configuration: no visible change, but the record is renewed.
        for (openapi, revision) in [(OPENAPI, 2), (&scoped, 3)] {
            let (planned, after) = deployed(&now, MANIFEST, openapi, "dev");
            assert!(!planned.is_empty(), "{what}: {planned}");
            assert_eq!(planned.revisions.1, revision, "{what}");
            let records = &after.api.as_ref().unwrap().records;
            assert!(records[&revision].is_ok(), "{what}");
            assert_eq!(
                records[&1].as_ref().unwrap_err().text,
                text,
                "{what}: it is retained unchanged"
            );
            now = after;
        }
    }
}

/// A stage may serve a revision whose authorizer has a role that only the record contains.
#[test]
fn no_role_is_deleted_while_a_retained_record_is_unreadable() {
    let keep = MANIFEST.replace("[authorizer.jwt]", "keep = 2\n\n[authorizer.jwt]");
    let next = |function: &str| keep.replace("shop:live", &format!("{function}:live"));
    let (_, mut now) = deployed(&empty_state(), &keep, OPENAPI, "dev");
    let first = now.roles.keys().next().unwrap().clone();
    let schema = json!({"description": unreadable()[0].1});
    let (number, record) = Record::read("PortcullisRevision1", &schema).unwrap();
    now.api.as_mut().unwrap().records.insert(number, record);
    (_, now) = deployed(&now, &next("b"), OPENAPI, "dev");
    assert!(now.roles.contains_key(&first), "revision 1 is retained");
    (_, now) = deployed(&now, &next("c"), OPENAPI, "dev");
    (_, now) = deployed(&now, &next("d"), OPENAPI, "dev");
    assert!(!now.roles.contains_key(&first), "revision 1 is deleted: {:?}", now.roles.keys());
}

#[test]
fn every_subject_and_aspect_round_trips_as_text() {
    for subject in [
        "ANY /{proxy+}",
        "API shop",
        "api",
        "authorizer API key",
        "gateway response UNAUTHORIZED",
        "model a-thing",
        "role shop-jwt-0a1b",
        "stage dev",
    ] {
        assert_eq!(subject.parse::<Subject>().unwrap().to_string(), subject);
    }
    for aspect in [
        "",
        "access log",
        "access log format",
        "auth",
        "cache TTL",
        "identity sources",
        "canary",
        "request validation",
        "CORS",
        "deployment",
        "endpoint",
        "function",
        "integration",
        "invoke role",
        "authorizer type",
        "logging",
        "invoke permission",
        "metrics",
        "permissions boundary",
        "configuration",
        "settings",
        "tag owner",
        "throttle",
        "throttle GET /a",
        "tracing",
        "trust policy",
        "usage plan",
        "variable host",
    ] {
        assert_eq!(aspect.parse::<Aspect>().unwrap().to_string(), aspect);
    }
    assert!("who".parse::<Subject>().is_err() && "mood".parse::<Aspect>().is_err());
}

#[test]
fn a_saved_plan_of_another_format_is_rejected() {
    let saved =
        serde_json::to_string(&deployed(&empty_state(), MANIFEST, OPENAPI, "dev").0).unwrap();
    for (text, message) in [
        (saved.replace("{\"format\":6,", "{\"format\":1,"), "has plan format 1, expected 6"),
        ("{\"format\":3}".to_owned(), "has plan format 3, expected 6"),
        ("{\"format\":6}".to_owned(), "is not a saved plan: missing `"),
        ("{}".to_owned(), "is not a saved plan: missing `format`"),
        ("[".to_owned(), "is not a saved plan: incomplete JSON"),
        (
            saved.replace("\"impact\":\"new_public\"", "\"impact\":\"harmless\""),
            "unknown value `harmless`",
        ),
    ] {
        let error = Plan::read(&text).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

/// Scheme names that are not valid authorizer names on AWS.
#[test]
fn an_authorizer_is_tested_and_recorded_whatever_the_name_of_its_scheme() {
    for name in ["my-jwt", "my.jwt", "API key"] {
        let toml = MANIFEST.replace("authorizer.jwt", &format!("authorizer.\"{name}\""));
        let openapi = OPENAPI.replace("jwt: [", &format!("\"{name}\": ["));
        let openapi = openapi.replace("    jwt: {", &format!("    \"{name}\": {{"));
        let (planned, one) = deployed(&empty_state(), &toml, &openapi, "dev");
        let tests = |step: &Step| matches!(step, Step::TestAuthorizers { authorizers } if authorizers.len() == 1);
        assert!(planned.steps.iter().any(tests), "{planned}");
        let other = toml.replace("https://shop.example.com", "https://other.example.com");
        let (planned, _) = deployed(&one, &other, &openapi, "dev");
        let rules = |change: &Change| change.aspect == Aspect::Configuration;
        assert!(planned.changes.iter().any(rules), "{planned}");
        assert!(
            planned.notes[0].contains("publish its function first (`deploy --build`)"),
            "{planned}"
        );
    }
}

/// API Gateway itself validates the tokens of user pools, and another function may accept any token.
#[test]
fn only_the_authorizers_of_the_manifest_are_tested() {
    let openapi = OPENAPI
        .replace(
            "    jwt: {",
            "    pool: { type: apiKey, in: header, name: Authorization, x-amazon-apigateway-authtype: cognito_user_pools, x-amazon-apigateway-authorizer: { type: cognito_user_pools, providerARNs: [\"arn:aws:cognito-idp:eu-west-1:123456789012:userpool/p\"] } }
    other: { type: apiKey, in: header, name: Authorization, x-amazon-apigateway-authtype: custom, x-amazon-apigateway-authorizer: { type: token, authorizerUri: \"arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:123456789012:function:f/invocations\" } }
    jwt: {",
        )
        .replacen(
            "paths:",
            "paths:
  /pool: { get: { security: [{ pool: [] }] } }
  /other: { get: { security: [{ other: [] }] } }",
            1,
        );
    let (planned, _) = deployed(&empty_state(), MANIFEST, &openapi, "dev");
    let imported = planned.steps.iter().find_map(|step| match step {
        Step::ReconcileImport { authorizers, .. } => Some(authorizers.len()),
        _ => None,
    });
    let tested = planned.steps.iter().find_map(|step| match step {
        Step::TestAuthorizers { authorizers } => Some(authorizers),
        _ => None,
    });
    let tested: Vec<&str> = tested.unwrap().iter().map(|name| scheme_of(name)).collect();
    assert_eq!((imported, tested), (Some(3), vec!["jwt"]), "{planned}");
}
