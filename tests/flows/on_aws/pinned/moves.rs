//! Moves of stages and canaries, and a deployment that Portcullis did not make.

use std::collections::BTreeMap;

use e2e::data_plane::{Decision, Served};

use super::{Issuer, Shop, by_hand};

/// The callers: one holds the scope `write`, the other one the scope `admin`.
struct Callers {
    write: String,
    admin: String,
}

impl Callers {
    fn of(issuer: &Issuer) -> Self {
        Self { write: issuer.token("read write"), admin: issuer.token("read admin") }
    }

    /// Returns the scope that `POST /items` requires of a stage's callers.
    #[track_caller]
    fn scope(&self, shop: &Shop, at: &Served) -> &'static str {
        for token in [&self.write, &self.admin] {
            assert_eq!(shop.decide(at, "GET", "/items/1", token), Decision::Allowed);
            assert_eq!(shop.decide(at, "GET", "/other", token), Decision::NoRoute);
        }
        let data_plane = &shop.account.proxy.data_plane;
        for token in [None, Some("not.a.token")] {
            let decision = data_plane.decide(at, "POST", "/items", token);
            assert_eq!(decision, Decision::Unauthorized);
        }
        let decide = |token: &str| shop.decide(at, "POST", "/items", token);
        match (decide(&self.write), decide(&self.admin)) {
            (Decision::Allowed, Decision::Denied) => "write",
            (Decision::Denied, Decision::Allowed) => "admin",
            other => panic!("{other:?}"),
        }
    }
}

/// The publications of the last command.
fn publications(shop: &Shop) -> usize {
    let calls = shop.account.proxy.calls();
    calls.iter().filter(|(method, path)| method == "POST" && path.ends_with("/versions")).count()
}

#[test]
fn rules_move_with_a_rollback_a_canary_and_a_promotion() {
    let issuer = Issuer::start();
    let (shop, callers) = (Shop::new("320000000001", &issuer), Callers::of(&issuer));
    shop.deploy("dev", &[]);
    let dev = shop.served("dev");
    assert_eq!((publications(&shop), callers.scope(&shop, &dev)), (1, "write"));
    shop.change_scope("write", "admin");
    shop.deploy("dev", &[]);
    assert_eq!((publications(&shop), callers.scope(&shop, &dev)), (1, "admin"));

    // One call moves the stage; the other one flushes the cache.
    shop.run(&["rollback", "--stage", "dev", "--yes", "--allow-dangerous"]);
    let writes = shop.writes();
    let (flushes, moves): (Vec<_>, Vec<_>) =
        writes.into_iter().partition(|call| call.ends_with("/cache/authorizers"));
    assert!(moves.len() == 1 && flushes.len() <= 1, "{moves:?} {flushes:?}");
    assert_eq!((publications(&shop), callers.scope(&shop, &dev)), (0, "write"));

    let status = shop.run(&["status", "--stage", "dev"]);
    assert!(status.contains(":function:shop-authorizer:1\n"), "{status:?}");

    // A → B → A publishes nothing.
    for (scope, from) in [("write", "admin"), ("admin", "write")] {
        shop.change_scope(from, scope);
        shop.deploy("dev", &[]);
        assert_eq!((publications(&shop), callers.scope(&shop, &dev)), (0, scope));
        assert_eq!(shop.versions().len(), 2);
    }

    // A canary has its own rules, and the rest the old ones.
    shop.change_scope("admin", "write");
    shop.deploy("dev", &["--canary", "10"]);
    let canary = Served { in_canary: true, ..dev.clone() };
    assert_eq!((callers.scope(&shop, &dev), callers.scope(&shop, &canary)), ("admin", "write"));
    let status = shop.run(&["status", "--stage", "dev"]);
    assert!(
        status.contains("  authorizer jwt → ") && status.contains(":shop-authorizer:2\n"),
        "{status:?}"
    );
    assert!(status.contains("  canary: authorizer jwt → "), "{status:?}");
    shop.run(&["promote", "--stage", "dev", "--yes", "--allow-dangerous"]);
    assert_eq!((callers.scope(&shop, &dev), callers.scope(&shop, &canary)), ("write", "write"));
    assert_eq!(shop.versions().len(), 2);
}

#[test]
fn stages_have_different_rules_and_leave_each_other_unchanged() {
    let issuer = Issuer::start();
    let (shop, callers) = (Shop::new("320000000002", &issuer), Callers::of(&issuer));
    shop.deploy("dev", &[]);
    shop.deploy("prod", &[]);
    let (dev, prod) = (shop.served("dev"), shop.served("prod"));
    let scopes = || (callers.scope(&shop, &dev), callers.scope(&shop, &prod));
    assert_eq!(scopes(), ("write", "write"));
    let stage = |name: &str| {
        let read = format!(
            "found = client.get_stage(restApiId=api, stageName='{name}')\nfound.pop('ResponseMetadata')\nprint(found)"
        );
        shop.account.boto3(&read)
    };
    let unmoved = || stage("prod");
    let before = unmoved();
    shop.change_scope("write", "admin");
    shop.deploy("dev", &[]);
    assert_eq!((scopes(), unmoved()), (("admin", "write"), before.clone()));
    shop.run(&["rollback", "--stage", "dev", "--yes", "--allow-dangerous"]);
    assert_eq!((scopes(), unmoved()), (("write", "write"), before));

    let unmoved = || stage("dev");
    let before = unmoved();
    shop.deploy("prod", &[]);
    assert_eq!((scopes(), unmoved()), (("write", "admin"), before.clone()));
    shop.run(&["rollback", "--stage", "prod", "--yes", "--allow-dangerous"]);
    assert_eq!((scopes(), unmoved()), (("write", "write"), before));
}

#[test]
fn a_route_that_is_deployed_by_hand_is_denied() {
    let issuer = Issuer::start();
    let shop = Shop::new("320000000003", &issuer);
    shop.deploy("dev", &[]);
    let dev = shop.served("dev");
    by_hand(
        &shop,
        "
resources = {one['path']: one['id'] for one in client.get_resources(restApiId=api, limit=500)['items']}
authorizer = client.get_authorizers(restApiId=api)['items'][0]['id']
for parent in ['/', '/items', '/items/{id}']:
    resource = client.create_resource(restApiId=api, parentId=resources[parent], pathPart='secrets')['id']
    method = dict(restApiId=api, resourceId=resource, httpMethod='GET')
    client.put_method(**method, authorizationType='CUSTOM', authorizerId=authorizer)
    client.put_integration(**method, type='MOCK')
client.create_deployment(restApiId=api, stageName='dev')
",
    );
    let all = issuer.token("read write admin");
    let tokens = BTreeMap::from([("all", all.clone())]);
    for (request, decision) in super::decisions(&shop, &dev, &tokens) {
        assert_eq!(decision, Decision::Allowed, "{request}");
    }
    for path in ["/secrets", "/items/1/secrets"] {
        assert_eq!(shop.decide(&dev, "GET", path, &all), Decision::Denied, "{path}");
    }
    // A value of `{id}` is decided as before.
    let write = issuer.token("write");
    let decide = |token: &str| shop.decide(&dev, "GET", "/items/secrets", token);
    assert_eq!((decide(&all), decide(&write)), (Decision::Allowed, Decision::Denied));
}
