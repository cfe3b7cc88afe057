//! The commands of `docs/guides` print the output that the pages show.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::{assert_generated, root};

/// Returns what a shell script prints, with `deployer` on its path.
#[expect(clippy::disallowed_methods, reason = "the script needs the programs of the shell")]
fn output_of(script: &str, folder: &Path) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_deployer")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-c", script])
        .current_dir(folder)
        .env("PATH", path)
        .env_remove("AWS_REGION")
        .output()
        .unwrap();
    [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat()
}

/// Replaces the output that follows a command with the program's own, command by command.
fn with_outputs(page: &str, folder: &Path) -> String {
    const COMMAND: &str = "```sh\n";
    const OUTPUT: &str = "\n```\n\n```text\n";
    let mut blocks = page.split(COMMAND);
    let mut text = blocks.next().unwrap().to_owned();
    for block in blocks {
        let (script, rest) = block.split_once("\n```\n").unwrap();
        text.extend([COMMAND, script, "\n```\n"]);
        let shown = rest.strip_prefix("\n```text\n").and_then(|shown| shown.split_once("```\n"));
        let Some((_, after)) = shown else {
            text += rest;
            continue;
        };
        text.truncate(text.len() - "\n```\n".len());
        let printed = output_of(script, folder);
        text.extend([OUTPUT, printed.trim_matches('\n'), "\n```\n", after]);
    }
    text
}

#[test]
fn each_command_of_a_guide_prints_the_output_that_the_guide_shows() {
    let folder = tempfile::tempdir().unwrap();
    let petstore = folder.path().join("infra/petstore");
    fs::create_dir_all(&petstore).unwrap();
    for file in fs::read_dir(root().join("infra/petstore")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), petstore.join(file.file_name())).unwrap();
    }
    for name in ["claims", "cache", "local"] {
        let path = format!("docs/guides/{name}.md");
        let page = fs::read_to_string(root().join(&path)).unwrap();
        assert_generated(&path, &with_outputs(&page, folder.path()), "guides");
    }
}
