//! From a function with an alias to a pinned one on a live stage, and back: at no time is a caller
//! refused or admitted wrongly.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use e2e::data_plane::Decision;

use super::{FUNCTION, Issuer, Shop, table};
use crate::on_aws::REGION;

const KEY: &str = "320000000004";

#[test]
fn an_alias_becomes_a_pinned_version_and_back_without_a_window() {
    let issuer = Issuer::start();
    let shop = Shop::new(KEY, &issuer);
    let alias =
        format!("function_arn = \"arn:aws:lambda:{REGION}:{KEY}:function:{FUNCTION}:live\"");
    shop.account.edit("portcullis.toml", &table(""), &alias);
    let role = format!("arn:aws:iam::{KEY}:role/execution");
    let arch = if std::env::consts::ARCH == "aarch64" { "arm64" } else { "x86_64" };
    let released = ["--function-role", role.as_str(), "--architecture", arch];
    shop.deploy("dev", &released);
    let dev = shop.served("dev");

    let tokens = BTreeMap::from([
        ("read", issuer.token("read")),
        ("read write", issuer.token("read write")),
        ("none", issuer.token("other")),
    ]);
    let expected = |scope: &str, verb: &str| match (scope, verb) {
        ("read write", _) | ("read", "GET") => Decision::Allowed,
        _ => Decision::Denied,
    };
    let data_plane = shop.account.proxy.data_plane.clone();
    let wrong: Arc<Mutex<Vec<String>>> = Arc::default();
    let observed: Arc<Mutex<usize>> = Arc::default();
    let check = {
        let (wrong, observed) = (Arc::clone(&wrong), Arc::clone(&observed));
        move |call: &str| {
            *observed.lock().unwrap() += 1;
            for (scope, token) in &tokens {
                for verb in ["GET", "POST"] {
                    let found = data_plane.decide(&dev, verb, "/items", Some(token));
                    if found != expected(scope, verb) {
                        let text = format!("after {call}: {verb} with scope {scope}: {found:?}");
                        wrong.lock().unwrap().push(text);
                    }
                }
            }
        }
    };
    check("the first deployment");
    shop.account.proxy.after_writes(Some(Arc::new(check.clone())));
    let mut at = vec![*observed.lock().unwrap()];
    let mut step = |from: &str, to: &str, more: &[&str]| {
        shop.account.edit("portcullis.toml", from, to);
        shop.deploy("dev", more);
        check("the deployment");
        at.push(*observed.lock().unwrap());
    };
    step(&alias, &table(""), &[]);
    step(&table(""), &alias, &released);
    let arn = shop.account.api()["authorizers"].to_string();
    assert!(arn.contains(&format!("{FUNCTION}:live/")), "{arn}");
    assert_eq!(*wrong.lock().unwrap(), Vec::<String>::new());
    assert!(at.windows(2).all(|pair| pair[1] > pair[0] + 4), "calls were checked: {at:?}");
}
