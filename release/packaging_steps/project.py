"""What a release is made of: the version, its notes, and the files of the project."""

import contextlib
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
    if tag is not None and tag != f"v{version}":
        raise ReleaseError(f"tag `{tag}` is not `v{version}`, the version of Cargo.toml")
    notes = section((ROOT / "CHANGELOG.md").read_text(), version, tag is not None)
    time = int(os.environ.get("SOURCE_DATE_EPOCH") or commit_time())
    address = None if repository is None else repository.rstrip("/")
    return Release(version, notes, time, address, architecture)


def commit_time():
    return run(["git", "log", "-1", "--format=%ct"], os.environ)


def section(changelog, version, is_tagged):
    """Returns the version's section. Only a release without a tag may still be `[Unreleased]`."""
    sections = {}
    for match in re.finditer(
        r"^## \[(?P<name>[^\]]+)\](?P<date> - \d{4}-\d\d-\d\d)?\n(?P<text>.*?)(?=^## |^\[[^\]]+\]: |\Z)",
        changelog,
        re.MULTILINE | re.DOTALL,
    ):
        sections[match["name"]] = (match["date"], match["text"].strip())
    date, text = sections.get(version, (None, ""))
    if not text and not is_tagged:
        return sections.get("Unreleased", (None, ""))[1]
    if not text or date is None:
        raise ReleaseError(
            f"CHANGELOG.md has no section `## [{version}] - YYYY-MM-DD` with content: rename"
            " `[Unreleased]`"
        )
    return text


@contextlib.contextmanager
def locked(out):
    """Creates the folder, and lets one build at a time write to it."""
    out.mkdir(parents=True, exist_ok=True)
    with open(out.parent / f"{out.name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def files(out):
    """Returns the files of a folder in a fixed order."""
    return sorted(path for path in out.rglob("*") if path.is_file())


def environment(release, tools):
    """Returns the environment of the build tools: pinned tools first, one time for all files."""
    path = f"{tools / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "SOURCE_DATE_EPOCH": str(release.time)}


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
