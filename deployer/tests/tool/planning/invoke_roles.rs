//! Invoke roles: their names, owners and permissions, and their settings.

use compiler::api::Arn;
use compiler::fingerprint::fingerprint;
use deployment::invoke_role::{Ownership, Role, RoleOwner, TrustProblem, trust_policy};
use deployment::observed::{TAG_MANAGED, TAG_REGION};

use super::*;

const FUNCTION: &str = "arn:aws:lambda:eu-west-1:123456789012:function:shop:live";

fn only_role(observed: &Observed) -> (String, Role) {
    assert_eq!(observed.roles.len(), 1, "{:?}", observed.roles.keys());
    let (name, role) = observed.roles.first_key_value().unwrap();
    (name.clone(), role.clone())
}

fn resources(role: &Role) -> Vec<String> {
    role.functions().into_iter().map(|arn| arn.rsplit(':').next().unwrap().to_owned()).collect()
}

fn with_condition() -> Value {
    let mut trust = trust_policy();
    trust["Statement"][0]["Condition"] =
        json!({"StringEquals": {"aws:SourceAccount": "123456789012"}});
    trust
}

/// Returns a role as earlier versions created it, and its name.
fn earlier_role(api: &str, region: &str) -> (String, Role) {
    let digest = fingerprint(&(api, "jwt", FUNCTION, region));
    let function = Arn::function(FUNCTION).unwrap();
    let target = target_in("aws");
    let role = RoleOwner { api, target: &target }.role(&RoleSettings::default(), &[function]);
    let tags = BTreeMap::from([(TAG_API.to_owned(), api.to_owned())]);
    let readable = api.replace(' ', "-");
    (format!("{readable}-jwt-{}", &digest[..8]), Role { trust: with_condition(), tags, ..role })
}

#[test]
fn a_role_has_a_name_of_its_own_for_each_api_region_and_function() {
    let function = |text: &str| Arn::function(text).unwrap();
    let name = |api: &str, region: &str, path: &str, arn: &str| {
        let target = AwsTarget { region: region.to_owned(), ..target_in("aws") };
        RoleOwner { api, target: &target }.role_name(path, &function(arn))
    };
    let first = name("my shop", "eu-west-1", "/a/", FUNCTION);
    for same in ["", ":7", ":next"] {
        let arn = FUNCTION.replace(":live", same);
        assert_eq!(name("my shop", "eu-west-1", "/a/", &arn), first, "{same}");
    }
    let long = "a shop & more ".repeat(9);
    let others = [
        name("my-shop", "eu-west-1", "/a/", FUNCTION),
        name("my shop", "eu-central-1", "/a/", FUNCTION),
        name("my shop", "eu-west-1", "/b/", FUNCTION),
        name("my shop", "eu-west-1", "/a/", &FUNCTION.replace("function:shop", "function:shop2")),
        name(&long, "eu-west-1", "/a/", FUNCTION),
        name(&format!("{long}!"), "eu-west-1", "/a/", FUNCTION),
    ];
    let mut all: Vec<&String> = others.iter().chain([&first]).collect();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 7, "{all:?}");
    for name in all {
        let is_valid = |c: char| c.is_ascii_alphanumeric() || c == '-';
        assert!(name.len() <= 64 && name.chars().all(is_valid), "{name}");
    }
}

#[test]
fn a_trust_policy_with_a_condition_is_shown_and_corrected() {
    let (_, mut now) = deployed(&empty_state(), MANIFEST, OPENAPI, "dev");
    let (name, role) = only_role(&now);
    assert_eq!(role.trust_problem(), None);
    assert!(role.trust.pointer("/Statement/0/Condition").is_none(), "{}", role.trust);
    now.roles.get_mut(&name).unwrap().trust = with_condition();
    let (planned, after) = deployed(&now, MANIFEST, OPENAPI, "dev");
    let [change] = planned.changes.as_slice() else { panic!("{planned}") };
    assert_eq!((&change.aspect, change.impact), (&Aspect::TrustPolicy, AccessImpact::Security));
    assert_eq!(change.before.as_deref(), Some("apigateway.amazonaws.com with a condition"));
    assert_eq!(change.after.as_deref(), Some("apigateway.amazonaws.com"));
    assert_eq!(only_role(&after), (name, role));
}

