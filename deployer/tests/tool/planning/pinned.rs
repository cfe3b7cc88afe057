//! Pinned functions: rules, routes and function move together.

use std::collections::{BTreeMap, BTreeSet};

use compiler::definition::scheme_of;
use deployment::desired::Desired;
use deployment::function::{ObservedFunction, ObservedVersion, Publication, api_fingerprint};
use deployment::observed::{Observed, records_of};
use deployment::plan::{
    AccessImpact, Aspect, Change, Direction, Plan, PrunedVersion, Step, Subject, dangers, diff,
    pending_changes, plan,
};
use deployment::record::{Records, named_functions};

use super::{applied, compiled, desired, empty_state};
use crate::{MANIFEST, OPENAPI};

const ARN: &str = "function_arn = \"arn:aws:lambda:eu-west-1:123456789012:function:shop:live\"";

fn manifest() -> String {
    MANIFEST.replace(ARN, "function = \"shop\"")
}

fn pinned(toml: &str, openapi: &str, stage: &str, observed: &Observed, binary: &str) -> Desired {
    let desired = desired(compiled(toml, openapi, Some(stage)));
    let api = observed.api.as_ref();
    let live = api.and_then(|api| api.record(api.live_revision(stage)?.number));
    let binaries = if binary.is_empty() {
        BTreeMap::new()
    } else {
        BTreeMap::from([("shop".to_owned(), binary.to_owned())])
    };
    desired.pinned(&observed.pinned, live, &binaries).unwrap()
}

/// Publishes the versions of a plan.
fn published(observed: &Observed, desired: &Desired, plan: &Plan) -> Observed {
    let mut observed = observed.clone();
    for Publication { authorizer, function, build, .. } in plan.publications() {
        let entry = observed.pinned.entry(function.clone()).or_default();
        let function = entry.get_or_insert_with(ObservedFunction::default);
        let number = function.versions.last().map_or(1, |version| version.number + 1);
        let version = ObservedVersion {
            number,
            build: Some(build.clone()),
            code_sha256: String::new(),
            settings: desired.versions[authorizer].settings.clone(),
        };
        function.versions.push(version);
    }
    observed
}

/// Deploys, and returns the first plan, the one that is applied, and the new state.
fn deployed(
    observed: &Observed,
    toml: &str,
    openapi: &str,
    stage: &str,
    binary: &str,
) -> (Plan, Plan, Observed) {
    let first = pinned(toml, openapi, stage, observed, binary);
    let shown = plan(&first, observed);
    let observed = published(observed, &first, &shown);
    let second = pinned(toml, openapi, stage, &observed, binary);
    let exact = plan(&second, &observed);
    assert_eq!(exact.publications().count(), 0, "{:#?}", exact.steps);
    let after = applied(&observed, &second, &exact);
    let again = plan(&pinned(toml, openapi, stage, &after, binary), &after);
    assert!(again.is_empty(), "{:#?}", again.steps);
    (shown, exact, after)
}

fn live_function(observed: &Observed, stage: &str) -> String {
    let api = observed.api.as_ref().unwrap();
    let record = api.record(api.live_revision(stage).unwrap().number).unwrap();
    record.authorizers["jwt"].function.clone().unwrap()
}

fn version(observed: &Observed, stage: &str) -> String {
    live_function(observed, stage).rsplit(':').next().unwrap().to_owned()
}

