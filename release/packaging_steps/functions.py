"""The authorizer's function: one zip for each architecture of Lambda."""

import os
import shutil

from . import tools
from .archive import zip_of
from .project import ROOT, environment, run, write

BUILD = ROOT / "target/packages-build"

# Lambda's name of an architecture, in the name of the zip, and Rust's name of a static target.
TARGETS = {"arm64": "aarch64-unknown-linux-musl", "x86_64": "x86_64-unknown-linux-musl"}


def zip_name(architecture):
    return f"authorizer-{architecture}.zip"


def build(release, out):
    for architecture, target in TARGETS.items():
        if release.architecture not in (None, architecture):
            continue
        print(f"compiling the function for {architecture}", flush=True)
        binary = compile_function(release, target)
        write(out / zip_name(architecture), zip_of("bootstrap", binary))


def compile_function(release, target):
    """Returns the binary."""
    env = environment(release, tools.install())
    add_target(target)
    # Not cargo lambda, which has no folder of its own: a build with other flags at the same time would
    # replace the binary. Both compile with zig and the profile `lambda`.
    command = ["cargo", "zigbuild", "--locked", "--profile", "lambda", "--target-dir", BUILD]
    run([*command, "--package", "authorizer", "--bin", "bootstrap", "--target", target], env)
    return (BUILD / target / "lambda/bootstrap").read_bytes()


def add_target(target):
    """Installs the target's standard library. Without rustup it is expected to be installed."""
    if shutil.which("rustup"):
        # In the project's folder: rust-toolchain.toml names the toolchain.
        run(["rustup", "--quiet", "target", "add", target], os.environ)