#[test]
fn a_role_that_api_gateway_cannot_assume_has_a_trust_problem() {
    let (_, now) = deployed(&empty_state(), MANIFEST, OPENAPI, "dev");
    let (_, role) = only_role(&now);
    let service = json!("apigateway.amazonaws.com");
    let statement = |service: &Value, condition: Value| {
        let mut one = json!({"Effect": "Allow", "Principal": {"Service": service}, "Action": ["sts:AssumeRole"]});
        if !condition.is_null() {
            one["Condition"] = condition;
        }
        one
    };
    let condition = json!({"StringEquals": {"aws:SourceArn": "a"}});
    let mut denied = statement(&service, Value::Null);
    denied["Effect"] = json!("Deny");
    let cases = [
        (json!([statement(&service, condition.clone())]), Some(TrustProblem::Condition)),
        (statement(&json!(["a", service]), condition.clone()), Some(TrustProblem::Condition)),
        (json!([statement(&service, condition), statement(&service, Value::Null)]), None),
        (statement(&json!(["a", service]), Value::Null), None),
        (
            json!([statement(&json!("lambda.amazonaws.com"), Value::Null)]),
            Some(TrustProblem::Service),
        ),
        (json!([denied]), Some(TrustProblem::Service)),
        (Value::Null, Some(TrustProblem::Service)),
    ];
    for (statements, problem) in cases {
        let role = Role { trust: json!({"Statement": statements}), ..role.clone() };
        assert_eq!(role.trust_problem(), problem, "{}", role.trust);
    }
}

/// A rollback to a retained deployment, and stages that serve it, need its alias.
#[test]
fn a_role_allows_the_aliases_of_all_retained_deployments() {
    let keep = MANIFEST.replace("[authorizer.jwt]", "keep = 2\n\n[authorizer.jwt]");
    let next = |alias: &str| keep.replace("shop:live", &format!("shop:{alias}"));
    let (_, mut now) = deployed(&empty_state(), &keep, OPENAPI, "dev");
    let (name, _) = only_role(&now);
    for (alias, allowed) in
        [("b", vec!["b", "live"]), ("c", vec!["b", "c", "live"]), ("d", vec!["b", "c", "d"])]
    {
        (_, now) = deployed(&now, &next(alias), OPENAPI, "dev");
        let (found, role) = only_role(&now);
        assert_eq!(
            (&found, resources(&role)),
            (&name, allowed.into_iter().map(str::to_owned).collect())
        );
    }
    // While a record is unreadable, nothing is removed.
    let schema = json!({"description": unreadable()[0].1});
    let (number, record) = Record::read("PortcullisRevision4", &schema).unwrap();
    now.api.as_mut().unwrap().records.insert(number, record);
    (_, now) = deployed(&now, &next("e"), OPENAPI, "dev");
    assert_eq!(resources(&only_role(&now).1), ["b", "c", "d", "e"]);
    // A wildcard for other functions is removed.
    let role = now.roles.get_mut(&name).unwrap();
    let mut functions = role.functions();
    functions.insert(FUNCTION.replace("function:shop:live", "function:*"));
    *role = role.clone().with_functions(&functions);
    let (planned, after) = deployed(&now, &next("e"), OPENAPI, "dev");
    assert!(planned.changes.iter().any(|one| one.aspect == Aspect::InvokePermission), "{planned}");
    assert_eq!(resources(&only_role(&after).1), ["b", "c", "d", "e"]);
    // The unreadable record may pin a version, so a resource with all versions is not removed.
    let role = now.roles.get_mut(&name).unwrap();
    *role = role.clone().with_functions(&[FUNCTION.replace(":live", ":*")].into());
    let (_, after) = deployed(&now, &next("f"), OPENAPI, "dev");
    assert_eq!(resources(&only_role(&after).1), ["*"]);
}