#[test]
fn a_deployment_publishes_a_version_if_code_or_rules_changed() {
    let toml = manifest();
    let (shown, _, state) = deployed(&empty_state(), &toml, OPENAPI, "dev", "b1");
    assert_eq!(shown.publications().count(), 1);
    assert!(!shown.publications().next().unwrap().exists);
    assert_eq!(version(&state, "dev"), "1");

    // Neither code nor rules: the integration is of the API alone.
    let other = toml.replace("https://backend.example.com", "https://other.example.com");
    let (shown, _, state) = deployed(&state, &other, OPENAPI, "dev", "b1");
    assert_eq!((shown.publications().count(), version(&state, "dev").as_str()), (0, "1"));

    // Rules: a scope.
    let write = OPENAPI.replace("jwt: [read]", "jwt: [write]");
    let (shown, _, state) = deployed(&state, &other, &write, "dev", "b1");
    assert_eq!((shown.publications().count(), version(&state, "dev").as_str()), (1, "2"));
    assert!(shown.publications().next().unwrap().exists);

    // Code.
    let (shown, _, state) = deployed(&state, &other, &write, "dev", "b2");
    assert_eq!((shown.publications().count(), version(&state, "dev").as_str()), (1, "3"));

    // Without a binary, that of the live version is used.
    let (shown, _, state) = deployed(&state, &other, &write, "dev", "");
    assert_eq!((shown.steps.len(), version(&state, "dev").as_str()), (0, "3"));
    let admin = OPENAPI.replace("jwt: [read]", "jwt: [admin]");
    let (shown, _, _) = deployed(&state, &other, &admin, "dev", "");
    let publication = shown.publications().next().unwrap();
    assert_eq!(publication.build.binary.as_deref(), Some("b2"));
    assert_eq!(publication.base, Some(3));

    // A setting of the function.
    let table =
        other.replace("function = \"shop\"", "function = { name = \"shop\", memory = 512 }");
    let (shown, _, _) = deployed(&state, &table, &write, "dev", "b2");
    assert_eq!(shown.publications().count(), 1);
}

#[test]
fn a_version_of_the_same_content_is_reused() {
    let toml = manifest();
    let write = OPENAPI.replace("jwt: [read]", "jwt: [write]");
    let (_, _, state) = deployed(&empty_state(), &toml, OPENAPI, "dev", "b1");
    let (_, _, state) = deployed(&state, &toml, &write, "dev", "b1");
    let (shown, _, state) = deployed(&state, &toml, OPENAPI, "dev", "b1");
    assert_eq!((shown.publications().count(), version(&state, "dev").as_str()), (0, "1"));
    // The authorizer of the same content has the same name, and another one another name.
    let names: Vec<String> = state.api.unwrap().definition.authorizers.into_keys().collect();
    assert_eq!(names.iter().map(|name| scheme_of(name)).collect::<Vec<_>>(), ["jwt"]);
}

#[test]
fn a_version_that_was_deleted_is_published_again_and_served() {
    let toml = manifest();
    let (_, _, mut state) = deployed(&empty_state(), &toml, OPENAPI, "dev", "b1");
    let function = state.pinned.get_mut("shop").unwrap().as_mut().unwrap();
    let mut deleted = std::mem::take(&mut function.versions);
    // Lambda uses no number twice.
    deleted[0].build = None;
    function.versions = deleted;
    let (shown, exact, state) = deployed(&state, &toml, OPENAPI, "dev", "b1");
    assert_eq!((shown.publications().count(), version(&state, "dev").as_str()), (1, "2"));
    let moves = |step: &Step| matches!(step, Step::UpdateStage { changes_deployment: true, .. });
    assert!(exact.steps.iter().any(moves), "{:#?}", exact.steps);
}

#[test]
fn an_execution_role_is_not_pruned() {
    let toml = manifest().replace("[authorizer.jwt]", "keep = 2\n\n[authorizer.jwt]");
    let (_, _, mut state) = deployed(&empty_state(), &toml, OPENAPI, "dev", "b1");
    let is_execution =
        |state: &Observed| state.roles.values().filter(|role| role.is_execution_role()).count();
    assert_eq!(is_execution(&state), 1);
    let released = MANIFEST.replace("[authorizer.jwt]", "keep = 2\n\n[authorizer.jwt]");
    for scope in ["a", "b", "c"] {
        let openapi = OPENAPI.replace("jwt: [read]", &format!("jwt: [{scope}]"));
        (_, _, state) = deployed(&state, &released, &openapi, "dev", "");
    }
    assert_eq!(is_execution(&state), 1);
}

