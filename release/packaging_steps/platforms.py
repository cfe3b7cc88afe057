"""The platforms that packages are built for."""

import platform
from dataclasses import dataclass

from .project import ReleaseError


@dataclass(frozen=True)
class Platform:
    """A platform, with its names."""

    target: str
    """Rust's name."""
    npm_os: str
    npm_cpu: str
    wheel: tuple[str, ...]
    """The options of maturin that decide the wheel's tags."""

    @property
    def npm_package(self):
        return f"@portcullis/cli-{self.npm_os}-{self.npm_cpu}"

    @property
    def is_linux(self):
        return self.npm_os == "linux"

    def archive(self, version):
        return f"portcullis-{version}-{self.target}.tar.gz"

    def sbom(self, version):
        return f"portcullis-{version}-{self.target}.cyclonedx.json"

    def npm_file(self, version):
        return f"portcullis-cli-{self.npm_os}-{self.npm_cpu}-{version}.tgz"


# The binary for Linux is static: glibc and musl both run it.
STATIC = ("--zig", "--compatibility", "manylinux2014", "musllinux_1_1")

PLATFORMS = {
    ("Linux", "x86_64"): Platform("x86_64-unknown-linux-musl", "linux", "x64", STATIC),
    ("Linux", "aarch64"): Platform("aarch64-unknown-linux-musl", "linux", "arm64", STATIC),
    ("Darwin", "x86_64"): Platform("x86_64-apple-darwin", "darwin", "x64", ()),
    ("Darwin", "arm64"): Platform("aarch64-apple-darwin", "darwin", "arm64", ()),
}


def this():
    """Returns the platform of this machine."""
    names = (platform.system(), platform.machine())
    if names not in PLATFORMS:
        raise ReleaseError(f"{' '.join(names)} is not a platform of the packages")
    return PLATFORMS[names]