#[test]
fn a_role_of_another_api_or_region_is_never_deleted() {
    let keep = MANIFEST.replace("[authorizer.jwt]", "keep = 2\n\n[authorizer.jwt]");
    let (_, mut now) = deployed(&empty_state(), &keep, OPENAPI, "dev");
    let function = Arn::function(FUNCTION).unwrap();
    let mut others = Vec::new();
    for (api, region) in [("my shop", "eu-west-1"), ("shop", "eu-central-1"), ("Shop", "eu-west-1")]
    {
        let target = AwsTarget { region: region.to_owned(), ..target_in("aws") };
        let owner = RoleOwner { api, target: &target };
        let role = owner.role(&RoleSettings::default(), std::slice::from_ref(&function));
        let name = owner.role_name(&role.path, &function);
        assert_eq!(owner.ownership(&name, &role), Ownership::Own);
        now.roles.insert(name.clone(), role);
        others.push(name);
    }
    for function in ["b", "c", "d"] {
        let next = keep.replace("shop:live", &format!("{function}:live"));
        (_, now) = deployed(&now, &next, OPENAPI, "dev");
    }
    assert!(others.iter().all(|name| now.roles.contains_key(name)), "{:?}", now.roles.keys());
    assert_eq!(now.roles.len(), 5, "two are the API's: {:?}", now.roles.keys());
}

#[test]
fn a_role_of_an_earlier_version_is_deleted_if_its_region_is_certain() {
    let (_, first) = deployed(&empty_state(), MANIFEST, OPENAPI, "dev");
    let (own, role) = earlier_role("shop", "eu-west-1");
    let (other, other_role) = earlier_role("shop", "eu-central-1");
    let mut now = first.clone();
    now.roles.insert(own.clone(), role.clone());
    now.roles.insert(other.clone(), other_role.clone());
    let changed = OPENAPI.replace("jwt: [read]", "jwt: [write]");
    let (planned, after) = deployed(&now, MANIFEST, &changed, "dev");
    assert!(!after.roles.contains_key(&own), "{planned}");
    assert_eq!(after.roles[&other], other_role);
    assert!(planned.notes.iter().any(|note| note.contains(&other)), "{planned}");
    assert!(!planned.notes.iter().any(|note| note.contains(&own)), "{planned}");

    // A retained deployment uses it: API Gateway must be able to assume it.
    let record = now.api.as_mut().unwrap().records.get_mut(&1).unwrap().as_mut().unwrap();
    let arn = format!("arn:aws:iam::123456789012:role/portcullis/shop/{own}");
    record.authorizers.values_mut().next().unwrap().invoke_role = Some(arn);
    let (planned, after) = deployed(&now, MANIFEST, &changed, "dev");
    assert_eq!(after.roles[&own], Role { trust: trust_policy(), ..role }, "{planned}");
}

/// Its authorizers are unknown: any role may be theirs.
#[test]
fn no_role_is_deleted_while_a_stage_serves_a_deployment_without_a_record() {
    let keep = MANIFEST.replace("[authorizer.jwt]", "keep = 2\n\n[authorizer.jwt]");
    let (_, mut now) = deployed(&empty_state(), &keep, OPENAPI, "dev");
    let (first, _) = only_role(&now);
    let api = now.api.as_mut().unwrap();
    let manual = "manual".to_owned();
    api.deployments.push(ObservedDeployment { id: manual.clone(), created: 0, revision: None });
    let stage = ObservedStage { deployment: manual, ..api.stages["dev"].clone() };
    api.stages.insert("other".to_owned(), stage);
    for function in ["b", "c", "d"] {
        let next = keep.replace("shop:live", &format!("{function}:live"));
        (_, now) = deployed(&now, &next, OPENAPI, "dev");
    }
    assert!(now.roles.contains_key(&first), "{:?}", now.roles.keys());
}

