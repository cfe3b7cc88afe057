"""What a release is made of: the version, its notes, and the files of the project."""

import contextlib
import datetime
import fcntl
import os
import re
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class ReleaseError(Exception):
    """A reason the packages cannot be built."""


@dataclass(frozen=True)
class Release:
    """A release. The version is that of Cargo.toml, and nowhere else."""

    version: str
    notes: str
    """Its section of CHANGELOG.md."""
    time: int
    """The time of all packaged files, in seconds since 1970: that of the commit."""
    repository: str | None
    """The address of the repository, which is a setting of the release."""
    architecture: str | None
    """The only architecture to build the function for."""

    def base_url(self, out):
        """Returns the address of the release's files: of the local folder without a repository."""
        if self.repository is None:
            return out.as_uri()
        return f"{self.repository}/releases/download/v{self.version}"


def release(tag, repository, architecture):
    manifest = tomllib.loads((ROOT / "Cargo.toml").read_text())
    version = manifest["workspace"]["package"]["version"]
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise ReleaseError(f"version `{version}` of Cargo.toml is not MAJOR.MINOR.PATCH")
    if tag is not None and tag != f"v{version}":
        raise ReleaseError(f"tag `{tag}` is not `v{version}`, the version of Cargo.toml")
    notes = section((ROOT / "CHANGELOG.md").read_text(), version, tag is not None)
    if tag is not None and repository is None:
        raise ReleaseError("`--tag` requires `--repository`: published packages name it")
    address = None if repository is None else repository.rstrip("/").removesuffix(".git")
    return Release(version, notes, time_of_files(), address, architecture)


def time_of_files():
    variable = "SOURCE_DATE_EPOCH"
    if variable in os.environ:
        text = os.environ[variable]
    elif (ROOT / ".git").exists():
        text = run(["git", "log", "-1", "--format=%ct"], os.environ).strip()
    else:
        raise ReleaseError(f"without Git, set {variable}: the time of all files, in seconds since 1970")
    if not text.isdecimal():
        raise ReleaseError(f"invalid {variable} `{text}`: expected seconds since 1970")
    return int(text)


def section(changelog, version, is_tagged):
    """Returns the version's section. Only a release without a tag may still be `[Unreleased]`."""
    sections, heading = {}, None
    for line in changelog.splitlines():
        if match := re.fullmatch(r"## \[([^\]]+)\](?: - (\S+))?", line):
            heading = match[1]
            if heading in sections:
                raise ReleaseError(f"CHANGELOG.md has two sections `## [{heading}]`")
            sections[heading] = (match[2], [])
        elif heading is not None:
            sections[heading][1].append(line)
    texts = {name: "\n".join(lines).strip() for name, (_, lines) in sections.items()}
    unreleased = texts.get("Unreleased", "")
    if not is_tagged:
        return texts.get(version) or unreleased
    if unreleased:
        raise ReleaseError(f"CHANGELOG.md has changes in `[Unreleased]`: move them to `[{version}]`")
    if not texts.get(version) or not is_date(sections[version][0]):
        raise ReleaseError(
            f"CHANGELOG.md has no section `## [{version}] - YYYY-MM-DD` with a date and content"
        )
    return texts[version]


def is_date(text):
    try:
        return datetime.date.fromisoformat(text or "").isoformat() == text
    except ValueError:
        return False


@contextlib.contextmanager
def locked(out):
    """Creates the folder, and lets one build at a time write to it."""
    out.mkdir(parents=True, exist_ok=True)
    with open(out.parent / f"{out.name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def write(path, content, mode=0o644):
    """Replaces a file in one step, unless it is equal: another process may read it."""
    if path.exists() and path.read_bytes() == content:
        return
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_bytes(content)
    temporary.chmod(mode)
    temporary.replace(path)


def files(out):
    """Returns the files of a folder in a fixed order."""
    return sorted(path for path in out.rglob("*") if path.is_file())


def environment(release, tools):
    """Returns the environment of the build tools: pinned tools first, one time for all files."""
    env = {
        name: value
        for name, value in os.environ.items()
        # A user's flags are for the user's machine.
        if name not in ("CARGO_TARGET_DIR", "RUSTFLAGS") and not name.endswith("_RUSTFLAGS")
    }
    env["PATH"] = f"{tools / 'bin'}{os.pathsep}{os.environ['PATH']}"
    env["SOURCE_DATE_EPOCH"] = str(release.time)
    # Panic messages name source files: the bytes depend neither on this folder nor on CARGO_HOME.
    home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo").absolute()
    flags = [f"--remap-path-prefix={home}=/cargo", f"--remap-path-prefix={ROOT}=/portcullis"]
    env["CARGO_ENCODED_RUSTFLAGS"] = "\x1f".join(flags)
    return env


def run(command, env, **options):
    """Runs a command in the project's folder and returns its output."""
    try:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=options.pop("cwd", ROOT),
            env=env,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            **options,
        )
    except FileNotFoundError as error:
        raise ReleaseError(f"`{command[0]}` is not installed") from error
    except subprocess.CalledProcessError as error:
        raise ReleaseError(f"`{command[0]}` failed with exit code {error.returncode}") from error
    return done.stdout
