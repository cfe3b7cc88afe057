//! The packages of a release, as their users install and run them: without Rust, in empty folders.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Instant;

use e2e::Dev;
use e2e::process::Process;
use e2e::root;
use e2e::wait::Wait;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::readme::curl_status;

mod reproducible;

/// The folder of the packages of this platform, built by `release/build`.
pub(crate) fn packages() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let out = root().join("target/packages");
        let mut build = Command::new(root().join("release/build"));
        // Cargo sets these for its tests; a shell does not.
        for set in ["AWS_LC_SYS_NO_JITTER_ENTROPY", "CFLAGS_x86_64_unknown_linux_musl"] {
            build.env_remove(set);
        }
        Process::build(build.arg("--out").arg(&out));
        out
    })
}

/// The only package whose name has this start and end.
fn package(start: &str, end: &str) -> PathBuf {
    let names: Vec<PathBuf> = files(packages());
    let matching = |path: &&PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with(start) && name.ends_with(end)
    };
    let found: Vec<&PathBuf> = names.iter().filter(matching).collect();
    let [path] = found[..] else { panic!("{start}…{end}: {found:?}") };
    path.clone()
}

/// The files below a folder, in a fixed order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The programs of a user: those of every system that the packages and the tests call, Python and Node.
const PROGRAMS: [&str; 30] = [
    "bash",
    "cat",
    "chmod",
    "cp",
    "curl",
    "cut",
    "dirname",
    "env",
    "find",
    "grep",
    "gzip",
    "id",
    "ln",
    "ls",
    "mkdir",
    "mktemp",
    "mv",
    "node",
    "npm",
    "printf",
    "python3",
    "readlink",
    "rm",
    "sed",
    "sh",
    "sha256sum",
    "tar",
    "test",
    "touch",
    "uname",
];

/// A user of a new machine: an empty home, and a PATH without Rust.
pub(crate) struct User {
    pub(crate) folder: TempDir,
    /// The folders of programs, which do not have Rust.
    path: String,
}

impl User {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let programs = folder.path().join("programs");
        fs::create_dir(&programs).unwrap();
        for name in PROGRAMS {
            symlink(program(name), programs.join(name)).unwrap();
        }
        let path = programs.to_str().unwrap().to_owned();
        let user = Self { folder, path };
        for name in ["cargo", "rustc", "portcullis", "deployer"] {
            let found = user.run(&format!("command -v {name}"));
            assert!(!found.status.success(), "{name}: {found:?}");
        }
        user
    }

    /// Adds a folder to the PATH.
    pub(crate) fn with_programs(mut self, folder: &str) -> Self {
        self.path = format!("{}:{}", self.folder.path().join(folder).display(), self.path);
        self
    }

    /// A shell of this user, in its folder.
    pub(crate) fn shell(&self, line: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", line]).current_dir(self.folder.path()).stdin(Stdio::null());
        shell.env_clear().env("HOME", self.folder.path()).env("PATH", &self.path);
        shell
    }

    pub(crate) fn run(&self, line: &str) -> Output {
        self.shell(line).output().unwrap()
    }

    /// Runs a command, which must succeed, and returns its output.
    #[track_caller]
    pub(crate) fn expect(&self, line: &str) -> String {
        let output = self.run(line);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{line}\n{output:?}");
        text
    }

    /// Serves the example as the quick start does, and sends the printed requests.
    fn walk_quick_start(&self) {
        self.expect("portcullis init --example petstore");
        let command = "exec portcullis dev petstore --port 0 --output json";
        let dev = Dev::from_process(Process::start(&mut self.shell(command)));
        let examples = dev.ready["examples"].as_array().unwrap().clone();
        let statuses = examples.iter().map(|example| example["status"].as_u64().unwrap());
        assert_eq!(statuses.collect::<Vec<_>>(), [200, 401, 403]);
        for example in &examples {
            let status = curl_status(example["curl"].as_str().unwrap());
            assert_eq!(json!(status), example["status"]);
        }
        assert_eq!(dev.stop("INT"), Some(0), "ctrl-c ends it cleanly");
    }

    /// Both names are installed, and each is the one that help shows.
    fn expect_both_names(&self) {
        for name in ["portcullis", "deployer"] {
            let help = self.expect(&format!("{name} --help"));
            assert!(help.contains(&format!("Usage: {name} ")), "{help}");
        }
    }
}

/// The path of a program of this machine. The wrapper of a version manager would need its own settings.
fn program(name: &str) -> PathBuf {
    let script = match name {
        "python3" => "python3 -c 'import sys; print(sys._base_executable)'".to_owned(),
        "node" => "node --print process.execPath".to_owned(),
        "npm" => "dirname $(node --print process.execPath) | sed 's#$#/npm#'".to_owned(),
        _ => format!("command -v {name} || echo /usr/bin/{name}"),
    };
    let output =
        Command::new("bash").args(["-c", &format!("unalias -a; {script}")]).output().unwrap();
    let path = PathBuf::from(String::from_utf8(output.stdout).unwrap().trim());
    // A builtin of the shell has a program too.
    let path = if path.is_absolute() { path } else { Path::new("/usr/bin").join(path) };
    path.canonicalize().unwrap_or_else(|error| panic!("{name}: {}: {error}", path.display()))
}

