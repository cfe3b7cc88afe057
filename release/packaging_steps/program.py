"""The program's packages for this platform: wheel, archive, npm package and SBOM."""

import json
import shutil
import tempfile
import zipfile
from pathlib import Path

from . import functions, npm, platforms, tools
from .archive import tar_of
from .project import ROOT, ReleaseError, environment, run, write

MAN = "share/man/man1"
COMPLETIONS = {
    "bash": "share/bash-completion/completions/{name}",
    "fish": "share/fish/vendor_completions.d/{name}.fish",
    "zsh": "share/zsh/site-functions/_{name}",
}


def build(release, out):
    target = platforms.this()
    zips = [out / functions.zip_name(architecture) for architecture in functions.TARGETS]
    for path in zips:
        if not path.exists():
            raise ReleaseError(f"{path} does not exist: build the part `functions` first")
    env = environment(release, tools.install())
    functions.add_target(target.target)
    # Inside the project: rust-toolchain.toml and .cargo/config.toml apply.
    with tempfile.TemporaryDirectory(dir=ROOT / "target") as folder:
        wheel = build_wheel(release, target, zips, Path(folder), out, env)
        prefix = Path(folder) / target.archive(release.version).removesuffix(".tar.gz")
        install(wheel, zips, prefix)
        write(out / target.sbom(release.version), sbom(wheel))
        npm.pack_platform(release, target, prefix, out, env)
        add_texts(prefix, env)
        write(out / target.archive(release.version), tar_of(prefix, release.time))


def build_wheel(release, target, zips, folder, out, env):
    """Compiles the program and packs it with the zips."""
    project = folder / "python"
    shutil.copytree(ROOT / "release/python", project)
    shutil.copy(ROOT / "release/package.md", project / "README.md")
    shutil.copy(ROOT / "LICENSE", project)
    template = project / "pyproject.toml.in"
    text = template.read_text().replace("@ROOT@", str(ROOT))
    if release.repository is not None:
        text += f'\n[project.urls]\nRepository = "{release.repository}"\n'
    (project / "pyproject.toml").write_text(text)
    shared = project / "data/data/share/portcullis"
    shared.mkdir(parents=True)
    for path in zips:
        shutil.copy(path, shared)
    print(f"compiling the program for {target.target}", flush=True)
    wheels = folder / "wheels"
    command = ["maturin", "build", "--target", target.target, *target.wheel]
    command += ["--target-dir", functions.BUILD, "--out", wheels]
    run(command, env, cwd=project)
    (wheel,) = wheels.iterdir()
    write(out / wheel.name, wheel.read_bytes())
    return wheel


def member(wheel, end):
    """Returns the one file of a wheel whose name has this end."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(end)]
        return archive.read(name)


def sbom(wheel):
    """Returns the SBOM that maturin made, without the folder of this machine."""
    text = member(wheel, ".cyclonedx.json").decode().replace(str(ROOT), "/portcullis")
    return json.dumps(json.loads(text), indent=1).encode()


def install(wheel, zips, prefix):
    """Creates the installed form: the program with its two names, and the function's zips."""
    (prefix / "bin").mkdir(parents=True)
    program = prefix / "bin/portcullis"
    program.write_bytes(member(wheel, ".data/scripts/portcullis"))
    program.chmod(0o755)
    (prefix / "share/portcullis").mkdir(parents=True)
    for path in zips:
        shutil.copy(path, prefix / "share/portcullis")
    shutil.copy(ROOT / "LICENSE", prefix)


def add_texts(prefix, env):
    """Adds the second name, manual pages, completions and documents."""
    (prefix / "bin/deployer").symlink_to("portcullis")
    (prefix / MAN).mkdir(parents=True)
    for name in ["portcullis", "deployer"]:
        run([prefix / "bin" / name, "man", prefix / MAN], env)
    for shell, path in COMPLETIONS.items():
        for name in ["portcullis", "deployer"]:
            file = prefix / path.format(name=name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(run([prefix / "bin" / name, "completions", shell], env))
    shutil.copy(ROOT / "release/package.md", prefix / "README.md")
    shutil.copy(ROOT / "CHANGELOG.md", prefix)
