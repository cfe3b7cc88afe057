//! The dependency rules that the compiler cannot check: which modules may use which crates and APIs.

use std::fs;
use std::path::{Path, PathBuf};

/// The directories of the released crates.
pub(crate) const CRATES: [&str; 7] = [
    "authorizer",
    "deployer",
    "deployer/aws",
    "deployer/compiler",
    "deployer/deployment",
    "deployer/dev",
    "deployer/gateway",
];

/// Returns the Rust files in a directory, recursively.
pub(crate) fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn only_designated_modules_access_the_outside() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let rules: &[(&str, &[&str])] = &[
        ("aws_sdk_", &["deployer/aws/src/"]),
        (
            "aws_lc_rs::",
            &[
                "authorizer/src/signature.rs",
                "authorizer/src/keys/client.rs",
                "deployer/dev/src/issuer.rs",
                "deployer/compiler/src/fingerprint.rs",
                "deployer/gateway/src/ids.rs",
            ],
        ),
        ("jsonwebtoken::", &["deployer/dev/src/issuer.rs"]),
        ("reqwest::", &["authorizer/src/keys/"]),
        ("hyper_util::client", &["deployer/aws/src/classify.rs", "deployer/gateway/src/client.rs"]),
        ("zip::", &["deployer/src/package.rs"]),
        ("lambda_runtime::", &["authorizer/src/main.rs"]),
        ("clap::", &["deployer/src/cli", "deployer/src/start.rs", "deployer/src/output"]),
        (
            "stdout()",
            &["deployer/src/output.rs", "deployer/src/start.rs", "authorizer/src/main.rs"],
        ),
        ("println!", &[]),
        ("SystemTime::now", &["authorizer/src/main.rs", "deployer/gateway/src/clock.rs"]),
        ("env::var", &["authorizer/src/main.rs", "deployer/src/start.rs"]),
        (
            "fs::",
            &[
                "authorizer/src/main.rs",
                "deployer/compiler/src/project.rs",
                "deployer/src/command/files.rs",
            ],
        ),
        ("#[allow(", &[]),
    ];
    let mut used = vec![false; rules.len()];
    for path in CRATES.iter().flat_map(|name| sources(&root.join(name).join("src"))) {
        let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        for ((word, modules), used) in rules.iter().zip(&mut used) {
            if text.contains(word) {
                assert!(
                    modules.iter().any(|module| name.starts_with(module)),
                    "{name} uses `{word}`, which only {modules:?} may use"
                );
                *used = true;
            }
        }
    }
    let unused: Vec<&str> = rules
        .iter()
        .zip(used)
        .filter(|((_, modules), used)| !used && !modules.is_empty())
        .map(|((word, _), _)| *word)
        .collect();
    assert_eq!(unused, [""; 0], "rules that match no source");
}

#[test]
fn the_authorizer_does_not_depend_on_the_deployer() {
    let manifest =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../authorizer/Cargo.toml"))
            .unwrap();
    assert!(
        manifest.contains("aws-lc-rs")
            && !manifest.lines().any(|line| line.starts_with("deployer"))
    );
}