#[test]
fn the_wheel_serves_the_quick_start_without_rust() {
    let wheel = package("portcullis_gateway-", ".whl");
    let user = User::new();
    let begin = now();
    user.expect("python3 -m venv 'the env'");
    let install = format!("'the env/bin/pip' install --quiet --no-index '{}'", wheel.display());
    user.expect(&install);
    let user = user.with_programs("the env/bin");
    user.walk_quick_start();
    eprintln!(
        "wheel: {:.1} s from an empty folder to the third response",
        begin.elapsed().as_secs_f32()
    );
    user.expect_both_names();
    // Outside of an environment, no interpreter is beside the programs.
    user.expect("mkdir alone && cp 'the env/bin/portcullis' 'the env/bin/deployer' alone");
    assert!(user.expect("alone/deployer --help").contains("Usage: deployer "));
    user.expect("pip uninstall --quiet --yes portcullis-gateway");
    assert!(!user.run("portcullis --version").status.success());
}

#[test]
fn the_npm_package_serves_the_quick_start_without_rust() {
    let user = User::new();
    let registry = Registry::start(&user.folder.path().join("registry"));
    let begin = now();
    user.expect(&format!(
        "npm install --silent --no-audit --no-fund --ignore-scripts --registry {} portcullis",
        registry.url
    ));
    let user = user.with_programs("node_modules/.bin");
    user.walk_quick_start();
    eprintln!(
        "npm: {:.1} s from an empty folder to the third response",
        begin.elapsed().as_secs_f32()
    );
    user.expect_both_names();

    // Exit codes and signals are those of the program.
    assert_eq!(user.run("portcullis check nowhere").status.code(), Some(3));
    let mut serve = user.shell("exec portcullis dev petstore --port 0 --output json");
    let dev = Dev::from_process(Process::start(&mut serve));
    assert_eq!(dev.stop("TERM"), Some(0));

    // Without the platform's package the reason is printed.
    let folder = user.folder.path().join("node_modules/@portcullis");
    fs::remove_dir_all(folder).unwrap();
    let output = user.run("portcullis --version");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("is not installed: install it from the same release"), "{text}");
}

#[test]
fn the_installer_verifies_its_download() {
    let user = User::new().with_programs("local/bin");
    let installer = package("install", ".sh");
    let command = format!("sh '{}' --prefix \"$HOME/local\"", installer.display());
    // A file that differs from the release's is not installed.
    let archive = package("portcullis-", ".tar.gz");
    // A name in the way.
    let blocked = user.folder.path().join("blocked/bin/portcullis");
    fs::create_dir_all(&blocked).unwrap();
    let output = user.run(&command.replace("/local", "/blocked"));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("bin/portcullis is a folder; nothing was installed"), "{output:?}");
    assert_eq!(files(&user.folder.path().join("blocked")), Vec::<PathBuf>::new());
    let mirror = user.folder.path().join("mirror");
    fs::create_dir(&mirror).unwrap();
    let mut damaged = fs::read(&archive).unwrap();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(mirror.join(archive.file_name().unwrap()), damaged).unwrap();
    let from_mirror = format!("PORTCULLIS_BASE_URL=file://{} {command}", mirror.display());
    let output = user.run(&from_mirror);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && text.contains("nothing was installed"), "{output:?}");
    assert_eq!(files(&user.folder.path().join("local")), Vec::<PathBuf>::new());
    fs::remove_dir_all(&mirror).unwrap();
    let output = user.run(&from_mirror);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && text.contains("the download failed"), "{output:?}");

    // Twice: the second one replaces the first.
    for _ in 0..2 {
        let output = user.expect(&command);
        assert!(output.contains("installed Portcullis "), "{output}");
    }
    user.expect_both_names();
    user.walk_quick_start();
    user.expect("test -s local/share/man/man1/portcullis.1");
    user.expect(
        "bash -c '. local/share/bash-completion/completions/portcullis && complete -p portcullis'",
    );
}

