//! The resources that `doctor` counts, and the quotas that it compares them with.

use deployer::command::quotas::{Usage, resources};

#[test]
fn every_path_and_every_parent_path_is_a_resource() {
    for (paths, expected) in [
        (&[][..], 1),
        (&["/"], 1),
        (&["/", "/a"], 2),
        (&["/a/b/c"], 4),
        (&["/a/b", "/a/c", "/a"], 4),
        (&["/{proxy+}", "/a/{id}"], 4),
    ] {
        assert_eq!(resources(paths.iter().copied()), expected, "{paths:?}");
    }
}

#[test]
fn a_quota_can_be_reached_but_not_exceeded() {
    for (usage, more) in [
        (Usage::apis(600), Usage::apis(601)),
        (Usage::resources(300), Usage::resources(301)),
        (Usage::authorizers(10), Usage::authorizers(11)),
        (Usage::stages(10), Usage::stages(11)),
    ] {
        assert!(usage.is_within_quota() && !more.is_within_quota(), "{usage}");
    }
    assert_eq!(Usage::resources(13).to_string(), "13 of 300");
}
