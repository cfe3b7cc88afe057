//! APIs with similar names and APIs in two Regions, all with a function of the same name.

use serde_json::{Value, json};

use super::{API, FUNCTION, Shop, read_functions};
use crate::on_aws::{REGION, read_back_in};

const OTHER_REGION: &str = "us-east-1";

/// An API of the account: its name and Region.
type Api = (&'static str, &'static str);

const APIS: [Api; 3] = [("my shop", REGION), ("my-shop", REGION), ("my shop", OTHER_REGION)];

/// Returns the parts of the account's state that belong to an API, as boto3 reads them: the API,
/// the roles that its authorizers and versions name, and the versions of its function.
fn state(shop: &Shop, (name, region): Api) -> Value {
    let key = &shop.account.key;
    let found = read_back_in(region, &[key])[key].clone();
    let apis = found["apis"].as_array().unwrap();
    let Some(api) = apis.iter().find(|api| api["api"]["name"] == name) else { return Value::Null };
    let named = api["authorizers"].to_string();
    let functions = read_functions(region, &[key])[key].clone();
    let all = functions[FUNCTION]["versions"].as_array().cloned().unwrap_or_default();
    let fingerprint = |version: &Value| {
        let description = version["Description"].as_str().unwrap().to_owned();
        description.split(' ').find(|word| word.starts_with("api=")).unwrap().to_owned()
    };
    let is_named = |version: &&Value| {
        named.contains(&format!("{FUNCTION}:{}/", version["Version"].as_str().unwrap()))
    };
    let own = fingerprint(all.iter().find(is_named).unwrap());
    let versions: Vec<&Value> = all.iter().filter(|one| fingerprint(one) == own).collect();
    let named = format!("{named}{versions:?}");
    let roles = found["roles"].as_object().unwrap().iter();
    let roles: Vec<(&String, &Value)> = roles.filter(|(role, _)| named.contains(*role)).collect();
    json!({"api": api, "versions": versions, "roles": roles})
}

#[test]
fn whatever_is_done_to_one_api_leaves_similar_ones_unchanged() {
    let mut shop = Shop::without_issuer("320000000006");
    let mut current = API;
    let mut select = |shop: &Shop, (name, _): Api| {
        let line = |name: &str| format!("name = \"{name}\"\nopenapi");
        shop.account.edit("portcullis.toml", &line(current), &line(name));
        current = name;
    };
    shop.token_command = None;
    for (name, region) in APIS {
        select(&shop, (name, region));
        shop.deploy("dev", &["--region", region]);
    }
    let mut scope = "write";
    for (at, api) in APIS.into_iter().enumerate() {
        select(&shop, api);
        let others: Vec<Api> = APIS.into_iter().skip(at + 1).collect();
        let before: Vec<Value> = others.iter().map(|other| state(&shop, *other)).collect();
        for state in &before {
            let counts = ["versions", "roles"].map(|part| state[part].as_array().unwrap().len());
            assert!(counts[0] > 0 && counts[1] == 2, "{state:#}");
        }
        let expect_unchanged = |step: &str| {
            for (other, before) in others.iter().zip(&before) {
                let now = state(&shop, *other);
                assert!(now == *before, "{step} of {api:?}: {before:#}\nnow {now:#}");
            }
        };
        let keep = "endpoint = \"regional\"\nkeep = 2";
        if at == 0 {
            shop.account.edit("portcullis.toml", "endpoint = \"regional\"", keep);
        }
        // Three changes, so that deployments and versions of earlier ones are deleted.
        for changed in ["admin", "owner", "write"] {
            shop.change_scope(scope, changed);
            scope = changed;
            shop.deploy("dev", &["--region", api.1]);
            expect_unchanged("a change");
        }
        let region = ["--region", api.1, "--yes"];
        let rollback = ["rollback", "--stage", "dev", "--allow-dangerous"];
        shop.run(&[&rollback[..], &region].concat());
        expect_unchanged("a rollback");
        shop.run(&[&["undeploy", "--delete-api"][..], &region].concat());
        expect_unchanged("a removal");
        assert_eq!(state(&shop, api), Value::Null);
    }
    let key = &shop.account.key;
    assert_eq!(read_back_in(REGION, &[key])[key]["roles"], json!({}));
}