#[test]
fn every_package_contains_the_program_and_both_zips() {
    const LIMIT: u64 = 100_000_000;
    let mut sizes = Vec::new();
    for path in files(packages()) {
        let size = fs::metadata(&path).unwrap().len();
        sizes.push(format!("{size:>11}  {}", path.strip_prefix(packages()).unwrap().display()));
        assert!(size < LIMIT, "{}: {size} bytes", path.display());
    }
    eprintln!("{}", sizes.join("\n"));
    let zips = ["share/portcullis/authorizer-arm64.zip", "share/portcullis/authorizer-x86_64.zip"];
    let wheel = listed(
        "python3 -c 'import sys, zipfile; print(*zipfile.ZipFile(sys.argv[1]).namelist(), sep=chr(10))'",
        &package("portcullis_gateway-", ".whl"),
    );
    let archive = listed("tar -tzf", &package("portcullis-", "-linux-musl.tar.gz"));
    let npm = listed("tar -tzf", &package("portcullis-cli-", ".tgz"));
    for (names, program) in [
        (&wheel, ".data/scripts/portcullis"),
        (&archive, "/bin/portcullis"),
        (&npm, "package/bin/portcullis"),
    ] {
        for end in zips.iter().chain([&program]) {
            assert!(names.iter().any(|name| name.ends_with(end)), "{end}: {names:?}");
        }
    }
    let launcher = format!("portcullis-{}.tgz", env!("CARGO_PKG_VERSION"));
    let launcher = listed("tar -tzf", &package(&launcher, ""));
    assert_eq!(launcher.len(), 6, "{launcher:?}");
    // The checksums are complete and correct.
    let check = "sha256sum --strict --check SHA256SUMS && sha256sum $(find . -type f) | wc -l";
    let output = Command::new("sh").args(["-c", check]).current_dir(packages()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let verified = text.lines().filter(|line| line.ends_with(": OK")).count();
    assert_eq!(text.lines().last().unwrap(), (verified + 1).to_string());
}

#[test]
fn formula_image_and_sbom_name_what_is_in_the_packages() {
    let read = |name: &str| fs::read_to_string(packages().join(name)).unwrap();
    let archive = package("portcullis-", ".tar.gz");
    let name = archive.file_name().unwrap().to_str().unwrap();
    let sums = read("SHA256SUMS");
    let sum = sums.lines().find_map(|line| line.strip_suffix(name)).unwrap().trim();
    let formula = read("portcullis.rb");
    assert!(formula.contains(&format!("sha256 \"{sum}\"")), "{formula}");
    assert!(formula.contains(&format!("/{name}\"")), "{formula}");
    assert!(read("Containerfile").contains(&format!("ADD {name} /opt/")), "{name}");
    let sbom = fs::read_to_string(package("portcullis-", ".cyclonedx.json")).unwrap();
    assert!(!sbom.contains(root().to_str().unwrap()), "a path of this machine");
    let sbom: Value = serde_json::from_str(&sbom).unwrap();
    assert_eq!(sbom["bomFormat"], "CycloneDX");
    let components = sbom["components"].as_array().unwrap();
    for dependency in ["authorizer", "aws-lc-sys", "aws-sdk-apigateway", "lambda_runtime"] {
        assert!(components.iter().any(|one| one["name"] == dependency), "{dependency}");
    }
}

#[test]
fn the_program_is_static() {
    // A static program requests no dynamic loader (the segment PT_INTERP), so glibc and musl run it.
    let folder = tempfile::tempdir().unwrap();
    let mut unpack = Command::new("tar");
    unpack.arg("-xzf").arg(package("portcullis-", "-linux-musl.tar.gz"));
    assert!(
        unpack
            .args(["--strip-components", "1"])
            .current_dir(folder.path())
            .status()
            .unwrap()
            .success()
    );
    let mut readelf = Command::new("readelf");
    let headers =
        readelf.args(["-lW", "bin/portcullis"]).current_dir(folder.path()).output().unwrap();
    let text = String::from_utf8(headers.stdout).unwrap();
    assert!(text.contains("LOAD") && !text.contains("INTERP"), "{text}");
}

/// The names in an archive.
fn listed(program: &str, path: &Path) -> Vec<String> {
    let line = format!("{program} '{}'", path.display());
    let output = Command::new("sh").args(["-c", &line]).output().unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// A registry of npm with the packages of this platform only.
struct Registry {
    url: String,
    _server: Process,
}

impl Registry {
    fn start(folder: &Path) -> Self {
        fs::create_dir_all(folder.join("@portcullis")).unwrap();
        let mut serve = Command::new("python3");
        serve.args(["-u", "-m", "http.server", "--bind", "127.0.0.1", "0"]).current_dir(folder);
        let server = Process::start(&mut serve);
        let line = server.line(Wait::Start, |line| line.starts_with("Serving HTTP"));
        let port = line.split(' ').nth(5).unwrap();
        let url = format!("http://127.0.0.1:{port}/");
        for path in files(packages()) {
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.extension().is_none_or(|end| end != "tgz") {
                continue;
            }
            fs::copy(&path, folder.join(name)).unwrap();
            let mut manifest = manifest(&path);
            let package = manifest["name"].as_str().unwrap().to_owned();
            let version = manifest["version"].as_str().unwrap().to_owned();
            manifest["dist"] = json!({"tarball": format!("{url}{name}")});
            let versions = BTreeMap::from([(version.clone(), manifest)]);
            let document =
                json!({"name": package, "dist-tags": {"latest": version}, "versions": versions});
            fs::write(folder.join(package), document.to_string()).unwrap();
        }
        Self { url, _server: server }
    }
}

/// The `package.json` of an npm package.
fn manifest(path: &Path) -> Value {
    let mut tar = Command::new("tar");
    let output = tar.arg("-xzOf").arg(path).arg("package/package.json").output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a duration that is printed, not asserted")]
fn now() -> Instant {
    Instant::now()
}