#[test]
fn the_settings_of_created_roles_are_applied() {
    let boundary = "arn:aws:iam::123456789012:policy/delivery";
    let settings = format!(
        "invoke_role = {{ path = \"/x/y/\", permissions_boundary = \"{boundary}\", tags = {{ Team = \"a b\" }} }}\n\n[authorizer.jwt]"
    );
    let toml = MANIFEST.replace("[authorizer.jwt]", &settings);
    let (_, one) = deployed(&empty_state(), &toml, OPENAPI, "dev");
    let (name, role) = only_role(&one);
    assert_eq!(
        (role.path.as_str(), role.permissions_boundary.as_deref()),
        ("/x/y/", Some(boundary))
    );
    assert_eq!(role.tags["Team"], "a b");
    assert_eq!(
        (role.tags[TAG_API].as_str(), role.tags[TAG_REGION].as_str()),
        ("shop", "eu-west-1")
    );
    assert_eq!(role.tags[TAG_MANAGED], "true");
    let api = one.api.as_ref().unwrap();
    let authorizer = api.definition.authorizers.values().next().unwrap();
    let arn = format!("arn:aws:iam::123456789012:role/x/y/{name}");
    assert_eq!(authorizer.credentials.as_deref(), Some(arn.as_str()));

    let (planned, two) = deployed(&one, &toml.replace("a b", "c"), OPENAPI, "dev");
    assert_eq!(planned.changes[0].aspect, Aspect::Tag("Team".to_owned()), "{planned}");
    assert_eq!(only_role(&two).1.tags["Team"], "c");
    // A boundary that the files do not set is not removed; another path is another role.
    let without = toml.replace(&format!("permissions_boundary = \"{boundary}\", "), "");
    let (planned, three) = deployed(&one, &without, OPENAPI, "dev");
    assert!(planned.is_empty() && only_role(&three) == (name.clone(), role), "{planned}");
    let (_, four) = deployed(&one, &toml.replace("/x/y/", "/z/"), OPENAPI, "dev");
    assert_eq!(four.roles.len(), 2, "{:?}", four.roles.keys());
}

#[test]
fn the_tags_of_a_role_are_valid_for_every_name_of_an_api() {
    let target = target_in("aws");
    let function = Arn::function(FUNCTION).unwrap();
    let tag = |api: &str| {
        let owner = RoleOwner { api, target: &target };
        let role = owner.role(&RoleSettings::default(), std::slice::from_ref(&function));
        assert_eq!(owner.ownership("name", &role), Ownership::Own);
        role.tags[TAG_API].clone()
    };
    assert_eq!(tag("my shop"), "my shop");
    let long = "a".repeat(300);
    let names = ["my (shop)", "my [shop]", "größe", "a\tb", long.as_str()];
    let mut tags: Vec<String> = names.iter().map(|name| tag(name)).collect();
    for tag in &tags {
        let is_valid = |c: char| c.is_ascii_alphanumeric() || " _.:/=+-@".contains(c);
        assert!(tag.len() <= 256 && tag.chars().all(is_valid), "{tag}");
    }
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), names.len(), "{tags:?}");
}