#[test]
fn a_version_of_another_api_is_not_reused() {
    // The execution roles of two APIs differ, so this is one of the files.
    let role = "role_arn = \"arn:aws:iam::123456789012:role/shop\"";
    let toml = manifest()
        .replace("function = \"shop\"", &format!("function = {{ name = \"shop\", {role} }}"));
    let (_, _, state) = deployed(&empty_state(), &toml, OPENAPI, "dev", "b1");
    let other = toml.replace("name = \"shop\"\nopenapi", "name = \"shop2\"\nopenapi");
    let elsewhere = Observed { api: None, ..state };
    let (shown, _, after) = deployed(&elsewhere, &other, OPENAPI, "dev", "b1");
    assert_eq!(shown.publications().count(), 1);
    let numbers: Vec<Option<String>> = after.pinned["shop"]
        .as_ref()
        .unwrap()
        .versions
        .iter()
        .map(|version| version.build.as_ref().unwrap().api.clone())
        .collect();
    assert_eq!(numbers, [Some(api_fingerprint("shop")), Some(api_fingerprint("shop2"))]);
}

#[test]
fn a_function_of_another_program_is_recognized() {
    let (_, _, state) = deployed(&empty_state(), &manifest(), OPENAPI, "dev", "b1");
    let managed = state.pinned["shop"].clone().unwrap();
    assert!(managed.is_managed());
    let mut other = managed.clone();
    other.versions.iter_mut().for_each(|version| version.build = None);
    assert!(!other.is_managed());
    other.tags.insert("portcullis:managed".to_owned(), "true".to_owned());
    assert!(other.is_managed());
    assert!(!ObservedFunction::default().is_managed());
}

#[test]
fn each_stage_keeps_its_version() {
    let toml = format!("{}[stage.prod]\n", manifest());
    let write = OPENAPI.replace("jwt: [read]", "jwt: [write]");
    let (_, _, state) = deployed(&empty_state(), &toml, OPENAPI, "dev", "b1");
    let (_, _, state) = deployed(&state, &toml, &write, "prod", "b1");
    assert_eq!((version(&state, "dev"), version(&state, "prod")), ("1".to_owned(), "2".to_owned()));
    let admin = OPENAPI.replace("jwt: [read]", "jwt: [admin]");
    let (_, _, state) = deployed(&state, &toml, &admin, "prod", "b1");
    assert_eq!((version(&state, "dev"), version(&state, "prod")), ("1".to_owned(), "3".to_owned()));
}

#[test]
fn versions_are_deleted_with_their_deployments_and_not_before() {
    let toml = manifest().replace("[authorizer.jwt]", "keep = 2\n\n[authorizer.jwt]");
    let mut state = empty_state();
    let mut deleted = Vec::new();
    for scope in ["a", "b", "c", "d", "e"] {
        let openapi = OPENAPI.replace("jwt: [read]", &format!("jwt: [{scope}]"));
        let (_, exact, mut after) = deployed(&state, &toml, &openapi, "dev", "b1");
        for step in &exact.steps {
            let Step::DeleteUnused { versions, .. } = step else { continue };
            for PrunedVersion { function, number } in versions {
                let function = after.pinned.get_mut(function).unwrap().as_mut().unwrap();
                function.versions.retain(|version| version.number != *number);
                deleted.push(*number);
            }
        }
        if scope == "b" {
            // Another program uses it.
            let function = after.pinned.get_mut("shop").unwrap().as_mut().unwrap();
            function.aliases.insert("live".to_owned(), [2].into());
        }
        state = after;
    }
    assert!(deleted.contains(&1) && !deleted.contains(&2), "{deleted:?}");
    let retained: Vec<u32> =
        state.pinned["shop"].as_ref().unwrap().versions.iter().map(|one| one.number).collect();
    let api = state.api.as_ref().unwrap();
    for deployment in &api.deployments {
        let record = api.record(deployment.revision.as_ref().unwrap().number).unwrap();
        let (_, number) = record.authorizers["jwt"].pinned_function().unwrap();
        assert!(retained.contains(&number.unwrap()), "{retained:?}, needs {number:?}");
    }
}

