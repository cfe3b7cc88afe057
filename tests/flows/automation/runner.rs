//! A machine that runs jobs: a workspace, and programs on the PATH that record their arguments.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use e2e::{binary, root};
use tempfile::TempDir;

use super::version;

/// The values of an expression's names, such as `inputs.stage`, or the variables of an environment.
pub(crate) type Context = BTreeMap<String, String>;

/// Returns a context of these pairs.
pub(crate) fn context(pairs: &[(&str, &str)]) -> Context {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The result of a job.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// True if each step succeeded.
    pub(crate) success: bool,
    /// The output of the steps, on stdout and stderr.
    pub(crate) log: String,
    /// The summary of the job.
    pub(crate) summary: String,
    /// The outputs of the steps, as `steps.ID.outputs.NAME`; of an action also its own, as `NAME`.
    pub(crate) outputs: Context,
}

impl Outcome {
    /// Returns this outcome, which must be a success.
    #[track_caller]
    pub(crate) fn expect_success(self) -> Self {
        assert!(self.success, "{}", self.log);
        self
    }

    /// Returns this outcome, which must be a failure.
    #[track_caller]
    pub(crate) fn expect_failure(self) -> Self {
        assert!(!self.success, "{}", self.log);
        self
    }
}

/// A machine that runs jobs.
pub(crate) struct Runner {
    folder: TempDir,
    /// The environment of each job.
    pub(crate) environment: Context,
}

impl Runner {
    /// A machine with `portcullis`, whose `curl` and `node` record their arguments.
    pub(crate) fn new() -> Self {
        let runner = Self::without_portcullis();
        symlink(binary("deployer"), runner.folder.path().join("programs/portcullis")).unwrap();
        runner.record("portcullis");
        runner
    }

    /// A machine whose `portcullis` is a script, which its arguments are passed to.
    pub(crate) fn with_portcullis(script: &str) -> Self {
        let runner = Self::without_portcullis();
        let version =
            format!("if [[ $1 == --version ]]; then echo portcullis {}; exit; fi", version());
        runner.stub("portcullis", &format!("{version}\n{script}"));
        runner
    }

    /// The same machine at GitHub, with this API of comments.
    pub(crate) fn at_github(mut self, api: &str) -> Self {
        self.environment.extend(context(&[
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_ACTION_PATH", &root().display().to_string()),
            ("GITHUB_API_URL", api),
            ("GITHUB_REF_NAME", "v1.2.3"),
            ("GITHUB_REPOSITORY", "example/petstore"),
            ("GITHUB_RUN_ID", "99"),
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_SHA", "0a1b2c3"),
            ("RUNNER_TEMP", &self.temporary().display().to_string()),
        ]));
        self
    }

    /// A machine without `portcullis`.
    #[expect(clippy::disallowed_methods, reason = "the scripts need the programs of the shell")]
    pub(crate) fn without_portcullis() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["bin", "programs", "workspace", "temporary"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let path = |name: &str| folder.path().join(name).display().to_string();
        let search =
            format!("{}:{}:{}", path("bin"), path("programs"), std::env::var("PATH").unwrap());
        let environment = context(&[
            ("PATH", &search),
            ("HOME", &path("")),
            ("TMPDIR", &path("temporary")),
            ("RECORDS", &path("records")),
            ("RECORDERS", &path("bin")),
        ]);
        let runner = Self { folder, environment };
        runner.record("curl");
        runner.record("node");
        runner
    }

    /// Records the arguments of a program, and runs it.
    fn record(&self, name: &str) {
        let run = "PATH=${PATH//\"$RECORDERS:\"/}\nexec \"${0##*/}\" \"$@\"";
        self.stub(name, run);
    }

    /// Replaces a program by a script; its arguments are recorded.
    pub(crate) fn stub(&self, name: &str, script: &str) {
        let record = "printf '%q\\t' \"${0##*/}\" \"$@\" >>\"$RECORDS\"\necho >>\"$RECORDS\"";
        let path = self.folder.path().join("bin").join(name);
        write_program(&path, &format!("#!/bin/bash\n{record}\n{script}\n"));
    }

    /// The commands that were run so far, each with its arguments, quoted as bash does.
    pub(crate) fn commands(&self) -> Vec<Vec<String>> {
        let records = fs::read_to_string(self.folder.path().join("records")).unwrap_or_default();
        let arguments = |line: &str| line.trim_end().split('\t').map(str::to_owned).collect();
        records.lines().map(arguments).collect()
    }

    /// The commands of one program, each in one line.
    pub(crate) fn commands_of(&self, program: &str) -> Vec<String> {
        let commands = self.commands().into_iter().filter(|command| command[0] == program);
        commands.map(|command| command.join(" ")).collect()
    }

    /// Quotes a text as bash does.
    pub(crate) fn quote(&self, text: &str) -> String {
        self.bash("printf %q \"$TEXT\"", &context(&[("TEXT", text)])).1
    }

    /// The folder in which jobs run.
    pub(crate) fn workspace(&self) -> PathBuf {
        self.folder.path().join("workspace")
    }

    /// The folder for temporary files.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.folder.path().join("temporary")
    }

    /// Creates a link in the workspace.
    pub(crate) fn link(&self, name: &str, target: &Path) {
        symlink(target, self.workspace().join(name)).unwrap();
    }

    /// Copies the example's files into the workspace.
    pub(crate) fn copy_petstore(&self) {
        for name in ["openapi.yaml", "portcullis.toml", "cases.yaml"] {
            let from = root().join("infra/petstore").join(name);
            fs::copy(from, self.workspace().join(name)).unwrap();
        }
    }

    /// Runs a script in the workspace, with these variables beside those of each job. Returns whether it
    /// succeeded, and its output.
    pub(crate) fn bash(&self, script: &str, variables: &Context) -> (bool, String) {
        let file = self.folder.path().join("script.sh");
        fs::write(&file, script).unwrap();
        let log = self.folder.path().join("log");
        let output = fs::File::create(&log).unwrap();
        let status = Command::new("bash")
            .args(["--noprofile", "--norc", "-eo", "pipefail"])
            .arg(&file)
            .current_dir(self.workspace())
            .env_clear()
            .envs(self.environment.iter().chain(variables))
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .status()
            .unwrap();
        (status.success(), fs::read_to_string(&log).unwrap())
    }
}

/// Writes a program.
pub(crate) fn write_program(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
