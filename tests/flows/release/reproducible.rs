//! The function of the sources has the bytes of the release.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::process::Process;
use e2e::root;

use super::package;

#[test]
fn the_functions_zip_depends_neither_on_folders_nor_on_time() {
    let arch = if std::env::consts::ARCH == "aarch64" { "arm64" } else { "x86_64" };
    let name = format!("authorizer-{arch}.zip");
    let released = fs::read(package(&name, "")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (sources, home) = (folder.path().join("elsewhere/sources"), folder.path().join("cargo"));
    copy_sources(&sources);
    // Another CARGO_HOME, whose registry is that of this machine: nothing is downloaded again.
    fs::create_dir(&home).unwrap();
    for entry in ["registry", ".package-cache", "config.toml"] {
        let path = cargo_home().join(entry);
        if path.exists() {
            symlink(path, home.join(entry)).unwrap();
        }
    }
    let out = folder.path().join("out");
    let mut build = Command::new(sources.join("release/build"));
    build.args(["functions", "--architecture", arch, "--out"]).arg(&out).current_dir("/");
    build.env("CARGO_HOME", &home).env("SOURCE_DATE_EPOCH", "1").env("TZ", "Asia/Tokyo");
    for set in ["AWS_LC_SYS_NO_JITTER_ENTROPY", "CFLAGS_x86_64_unknown_linux_musl"] {
        build.env_remove(set);
    }
    Process::build(&mut build);
    let rebuilt = fs::read(out.join(&name)).unwrap();
    // Not `assert_eq`, which would print megabytes.
    assert!(rebuilt == released, "{} and {} bytes", rebuilt.len(), released.len());
}

#[test]
fn a_tag_is_the_version_of_cargo_toml_and_has_a_dated_section_of_the_changelog() {
    let folder = tempfile::tempdir().unwrap();
    let sources = folder.path().join("sources");
    copy_sources(&sources);
    let assemble = |tag: &str| {
        let mut build = Command::new(sources.join("release/build"));
        build.args(["assemble", "--repository", "https://example.com/p", "--tag", tag, "--out"]);
        build.arg(folder.path().join("out"));
        let output = build.env("SOURCE_DATE_EPOCH", "1").output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let write = |name: &str, text: &str| fs::write(sources.join(name), text).unwrap();
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let lines = manifest
        .lines()
        .map(|line| if line.starts_with("version = ") { "version = \"8.7.6\"" } else { line });
    write("Cargo.toml", &lines.collect::<Vec<_>>().join("\n"));
    assert!(assemble("v8.7.7").contains("tag `v8.7.7` is not `v8.7.6`, the version of Cargo.toml"));
    let unreleased = "# Changelog\n\n## [Unreleased]\n\n- more\n\n## [8.7.6] - 2026-12-01\n\n- a\n";
    write("CHANGELOG.md", unreleased);
    assert!(assemble("v8.7.6").contains("has changes in `[Unreleased]`"));
    for changelog in [
        "# Changelog\n\n## [8.7.6] - 2026-13-01\n\n- more\n",
        "# Changelog\n\n## [8.7.6]\n\n- more\n",
        "# Changelog\n\n## [8.7.6] - 2026-12-01\n\n## [8.7.5] - 2026-11-01\n\n- more\n",
    ] {
        write("CHANGELOG.md", changelog);
        let text = assemble("v8.7.6");
        assert!(text.contains("has no section `## [8.7.6] - YYYY-MM-DD`"), "{changelog}{text}");
    }
    // The first part that needs more than these two files.
    write("CHANGELOG.md", "# Changelog\n\n## [8.7.6] - 2026-12-01\n\n- more\n");
    assert!(assemble("v8.7.6").contains("has no archive: build the part `program` first"));
}

/// Copies the files of the project, with the tools that are installed already.
fn copy_sources(to: &Path) {
    fs::create_dir_all(to.join("target")).unwrap();
    let copy = "git ls-files -z --cached --others --exclude-standard | tar --ignore-failed-read --null -T - -cf - | tar -xf - -C \"$0\"";
    let mut shell = Command::new("bash");
    let status = shell.args(["-o", "pipefail", "-c", copy]).arg(to).current_dir(root()).status();
    assert!(status.unwrap().success());
    symlink(root().join("target/tools"), to.join("target/tools")).unwrap();
}

fn cargo_home() -> PathBuf {
    // The package of a dependency is in `CARGO_HOME/registry/src/INDEX/PACKAGE`.
    let mut metadata = Command::new("cargo");
    metadata.args(["metadata", "--format-version", "1", "--locked", "--offline"]);
    let output = metadata.current_dir(root()).output().unwrap();
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut paths = found["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| PathBuf::from(package["manifest_path"].as_str().unwrap()));
    let path =
        paths.find(|path| path.ancestors().nth(4).is_some_and(|at| at.ends_with("registry")));
    path.unwrap().ancestors().nth(5).unwrap().to_owned()
}