/// Two deployers used a number at once: the record is that of the other one's content.
#[test]
fn a_record_of_another_deployment_is_not_interpreted() {
    let toml = manifest();
    let (_, _, state) = deployed(&empty_state(), &toml, OPENAPI, "dev", "b1");
    let api = state.api.as_ref().unwrap();
    assert_eq!(records_of(api.records.clone(), &api.deployments), api.records);
    let other = OPENAPI.replace("jwt: [read]", "jwt: [write]");
    let other = desired(compiled(&toml, &other, Some("dev"))).record;
    let records = Records::from([(1, Ok(other.clone()))]);
    let found = records_of(records.clone(), &api.deployments);
    let problem = found[&1].as_ref().unwrap_err();
    assert_eq!(problem.to_string(), "is of another deployment");
    assert_eq!(problem.model(1), other.model(1), "it is retained");
    assert_eq!(records_of(records.clone(), &[]), records, "a run was interrupted");

    let function = other.authorizers["jwt"].function.clone().unwrap();
    for records in [&records, &found] {
        assert_eq!(named_functions(records), BTreeSet::from([function.clone()]));
    }

    // Nothing that it may need is deleted, and a return to it is not compared.
    let mut state = state.clone();
    state.api.as_mut().unwrap().records = found;
    let changed = OPENAPI.replace("jwt: [read]", "jwt: [admin]");
    let (_, exact, _) = deployed(&state, &toml, &changed, "dev", "b1");
    let deletes =
        |step: &Step| matches!(step, Step::DeleteUnused { versions, .. } if !versions.is_empty());
    assert!(!exact.steps.iter().any(deletes), "{:#?}", exact.steps);
}

#[test]
fn another_stage_serves_the_deployment_of_the_same_content_without_a_binary() {
    let toml = format!("{}\n[stage.prod]\n", manifest());
    let (_, _, state) = deployed(&empty_state(), &toml, OPENAPI, "dev", "b1");
    let (planned, exact, _) = deployed(&state, &toml, OPENAPI, "prod", "");
    assert_eq!(planned.revisions, (None, 1), "{planned}");
    assert!(!exact.steps.iter().any(|step| matches!(step, Step::CreateDeployment { .. })));
}

#[test]
fn one_invoke_role_serves_all_versions_and_the_alias_on_the_way() {
    let role = |plan: &Plan| {
        let found = plan.steps.iter().find_map(|step| match step {
            Step::PutRole { role, .. } if !role.functions().is_empty() => Some(role.clone()),
            _ => None,
        });
        found.map(|role| role.functions().into_iter().collect::<Vec<_>>())
    };
    let function = "arn:aws:lambda:eu-west-1:123456789012:function:shop";
    // From an alias …
    let (first, _, state) = deployed(&empty_state(), MANIFEST, OPENAPI, "dev", "");
    assert_eq!(role(&first).unwrap(), [format!("{function}:live")]);
    // … to versions: the alias is one of them, until the stage moves and for a rollback.
    let (first, exact, state) = deployed(&state, &manifest(), OPENAPI, "dev", "b1");
    assert_eq!(role(&first).unwrap(), [format!("{function}:*")]);
    let moves = exact.steps.iter().filter(|step| matches!(step, Step::UpdateStage { .. }));
    assert_eq!(moves.count(), 1);
    // … and back: the role still serves the version.
    let (back, _, state) = deployed(&state, MANIFEST, OPENAPI, "dev", "");
    assert_eq!(role(&back), None, "{:#?}", back.steps);
    assert_eq!(live_function(&state, "dev"), format!("{function}:live"));
    assert_eq!(state.roles.values().filter(|role| !role.functions().is_empty()).count(), 1);
}

#[test]
fn the_cache_is_flushed_if_a_route_was_added_or_tightened() {
    let toml = manifest();
    let (_, first, state) = deployed(&empty_state(), &toml, OPENAPI, "dev", "b1");
    let flushes = |plan: &Plan| plan.steps.iter().any(|s| matches!(s, Step::FlushCache { .. }));
    assert!(!flushes(&first), "a new stage has no cached results");
    let added = OPENAPI.replace("  /open:", "  /new:\n    get: {}\n  /open:");
    assert!(flushes(&deployed(&state, &toml, &added, "dev", "b1").1));
    let tightened = OPENAPI.replace("jwt: [read]", "jwt: [write]");
    assert!(flushes(&deployed(&state, &toml, &tightened, "dev", "b1").1));
    let other = toml.replace("https://backend.example.com", "https://other.example.com");
    assert!(!flushes(&deployed(&state, &other, OPENAPI, "dev", "b1").1));
}

