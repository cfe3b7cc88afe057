//! `deployer init`: an example project, written at once or not at all.

use std::fs;

use crate::{deployer, transcript};

const FILES: [&str; 3] = ["cases.yaml", "openapi.yaml", "portcullis.toml"];

#[test]
fn an_example_is_written_and_valid_and_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("shop");
    let output = deployer(folder.path(), &["init", "--example", "petstore", "shop"]);
    assert_eq!(output.status.code(), Some(0), "{}", transcript(&output));
    let mut names: Vec<String> = fs::read_dir(&project)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, FILES);
    let output = deployer(folder.path(), &["check", "shop"]);
    assert_eq!(output.status.code(), Some(0), "{}", transcript(&output));

    for name in FILES {
        fs::write(project.join("openapi.yaml"), "own").unwrap();
        fs::remove_file(project.join(name)).unwrap();
        let left = FILES.iter().find(|other| **other != name).unwrap();
        let before = fs::read(project.join(left)).unwrap();
        let output = deployer(folder.path(), &["init", "--example", "petstore", "shop"]);
        let text = transcript(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains("exists already"), "{text}");
        assert!(!project.join(name).exists(), "{name} was written");
        assert_eq!(fs::read(project.join(left)).unwrap(), before);
        fs::write(project.join(name), "own").unwrap();
    }
}
