//! The commit of the project's files.

use std::path::Path;
use std::process::{Command, Stdio};

use deployment::revision::Commit;

/// Returns the commit of the files in a directory; `None` if it is in no Git repository with a
/// commit, or Git is not installed.
pub(super) fn commit(directory: &Path) -> Option<Commit> {
    let mut git = Command::new("git");
    git.current_dir(directory)
        // No tag instead of the hash.
        .args(["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"])
        // `--dirty` would otherwise write the refreshed index.
        .env("GIT_OPTIONAL_LOCKS", "0")
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    let output = git.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
