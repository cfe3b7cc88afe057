"""The files that all platforms share. They name the packages that are in the folder."""

import hashlib

from . import npm, platforms, tools
from .project import ROOT, ReleaseError, environment, files

CHECKSUMS = "SHA256SUMS"
PACKAGES = (".gz", ".tgz", ".whl")


def build(release, out):
    archives = {
        platform: out / platform.archive(release.version)
        for platform in platforms.PLATFORMS.values()
        if (out / platform.archive(release.version)).exists()
    }
    if not archives:
        raise ReleaseError(f"{out} has no archive: build the part `program` first")
    for path in files(out):
        if path.suffix in PACKAGES and release.version not in path.name:
            raise ReleaseError(f"{path} is not of version {release.version}: delete it")
    npm.pack_launcher(release, out, environment(release, tools.install()))
    base = release.base_url(out)
    installer = template("install.sh.in", release, base, checksums=installer_rows(archives))
    (out / "install.sh").write_text(installer)
    (out / "install.sh").chmod(0o755)
    rows = formula_rows(archives, base)
    formula = template("portcullis.rb.in", release, base, platforms=rows, homepage=release.repository or "")
    (out / "portcullis.rb").write_text(formula)
    (out / "Containerfile").write_text(template("Containerfile.in", release, base))
    (out / "notes.md").write_text(release.notes + "\n")
    (out / CHECKSUMS).write_text("".join(checksum_lines(out)))


def template(name, release, base, **more):
    text = (ROOT / "release/templates" / name).read_text()
    values = {"version": release.version, "base_url": base, **more}
    for key, value in values.items():
        text = text.replace(f"@{key.upper()}@", value)
    return text


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
