//! The number of calls, and paginated lists.

use std::fmt::Write;

use serde_json::json;

use super::Account;
use super::pinned::Shop;

/// Writes an API with `count` operations, two on each resource.
fn with_routes(account: &Account, count: usize) {
    let mut paths = String::new();
    for number in 0..count {
        let (path, verb) = (number / 2, ["get", "put"][number % 2]);
        if verb == "get" {
            let _ = writeln!(paths, "  /r{path}:");
        }
        let _ = writeln!(paths, "    {verb}: {{ operationId: r{number} }}");
    }
    account.write(
        "openapi.yaml",
        &format!("openapi: 3.0.3\ninfo: {{ title: many, version: '1' }}\nsecurity: [{{ jwt: [read] }}]\npaths:\n{paths}components:\n  securitySchemes:\n    jwt: {{ type: http, scheme: bearer }}\n"),
    );
}

#[test]
fn the_number_of_calls_does_not_depend_on_the_number_of_routes() {
    for (key, routes) in [("100000000011", 3), ("100000000012", 300)] {
        let account = Account::new(key);
        with_routes(&account, routes);
        account.deploy("dev");
        let (all, mutating) = account.proxy.api_gateway_calls();
        assert!(all.len() <= 16 && mutating.len() <= 6, "{routes} routes: {all:#?}");
        let first = all.len();
        assert_eq!(account.api()["methods"].as_object().unwrap().len(), routes);

        // A change of one route.
        account.edit(
            "openapi.yaml",
            "operationId: r1 }",
            "operationId: r1, security: [{ jwt: [write] }] }",
        );
        account.edit("portcullis.toml", "cache_ttl = \"5m\"", "cache_ttl = \"4m\"");
        account.deploy("dev");
        let (all, mutating) = account.proxy.api_gateway_calls();
        assert!(all.len() <= 16 && mutating.len() <= 6, "{routes} routes: {all:#?}");
        println!(
            "{routes} routes: {first} calls for the first deployment, {} for a change ({} mutating)",
            all.len(),
            mutating.len()
        );

        account.deploy("dev");
        let (all, mutating) = account.proxy.api_gateway_calls();
        let flushes = mutating.iter().all(|call| call.ends_with("/cache/authorizers"));
        assert!(all.len() <= 8 && flushes, "{routes} routes, nothing to do: {all:#?}");
    }
}

/// Returns the calls of the last command to API Gateway, Lambda and IAM (with STS).
fn calls_by_service(account: &Account) -> [usize; 3] {
    let calls = account.proxy.calls();
    let lambda = calls.iter().filter(|(_, path)| {
        path.starts_with("/2015-03-31/functions") || path.starts_with("/2017-03-31/tags")
    });
    let (lambda, iam) = (lambda.count(), account.proxy.forms().len());
    [calls.len() - lambda - iam, lambda, iam]
}

#[test]
fn publishing_a_version_needs_the_same_calls_for_any_number_of_routes() {
    let counts = [("330000008001", 3), ("330000008002", 300)].map(|(key, routes)| {
        let shop = Shop::without_issuer(key);
        with_routes(&shop.account, routes);
        shop.deploy("dev", &[]);
        let first = calls_by_service(&shop.account);
        shop.account.edit(
            "openapi.yaml",
            "operationId: r1 }",
            "operationId: r1, security: [{ jwt: [write] }] }",
        );
        shop.deploy("dev", &[]);
        let change = calls_by_service(&shop.account);
        shop.deploy("dev", &[]);
        let nothing = calls_by_service(&shop.account);
        for (name, counts) in [("first", first), ("change", change), ("nothing", nothing)] {
            let [gateway, lambda, iam] = counts;
            println!("{routes} routes, {name}: API Gateway {gateway}, Lambda {lambda}, IAM {iam}");
            assert!(gateway <= 16, "{routes} routes, {name}: {:#?}", shop.account.proxy.calls());
        }
        // A version's state is read until it is reached.
        [first, change, nothing].map(|[gateway, _, iam]| [gateway, iam])
    });
    assert_eq!(counts[0], counts[1]);
}

#[test]
fn paginated_lists_are_read_completely() {
    let account = Account::with_authorizer(
        "100000000013",
        25,
        e2e::emulator::FaultProxy::accepting(super::TOKEN),
    );
    with_routes(&account, 160);
    account.boto3("for n in range(60): client.create_rest_api(name=f'other-{n:02}')");
    account.deploy("dev");
    account.expect_no_changes("dev");
    let pages = |path_end: &str| {
        let calls = account.proxy.calls();
        calls.iter().filter(|(_, path)| path.split('?').next().unwrap().ends_with(path_end)).count()
    };
    assert_eq!((pages("/restapis"), pages("/resources")), (3, 4), "25 items a page");

    let found = account.run(&["discover", "--output", "json"]).expect_exit(0).json();
    let apis = found["apis"].as_array().unwrap();
    assert_eq!(apis.len(), 61);
    let managed: Vec<_> = apis.iter().filter(|api| api["managed"] == json!(true)).collect();
    assert_eq!(managed.len(), 1);
    let routes = managed[0]["stages"][0]["routes"].as_object().unwrap();
    assert_eq!(routes.len(), 160);
    assert_eq!(routes["PUT /r79"], "jwt [read]");
}
