"""The authorizer's function: one zip for each architecture of Lambda."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from . import tools
from .archive import write_zip
from .project import ROOT, environment, run

# Lambda's name of an architecture, in the name of the zip, and Rust's name of a static target.
TARGETS = {"arm64": "aarch64-unknown-linux-musl", "x86_64": "x86_64-unknown-linux-musl"}


def zip_name(architecture):
    return f"authorizer-{architecture}.zip"


def build(release, out):
    for architecture, target in TARGETS.items():
        if release.architecture not in (None, architecture):
            continue
        print(f"compiling the function for {architecture}", flush=True)
        write_zip(out / zip_name(architecture), "bootstrap", compile_function(release, target))


def compile_function(release, target):
    """Returns the binary. Its bytes depend neither on the folder nor on CARGO_HOME."""
    env = environment(release, tools.install())
    home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    # Panic messages name source files.
    env["RUSTFLAGS"] = f"--remap-path-prefix={home}=/cargo --remap-path-prefix={ROOT}=/portcullis"
    add_target(target)
    with tempfile.TemporaryDirectory() as folder:
        command = ["cargo", "lambda", "build", "--quiet", "--locked", "--profile", "lambda"]
        command += ["--package", "authorizer", "--bin", "bootstrap", "--target", target]
        run([*command, "--lambda-dir", folder], env)
        return (Path(folder) / "bootstrap/bootstrap").read_bytes()


def add_target(target):
    """Installs the target's standard library. Without rustup it is expected to be installed."""
    if shutil.which("rustup"):
        # In the project's folder: rust-toolchain.toml names the toolchain.
        subprocess.run(["rustup", "--quiet", "target", "add", target], cwd=ROOT, check=True)
