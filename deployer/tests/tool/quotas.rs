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
    let quotas: [(fn(usize) -> Usage, usize); 4] = [
        (Usage::apis, 600),
        (Usage::resources, 300),
        (Usage::authorizers, 10),
        (Usage::stages, 10),
    ];
    for (usage, quota) in quotas {
        assert!(usage(quota).fits() && !usage(quota + 1).fits(), "{:?}", usage(0));
        assert_eq!(usage(3).to_string(), format!("3 of {quota}"));
    }
}
