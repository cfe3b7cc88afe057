//! What `doctor` counts, and the quotas that it compares with.

use deployer::command::quotas::{Usage, resources};

#[test]
fn each_path_is_one_resource_and_so_is_each_path_above_it_and_the_root() {
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
fn a_quota_may_be_used_up_and_not_exceeded() {
    for (usage, more) in [
        (Usage::apis(600), Usage::apis(601)),
        (Usage::resources(300), Usage::resources(301)),
        (Usage::authorizers(10), Usage::authorizers(11)),
        (Usage::stages(10), Usage::stages(11)),
    ] {
        assert!(usage.fits() && !more.fits(), "{usage}");
    }
    assert_eq!(Usage::resources(13).to_string(), "13 of 300");
}
