//! The tag with an API's name, and the place of access logs.

use std::collections::BTreeSet;

use super::{compiled, desired};
use crate::{MANIFEST, OPENAPI};
use deployment::observed::{TAG_API, api_tag, names_api};

fn named(name: &str) -> String {
    MANIFEST.replace("\"shop\"", &serde_json::Value::from(name).to_string())
}

#[test]
fn the_tag_of_an_api_is_valid_and_distinct_for_every_name() {
    let made = api_tag("Pets & Co");
    let long = "a".repeat(255);
    let names =
        ["shop", "Pets & Co", "Pets + Co", "Pets - Co", "größe", "(a)", "[a]", &long, &made];
    let mut tags = BTreeSet::new();
    for name in names {
        let tag = desired(compiled(&named(name), OPENAPI, None)).tags[TAG_API].clone();
        let is_valid = |c: char| c.is_alphanumeric() || " _.:/=+-@".contains(c);
        assert!(tag.chars().count() <= 256 && tag.chars().all(is_valid), "{tag}");
        for other in names {
            assert_eq!(names_api(&tag, other), name == other, "{tag}: {other}");
        }
        tags.insert(tag);
    }
    assert_eq!(tags.len(), names.len(), "{tags:?}");
    for valid in ["shop", "my shop", "größe", "a@b", "a @b"] {
        assert_eq!(api_tag(valid), valid);
    }
    assert!(made.starts_with("Pets - Co @"), "{made}");
    // An earlier version set the name itself.
    assert!(names_api("Pets & Co", "Pets & Co"));
    assert!(!names_api("Pets - Co", "Pets & Co") && !names_api("shop", "Shop"));
}

#[test]
fn an_access_log_in_another_account_or_region_is_rejected() {
    let log = "arn:aws:logs:eu-west-1:123456789012:log-group:shop";
    let check = |log: &str| {
        let stage = format!("[stage.dev]\naccess_log = \"{log}\"");
        let toml = MANIFEST.replace("[stage.dev]", &stage);
        desired(compiled(&toml, OPENAPI, None)).check_access_log()
    };
    assert_eq!(check(log), Ok(()));
    let stream = "arn:aws:firehose:eu-west-1:210987654321:deliverystream/amazon-apigateway-shop";
    for (log, found) in [
        (log.replace("eu-west-1", "eu-west-2"), "123456789012/eu-west-2"),
        (log.replace("123456789012", "210987654321"), "210987654321/eu-west-1"),
        (stream.to_owned(), "210987654321/eu-west-1"),
    ] {
        let error = check(&log).unwrap_err().to_string();
        let expected =
            format!("the access log of stage `dev` is in {found}, expected 123456789012/eu-west-1");
        assert_eq!(error, expected);
    }
    assert!(check(&log.replace("arn:aws:", "arn:aws-cn:")).is_err());
    assert_eq!(desired(compiled(MANIFEST, OPENAPI, None)).check_access_log(), Ok(()));
}
