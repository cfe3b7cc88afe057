//! `deployer revoke`: an entry of a deny-list reaches every stage, and a rollback does not remove it
//! unnoticed.

use std::fs;

use e2e::data_plane::{Decision, Served};
use e2e::http;
use e2e::strict::state::AccountSettings;
use serde_json::Value;

use super::{FUNCTION, Issuer, Shop, launcher_zip, table};
use crate::on_aws::{CommandOutput, REGION};

impl Issuer {
    /// A token whose subject and client have this name.
    fn token_of(&self, name: &str) -> String {
        let body = format!("grant_type=client_credentials&scope=read+write&client_id={name}");
        let form = ("Content-Type", "application/x-www-form-urlencoded");
        let response = http::send("POST", &format!("{}/token", self.url), &[form], body.as_bytes());
        response.json()["access_token"].as_str().unwrap().to_owned()
    }
}

impl Shop {
    fn revoke(&self, arguments: &[&str]) -> CommandOutput {
        let fixed = ["revoke", "--yes", "--output", "json"];
        let token = self.token_command.as_deref();
        let all: Vec<&str> =
            fixed.into_iter().chain(token).chain(arguments.iter().copied()).collect();
        self.account.run(&all)
    }

    fn reads(&self, at: &Served, token: &str) -> Decision {
        self.decide(at, "GET", "/items", token)
    }

    fn manifest(&self) -> String {
        fs::read_to_string(self.account.path("portcullis.toml")).unwrap()
    }
}

/// Returns the status of each stage.
fn statuses(output: &CommandOutput) -> Vec<(String, String)> {
    let json = output.json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let stages = json["stages"].as_array().unwrap().iter();
    stages.map(|stage| (text(&stage["stage"]), text(&stage["status"]))).collect()
}

fn expected(dev: &str, prod: &str) -> Vec<(String, String)> {
    [("dev", dev), ("prod", prod)]
        .map(|(stage, status)| (stage.to_owned(), status.to_owned()))
        .into()
}

#[test]
fn a_subject_is_revoked_on_every_stage_and_a_rollback_is_dangerous() {
    let issuer = Issuer::start();
    let shop = Shop::new("320000000031", &issuer);
    let (leaver, other) = (issuer.token_of("leaver-7"), issuer.token_of("other"));
    shop.deploy("dev", &[]);
    shop.deploy("prod", &[]);
    let (dev, prod) = (shop.served("dev"), shop.served("prod"));
    // `dev` serves the files, `prod` is one change behind.
    shop.change_scope("write", "admin");
    shop.deploy("dev", &[]);
    let decided = || {
        for stage in [&dev, &prod] {
            assert_eq!(shop.reads(stage, &other), Decision::Allowed);
        }
        (shop.reads(&dev, &leaver), shop.reads(&prod, &leaver))
    };
    assert_eq!(decided(), (Decision::Allowed, Decision::Allowed));

    let sub = ["--sub", "leaver-7"];
    let manifest = shop.manifest();
    let output = shop.account.run(&["revoke", "--sub", "leaver-7"]).expect_exit(1);
    assert!(output.contains("confirmation required"), "{output:?}");
    assert_eq!((shop.manifest(), shop.writes().len()), (manifest.clone(), 0));

    // The stage would be refused in the middle: nothing is published or written before that is known.
    shop.account.proxy.set_account(AccountSettings::of_small_region());
    shop.account.edit("portcullis.toml", "[stage.dev]", "[stage.dev]\nlogging = \"info\"");
    let output = shop.revoke(&["--sub", "leaver-7", "--with-pending-changes"]).expect_exit(3);
    assert_eq!(output.json()["code"], "log_role_missing", "{output:?}");
    assert_eq!(shop.writes().len(), 0);
    shop.account.proxy.set_account(AccountSettings::default());
    shop.account.write("portcullis.toml", &manifest);

    let output = shop.revoke(&sub).expect_exit(1);
    assert_eq!(statuses(&output), expected("revoked", "pending_changes"), "{output:?}");
    assert!(!output.contains("leaver-7"), "the value is personal data: {output:?}");
    assert!(output.contains("deployer deploy --stage prod"), "{output:?}");
    assert_eq!(decided(), (Decision::Unauthorized, Decision::Allowed));
    let audience = "algorithms = [\"RS256\"]\n";
    let denied =
        manifest.replace(audience, &format!("{audience}denied = {{ sub = [\"leaver-7\"] }}\n"));
    assert_eq!(shop.manifest(), denied);

    // A second run completes the first one, and a third one only flushes.
    let output = shop.revoke(&["--sub", "leaver-7", "--with-pending-changes"]).expect_exit(0);
    assert_eq!(statuses(&output), expected("up_to_date", "revoked"), "{output:?}");
    assert_eq!(decided(), (Decision::Unauthorized, Decision::Unauthorized));
    let output = shop.revoke(&sub).expect_exit(0);
    assert_eq!(statuses(&output), expected("up_to_date", "up_to_date"), "{output:?}");
    let writes = shop.writes();
    let flushes = writes.iter().filter(|call| call.ends_with("/cache/authorizers")).count();
    assert_eq!((writes.len(), flushes), (2, 2), "{writes:?}");
    assert_eq!(shop.manifest(), denied);
    for stage in ["dev", "prod"] {
        shop.account.expect_no_changes(stage);
    }

    let rollback = ["rollback", "--stage", "prod", "--yes", "--output", "json"];
    let output = shop.account.run(&rollback).expect_exit(1);
    assert_eq!(output.json()["code"], "dangerous_changes", "{output:?}");
    assert_eq!(decided(), (Decision::Unauthorized, Decision::Unauthorized));
    shop.run(&[&rollback[..], &["--allow-dangerous"]].concat());
    assert_eq!(decided(), (Decision::Unauthorized, Decision::Allowed));
    let output = shop.revoke(&["--sub", "leaver-7", "--with-pending-changes"]).expect_exit(0);
    assert_eq!(statuses(&output), expected("up_to_date", "revoked"), "{output:?}");
    assert_eq!(decided(), (Decision::Unauthorized, Decision::Unauthorized));
}

