//! Files that commands write: complete, or unchanged.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

use crate::{MANIFEST, OPENAPI, deployer, folder, transcript};

const EXPORT: [&str; 4] = ["export", "--document", "--out", "document.json"];

fn shell(folder: &Path, script: &str) -> Output {
    let command = format!("{script}; exec \"$0\" {}", EXPORT.join(" "));
    Command::new("sh")
        .args(["-c", &command, env!("CARGO_BIN_EXE_deployer")])
        .current_dir(folder)
        .output()
        .unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn concurrent_writers_leave_one_complete_file_and_nothing_else() {
    let folder = folder(MANIFEST, OPENAPI);
    // Another program's directory with such a name does not matter.
    fs::create_dir(folder.path().join("document.json.part")).unwrap();
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| (0..5).map(|_| deployer(folder.path(), &EXPORT)).collect()))
            .collect();
        for writer in writers {
            let outputs: Vec<Output> = writer.join().unwrap();
            assert!(outputs.iter().all(|output| output.status.success()), "{outputs:?}");
        }
    });
    let whole = deployer(folder.path(), &["export", "--document"]).stdout;
    assert_eq!(fs::read(folder.path().join("document.json")).unwrap(), whole);
    let expected = ["document.json", "document.json.part", "openapi.yaml", "portcullis.toml"];
    assert_eq!(names(folder.path()), expected);
}

#[test]
fn a_failed_write_leaves_the_old_file_and_no_temporary_file() {
    let folder = folder(MANIFEST, OPENAPI);
    let file = folder.path().join("document.json");
    fs::write(&file, "old").unwrap();
    let output = shell(folder.path(), "trap '' XFSZ; ulimit -f 0");
    assert_eq!(output.status.code(), Some(1), "{}", transcript(&output));
    assert!(
        transcript(&output).contains("cannot write document.json: "),
        "{}",
        transcript(&output)
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "old");
    assert_eq!(names(folder.path()), ["document.json", "openapi.yaml", "portcullis.toml"]);
}

#[test]
fn a_new_file_has_the_mode_of_the_umask_and_an_existing_one_retains_its_mode() {
    let folder = folder(MANIFEST, OPENAPI);
    let file = folder.path().join("document.json");
    for (umask, expected) in [("022", 0o644), ("027", 0o640), ("077", 0o600)] {
        let output = shell(folder.path(), &format!("umask {umask}"));
        assert!(output.status.success(), "{}", transcript(&output));
        assert_eq!(mode(&file), expected, "umask {umask}");
        fs::remove_file(&file).unwrap();
    }
    fs::write(&file, "old").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o664)).unwrap();
    let output = shell(folder.path(), "umask 077");
    assert!(output.status.success(), "{}", transcript(&output));
    assert_eq!(mode(&file), 0o664);
    assert_ne!(fs::read_to_string(&file).unwrap(), "old");
}

#[test]
fn symbolic_links_are_followed_and_devices_are_written_to() {
    let folder = folder(MANIFEST, OPENAPI);
    fs::create_dir(folder.path().join("elsewhere")).unwrap();
    fs::write(folder.path().join("elsewhere/document"), "old").unwrap();
    symlink("elsewhere/document", folder.path().join("document.json")).unwrap();
    assert!(deployer(folder.path(), &EXPORT).status.success());
    let link = folder.path().join("document.json");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    let whole = deployer(folder.path(), &["export", "--document"]).stdout;
    assert_eq!(fs::read(folder.path().join("elsewhere/document")).unwrap(), whole);
    assert_eq!(names(&folder.path().join("elsewhere")), ["document"]);

    fs::remove_file(folder.path().join("elsewhere/document")).unwrap();
    assert!(deployer(folder.path(), &EXPORT).status.success());
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink(), "also without a target");
    assert_eq!(fs::read(folder.path().join("elsewhere/document")).unwrap(), whole);

    let output = deployer(folder.path(), &["export", "--document", "--out", "/dev/stdout"]);
    assert_eq!(output.stdout, whole, "{}", transcript(&output));
    // The file behind stdout is the caller's, with other content.
    let script = "(echo head; \"$0\" export --document --out /dev/stdout; echo foot) > all";
    let program = env!("CARGO_BIN_EXE_deployer");
    let mut command = Command::new("sh");
    assert!(
        command
            .args(["-c", script, program])
            .current_dir(folder.path())
            .status()
            .unwrap()
            .success()
    );
    let all = fs::read(folder.path().join("all")).unwrap();
    assert_eq!(all, [b"head\n", &whole[..], b"foot\n"].concat());
}