/// Returns the dangers of a move from one configuration to another.
fn found(
    from: (&str, &str),
    to: (&str, &str),
    direction: Direction,
) -> Vec<(Aspect, AccessImpact)> {
    let record = |(toml, openapi): (&str, &str)| desired(compiled(toml, openapi, None)).record;
    let changes: Vec<Change> = diff(&record(from), &record(to));
    let dangers = dangers(&changes, direction).into_iter();
    dangers.map(|change| (change.aspect.clone(), change.impact)).collect()
}

#[test]
fn an_authorizer_with_another_name_is_compared_with_the_earlier_ones() {
    const ISSUER: &str = "https://issuer.example.com/";
    let toml = manifest();
    let audience = "audience = [\"https://shop.example.com\"]\n";
    let denied = toml.replace(audience, &format!("{audience}denied = {{ jti = [\"stolen\"] }}\n"));
    let renamed = |text: &str| {
        text.replace("authorizer.jwt", "authorizer.auth")
            .replace("jwt: [", "auth: [")
            .replace("    jwt: {", "    auth: {")
    };
    let (other, openapi) = (renamed(&toml), renamed(OPENAPI));
    let revived = (Aspect::DenyList(ISSUER.to_owned()), AccessImpact::Revived);
    for direction in [Direction::Forward, Direction::Return] {
        let dangers = found((&denied, OPENAPI), (&other, &openapi), direction);
        assert!(dangers.contains(&revived), "{direction:?}: {dangers:?}");
    }
    assert_eq!(found((&denied, OPENAPI), (&renamed(&denied), &openapi), Direction::Forward), []);
    // A route of another authorizer may accept other tokens.
    let dangers = found((&toml, OPENAPI), (&other, &openapi), Direction::Return);
    assert!(dangers.contains(&(Aspect::Auth, AccessImpact::Widened)), "{dangers:?}");
    let issuer = other.replace(ISSUER, "https://new.example.com/");
    let trusted = (Aspect::Issuer("https://new.example.com/".to_owned()), AccessImpact::Widened);
    let dangers = found((&toml, OPENAPI), (&issuer, &openapi), Direction::Return);
    assert!(dangers.contains(&trusted), "{dangers:?}");
}

#[test]
fn a_return_to_rules_that_are_known_by_their_digest_only_is_dangerous() {
    const ISSUER: &str = "https://issuer.example.com/";
    let toml = manifest();
    let audience = "audience = [\"https://shop.example.com\"]\n";
    let clients = toml.replace(audience, &format!("{audience}clients = [\"good\"]\n"));
    let rules = [(Aspect::Rules(ISSUER.to_owned()), AccessImpact::Security)];
    assert_eq!(found((&clients, OPENAPI), (&toml, OPENAPI), Direction::Return), rules);
    assert_eq!(found((&clients, OPENAPI), (&toml, OPENAPI), Direction::Forward), []);
    let outlives =
        toml.replace("[authorizer.jwt]\n", "[authorizer.jwt]\npolicy_outlives_token = true\n");
    let settings = [(Aspect::Settings, AccessImpact::Security)];
    assert_eq!(found((&toml, OPENAPI), (&outlives, OPENAPI), Direction::Return), settings);
    assert_eq!(found((&toml, OPENAPI), (&outlives, OPENAPI), Direction::Forward), []);
    // Other routes are no such change.
    let added = OPENAPI.replace("  /open:", "  /new:\n    get: {}\n  /open:");
    assert_eq!(found((&toml, OPENAPI), (&toml, &added), Direction::Return), []);
}