#[test]
fn invalid_settings_of_created_roles_are_errors_at_their_position() {
    let cases = [
        ("path = \"x\"", "invalid `path` `x`"),
        ("path = \"/x//\"", "invalid `path` `/x//`"),
        ("path = \"/*/\"", "invalid `path` `/*/`"),
        ("permissions_boundary = \"b\"", "invalid `permissions_boundary` `b`"),
        (
            "permissions_boundary = \"arn:aws:iam::123456789012:role/b\"",
            "invalid `permissions_boundary` `arn:aws:iam::123456789012:role/b`",
        ),
        ("tags = { \"portcullis:api\" = \"a\" }", "invalid tag `portcullis:api`"),
        ("tags = { \"AWS:a\" = \"a\" }", "invalid tag `AWS:a`"),
        ("tags = { a = \"(a)\" }", "invalid tag `a`"),
        ("tags = { a = \"1\", A = \"2\" }", "invalid tag `A`"),
        ("tags = 1", "`tags`: expected a map, found"),
        ("paths = \"/x/\"", "unknown setting `paths`"),
    ];
    for (setting, message) in cases {
        let table = format!("[api.invoke_role]\n{setting}\n\n[authorizer.jwt]");
        let folder = folder(&MANIFEST.replace("[authorizer.jwt]", &table), OPENAPI);
        let output = deployer(folder.path(), &["check"]);
        let text = transcript(&output);
        assert_eq!(output.status.code(), Some(3), "{text}");
        let line = MANIFEST.split("[authorizer.jwt]").next().unwrap().lines().count() + 2;
        assert!(text.contains(message), "{message}: {text}");
        assert!(text.contains(&format!("portcullis.toml:{line}:")), "{line}: {text}");
    }
    let valid = "[api.invoke_role]\npath = \"/\"\npermissions_boundary = \"arn:aws:iam::aws:policy/PowerUserAccess\"\n\n[authorizer.jwt]";
    compiled(&MANIFEST.replace("[authorizer.jwt]", valid), OPENAPI, None);
}

fn printed(toml: &str, command: &str) -> Vec<Value> {
    let folder = folder(toml, OPENAPI);
    let output = deployer(folder.path(), &["iam", command, "--api", "api1"]);
    assert_eq!(output.status.code(), Some(0), "{}", transcript(&output));
    let policy: Value = serde_json::from_slice(&output.stdout).unwrap();
    policy["Statement"].as_array().unwrap().clone()
}

#[test]
fn a_policy_for_named_roles_creates_and_reads_none() {
    let role = "arn:aws:iam::123456789012:role/given";
    let named = format!("[authorizer.jwt]\ninvoke_role_arn = \"{role}\"");
    for command in ["plan", "deploy", "build"] {
        let statements = printed(&MANIFEST.replace("[authorizer.jwt]", &named), command);
        for statement in &statements {
            let text = statement.to_string();
            assert!(
                statement["Resource"].as_array().unwrap().iter().all(|one| one != "*"),
                "{text}"
            );
            let is_pass = statement["Action"] == json!(["iam:PassRole"]);
            assert!(is_pass || !text.contains("iam:"), "{text}");
            if is_pass && command == "deploy" {
                assert_eq!(statement["Resource"], json!([role]));
            }
        }
    }
}

#[test]
fn a_policy_with_a_permissions_boundary_creates_no_role_without_it() {
    let boundary = "arn:aws:iam::123456789012:policy/delivery";
    let table = format!(
        "[api.invoke_role]\npath = \"/x/\"\npermissions_boundary = \"{boundary}\"\n\n[authorizer.jwt]"
    );
    let statements = printed(&MANIFEST.replace("[authorizer.jwt]", &table), "deploy");
    let with = |action: &str| -> Vec<&Value> {
        let has = |one: &&Value| one["Action"].as_array().unwrap().iter().any(|a| a == action);
        statements.iter().filter(has).collect()
    };
    for action in ["iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"] {
        let [only] = with(action)[..] else { panic!("{statements:?}") };
        let condition = json!({"StringEquals": {"iam:PermissionsBoundary": boundary}});
        assert_eq!(only["Condition"], condition, "{only}");
    }
    // The configured path may have roles of other APIs.
    let target = target_in("aws");
    let name = RoleOwner { api: "shop", target: &target }
        .role_name("/x/", &Arn::function(FUNCTION).unwrap());
    let digest = name.rsplit('-').nth(1).unwrap();
    let pattern = format!("arn:aws:iam::123456789012:role/x/*-{digest}-*");
    assert_eq!(with("iam:CreateRole")[0]["Resource"], json!([pattern]));
}
