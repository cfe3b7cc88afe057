//! The number of calls, and paginated lists.

use std::fmt::Write;

use serde_json::json;

use super::Account;

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
        assert!(all.len() <= 8 && mutating.is_empty(), "{routes} routes, nothing to do: {all:#?}");
    }
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