#[test]
fn a_return_that_loosens_another_kind_of_authorization_is_dangerous() {
    let toml = manifest();
    let key =
        |security: &str| OPENAPI.replace("operationId: getThing", &format!("security: {security}"));
    let widened = [(Aspect::Auth, AccessImpact::Widened)];
    let both = key("[{ jwt: [read], key: [] }]");
    for looser in [key("[{ key: [] }]"), key("[{ jwt: [read] }]")] {
        assert_eq!(found((&toml, &both), (&toml, &looser), Direction::Return), widened);
        assert_eq!(found((&toml, &looser), (&toml, &both), Direction::Return), []);
    }
}

#[test]
fn a_return_that_makes_a_removed_operation_public_is_dangerous() {
    let toml = manifest();
    let before = OPENAPI.replace("  /open:", "  /admin:\n    get: {}\n  /open:");
    let open = "  /{proxy+}:\n    parameters: [{ name: proxy, in: path, required: true, schema: { type: string } }]\n    get: { security: [] }\n";
    let public = before.replace("  /open:", &format!("{open}  /open:"));
    let after = OPENAPI.replace("  /open:", &format!("{open}  /open:"));
    let record = |openapi: &str| desired(compiled(&toml, openapi, None)).record;
    let changes = diff(&record(&public), &record(&after));
    let dangers = dangers(&changes, Direction::Return);
    let [danger] = dangers.as_slice() else { panic!("{dangers:?}") };
    assert_eq!(danger.impact, AccessImpact::BecomesPublic);
    assert_eq!(danger.subject, Subject::Route("GET /admin".parse().unwrap()));
    assert!(danger.to_string().contains("matched by GET /{proxy+}"), "{danger}");
}

#[test]
fn a_removed_bundled_key_that_is_trusted_again_is_dangerous() {
    let record = desired(compiled(&manifest(), OPENAPI, None)).record;
    let with_keys = |keys: &[&str]| {
        let mut record = record.clone();
        let rules = record.authorizers.get_mut("jwt").unwrap().rules.as_mut().unwrap();
        let rules = rules.values_mut().next().unwrap();
        rules.keys = keys.iter().map(ToString::to_string).collect();
        rules.keys_expire = (!keys.is_empty()).then_some(1);
        record
    };
    let found = |from: &[&str], to: &[&str]| {
        let changes = diff(&with_keys(from), &with_keys(to));
        dangers(&changes, Direction::Return).len()
    };
    assert_eq!(found(&["a"], &["a", "b"]), 1);
    assert_eq!(found(&["a"], &[]), 1, "the issuer's keys are fetched");
    assert_eq!(found(&["a", "b"], &["a"]), 0);
    assert_eq!(found(&[], &["a"]), 0);
}

#[test]
fn a_return_to_looser_rules_is_dangerous() {
    const ISSUER: &str = "https://issuer.example.com/";
    let toml = manifest();
    let audience = "audience = [\"https://shop.example.com\"]\n";
    let with = |more: &str| toml.replace(audience, &format!("{audience}{more}\n"));
    let denied = with("denied = { jti = [\"a\", \"b\"] }");
    let fewer = with("denied = { jti = [\"a\"], sub = [\"c\"] }");
    let deny_list = (Aspect::DenyList(ISSUER.to_owned()), AccessImpact::Revived);
    let client = with("denied = { client = [\"a\"] }");
    let subject = with("denied = { sub = [\"a\"] }");
    let all = with("denied = { all = true }");
    for (from, to) in [
        (&denied, &toml),
        (&denied, &fewer),
        (&client, &toml),
        (&client, &subject),
        (&all, &toml),
        (&all, &client),
    ] {
        for direction in [Direction::Forward, Direction::Return] {
            let dangers = found((from, OPENAPI), (to, OPENAPI), direction);
            assert_eq!(dangers, std::slice::from_ref(&deny_list));
        }
    }
    let issuers = format!(
        "{toml}\n[[authorizer.jwt.issuer]]\nissuer = \"https://old.example.com/\"\naudience = [\"a\"]\n"
    );
    let audiences = toml.replace("audience = [", "audience = [\"https://old.example.com\", ");
    let algorithms = with("algorithms = [\"RS256\", \"ES256\"]");
    for (looser, aspect) in [
        (&issuers, Aspect::Issuer("https://old.example.com/".to_owned())),
        (&audiences, Aspect::Audience(ISSUER.to_owned())),
        (&algorithms, Aspect::Algorithms(ISSUER.to_owned())),
    ] {
        let expected = [(aspect, AccessImpact::Widened)];
        assert_eq!(found((&toml, OPENAPI), (looser, OPENAPI), Direction::Return), expected);
        assert_eq!(found((&toml, OPENAPI), (looser, OPENAPI), Direction::Forward), []);
        assert_eq!(found((looser, OPENAPI), (&toml, OPENAPI), Direction::Return), []);
    }
    let strict = OPENAPI.replace("jwt: [read]", "jwt: [read, write]");
    let expected = [(Aspect::Auth, AccessImpact::Widened)];
    assert_eq!(found((&toml, &strict), (&toml, OPENAPI), Direction::Return), expected);
    assert_eq!(found((&toml, OPENAPI), (&toml, &strict), Direction::Return), []);
    let open = OPENAPI.replace("operationId: getThing", "security: []");
    let expected = [(Aspect::Auth, AccessImpact::BecomesPublic)];
    assert_eq!(found((&toml, OPENAPI), (&toml, &open), Direction::Forward), expected);
}