#[test]
fn a_revocation_ends_a_canary_and_every_move_is_followed_by_a_flush() {
    let issuer = Issuer::start();
    let shop = Shop::new("320000000032", &issuer);
    let (former, other) = (issuer.token_of("former"), issuer.token_of("other"));
    shop.deploy("dev", &[]);
    shop.change_scope("write", "admin");
    shop.deploy("dev", &["--canary", "10"]);
    shop.change_scope("admin", "write");
    let dev = shop.served("dev");
    let canary = Served { in_canary: true, ..dev.clone() };
    let decided = |token: &str| (shop.reads(&dev, token), shop.reads(&canary, token));
    assert_eq!(decided(&former), (Decision::Allowed, Decision::Allowed));

    let output = shop.revoke(&["--client", "former"]).expect_exit(0);
    assert!(output.contains("the canary of stage dev ends"), "{output:?}");
    let statuses = statuses(&output);
    let found = |stage: &str| statuses.iter().find(|(name, _)| name == stage).unwrap().1.clone();
    assert_eq!((found("dev"), found("prod")), ("revoked".to_owned(), "not_deployed".to_owned()));
    assert_eq!(decided(&former), (Decision::Unauthorized, Decision::Unauthorized));
    assert_eq!(decided(&other), (Decision::Allowed, Decision::Allowed));
    let writes = shop.writes();
    let at = |end: &str| writes.iter().rposition(|call| call.contains(end)).unwrap();
    assert!(at("/cache/authorizers") > at("PATCH"), "{writes:?}");

    let output = shop.revoke(&["--issuer", "https://unknown.example.com/"]).expect_exit(1);
    assert_eq!(output.json()["code"], "issuer_not_found", "{output:?}");
    // No valid token remains for `--token-command`.
    let run = ["revoke", "--issuer", &issuer.url, "--yes"];
    shop.run(&run);
    assert_eq!(decided(&other), (Decision::Unauthorized, Decision::Unauthorized));
}

#[test]
fn a_function_that_is_released_separately_must_be_published() {
    const KEY: &str = "320000000033";
    let issuer = Issuer::start();
    let shop = Shop::new(KEY, &issuer);
    let alias =
        format!("function_arn = \"arn:aws:lambda:{REGION}:{KEY}:function:{FUNCTION}:live\"");
    shop.account.edit("portcullis.toml", &table(""), &alias);
    let role = format!("arn:aws:iam::{KEY}:role/execution");
    let arch = if std::env::consts::ARCH == "aarch64" { "arm64" } else { "x86_64" };
    shop.deploy("dev", &["--function-role", role.as_str(), "--architecture", arch]);
    let (dev, leaver) = (shop.served("dev"), issuer.token_of("leaver"));
    assert_eq!(shop.reads(&dev, &leaver), Decision::Allowed);

    let output = shop.revoke(&["--sub", "leaver"]).expect_exit(1);
    assert_eq!(statuses(&output), expected("function_not_published", "not_deployed"));
    assert!(output.json()["stages"][0]["functions"][0].as_str().unwrap().ends_with(":live"));
    assert_eq!(shop.reads(&dev, &leaver), Decision::Allowed);
    let output = shop.revoke(&["--sub", "leaver", "--function-zip", launcher_zip()]).expect_exit(0);
    assert_eq!(statuses(&output), expected("revoked", "not_deployed"), "{output:?}");
    assert_eq!(shop.reads(&dev, &leaver), Decision::Unauthorized);
    let writes = shop.writes();
    assert!(writes.iter().any(|call| call.ends_with("/cache/authorizers")), "{writes:?}");
    let output = shop.revoke(&["--sub", "leaver"]).expect_exit(0);
    assert_eq!(statuses(&output), expected("up_to_date", "not_deployed"), "{output:?}");
}
