"""The files that all platforms share. They name the packages that are in the folder."""

import fnmatch
import hashlib

from . import functions, npm, platforms, tools
from .project import ROOT, ReleaseError, environment, files, write

CHECKSUMS = "SHA256SUMS"
SHARED = ("Containerfile", "install.sh", "notes.md", "portcullis.rb", CHECKSUMS)


def build(release, out):
    check_names(release, out)
    archives = {
        platform: out / platform.archive(release.version)
        for platform in platforms.PLATFORMS.values()
        if (out / platform.archive(release.version)).exists()
    }
    if not archives:
        raise ReleaseError(f"{out} has no archive: build the part `program` first")
    npm.pack_launcher(release, out, environment(release, tools.install()))
    base = release.base_url(out)
    installer = template("install.sh.in", release, base, checksums=installer_rows(archives))
    write(out / "install.sh", installer, 0o755)
    homepage = "" if release.repository is None else f'  homepage "{release.repository}"\n'
    rows = {"platforms": formula_rows(archives, base), "homepage": homepage}
    write(out / "portcullis.rb", template("portcullis.rb.in", release, base, **rows))
    write(out / "Containerfile", template("Containerfile.in", release, base))
    write(out / "notes.md", f"{release.notes}\n".encode())
    write(out / CHECKSUMS, "".join(checksum_lines(out)).encode())


def check_names(release, out):
    """Refuses files that are not of this release: the checksums would include them."""
    version = release.version
    names = [*SHARED, *map(functions.zip_name, functions.TARGETS), f"portcullis-{version}.tgz"]
    names.append(f"portcullis_gateway-{version}-py3-none-*.whl")
    for platform in platforms.PLATFORMS.values():
        names += [platform.archive(version), platform.sbom(version), platform.npm_file(version)]
    for path in files(out):
        name = str(path.relative_to(out))
        if not any(fnmatch.fnmatchcase(name, known) for known in names):
            raise ReleaseError(f"{path} is not a file of version {version}: delete it")


def template(name, release, base, **more):
    text = (ROOT / "release/templates" / name).read_text()
    values = {"version": release.version, "base_url": base, **more}
    for key, value in values.items():
        text = text.replace(f"@{key.upper()}@", value)
    return text.encode()


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def checksum_lines(out):
    """Returns the lines of `sha256sum`, for every file but their own."""
    for path in files(out):
        if path.name != CHECKSUMS:
            yield f"{sha256(path)}  {path.relative_to(out)}\n"


def installer_rows(archives):
    rows = [f"{sha256(path)} {platform.target}" for platform, path in archives.items()]
    return "\n".join(rows)


def formula_rows(archives, base):
    """Returns the addresses by platform, as the formula's language has them."""
    lines = []
    for platform, path in archives.items():
        system = "linux" if platform.is_linux else "macos"
        processor = "arm" if platform.npm_cpu == "arm64" else "intel"
        lines += [
            f"  on_{system} do",
            f"    on_{processor} do",
            f'      url "{base}/{path.name}"',
            f'      sha256 "{sha256(path)}"',
            "    end",
            "  end",
        ]
    return "\n".join(lines)