#[test]
fn a_revocation_is_distinguished_from_other_changes() {
    let toml = manifest();
    let audience = "audience = [\"https://shop.example.com\"]\n";
    let with = |more: &str| toml.replace(audience, &format!("{audience}{more}\n"));
    let pending = |state: &Observed, toml: &str, openapi: &str, binary: &str| {
        let desired = pinned(toml, openapi, "dev", state, binary);
        let changes = pending_changes(&plan(&desired, state), &desired, state);
        changes.into_iter().map(|change| change.aspect).collect::<Vec<_>>()
    };
    let one = with("denied = { jti = [\"a\"] }");
    let two = with("denied = { jti = [\"a\", \"b\"], sub = [\"c\"], client = [\"d\"] }");
    let all = with("denied = { jti = [\"a\"], all = true }");
    for before in [toml.clone(), with("denied = { sub = [] }"), one.clone()] {
        let (_, _, state) = deployed(&empty_state(), &before, OPENAPI, "dev", "b1");
        for after in [&one, &two, &all] {
            assert_eq!(pending(&state, after, OPENAPI, "b1"), [], "{before}\n{after}");
        }
        assert_eq!(pending(&state, &two, OPENAPI, "b2"), [], "code is not a rule of the files");
    }
    let (_, _, state) = deployed(&empty_state(), &one, OPENAPI, "dev", "b1");
    let configuration = vec![Aspect::Configuration];
    let removed = with("denied = { sub = [\"c\"] }");
    let deny_list = vec![Aspect::DenyList("https://issuer.example.com/".to_owned())];
    assert_eq!(
        pending(&state, &removed, OPENAPI, "b1"),
        [deny_list, configuration.clone()].concat()
    );
    // A setting of the configuration without an aspect of its own.
    let other = two.replace("function = \"shop\"", "function = \"shop\"\npolicy_max_bytes = 4096");
    assert_eq!(pending(&state, &other, OPENAPI, "b1"), configuration);
    let memory = two.replace("function = \"shop\"", "function = { name = \"shop\", memory = 512 }");
    assert_eq!(pending(&state, &memory, OPENAPI, "b1"), [Aspect::Function]);
    let route = OPENAPI.replace("jwt: [read]", "jwt: [write]");
    assert!(pending(&state, &two, &route, "b1").contains(&Aspect::Auth));
    let backend = two.replace("https://backend.example.com", "https://other.example.com");
    assert!(pending(&state, &backend, OPENAPI, "b1").contains(&Aspect::Integration));
    // Without a readable record, nothing is known.
    let mut unknown = state;
    unknown.api.as_mut().unwrap().records.clear();
    assert!(pending(&unknown, &two, OPENAPI, "b1").contains(&Aspect::Deployment));
}
