"""The npm packages: one for each platform, and the launcher that depends on them."""

import json
import shutil
import tempfile
from pathlib import Path

from . import platforms
from .project import ROOT, run, write

NODE = ">=18"


def pack_platform(release, target, prefix, out, env):
    """Packs the installed form of a platform."""
    description = f"The program of `portcullis` for {target.npm_os} {target.npm_cpu}"
    manifest = common(release, target.npm_package, description)
    manifest |= {"os": [target.npm_os], "cpu": [target.npm_cpu], "files": ["bin", "share"]}
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "package"
        shutil.copytree(prefix, package)
        pack(package, manifest, out, env)


def pack_launcher(release, out, env):
    """Packs the launcher. Its package manager installs the one platform's package that fits."""
    description = "Authorization for Amazon API Gateway REST APIs, compiled from your OpenAPI document"
    manifest = common(release, "portcullis", description)
    packages = sorted(platform.npm_package for platform in platforms.PLATFORMS.values())
    manifest |= {
        "keywords": ["api-gateway", "authorizer", "aws", "jwt", "openapi"],
        "bin": {"portcullis": "bin/portcullis.js", "deployer": "bin/deployer.js"},
        "files": ["bin", "start.js"],
        "engines": {"node": NODE},
        "optionalDependencies": {package: release.version for package in packages},
    }
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "package"
        shutil.copytree(ROOT / "release/npm", package)
        shutil.copy(ROOT / "LICENSE", package)
        pack(package, manifest, out, env)


def common(release, name, description):
    manifest = {"name": name, "version": release.version, "description": description}
    manifest["license"] = "MIT OR Apache-2.0"
    if release.repository is not None:
        manifest["repository"] = {"type": "git", "url": f"git+{release.repository}.git"}
    return manifest


def pack(package, manifest, out, env):
    shutil.copy(ROOT / "release/package.md", package / "README.md")
    (package / "package.json").write_text(json.dumps(manifest, indent=2))
    # npm packs the modes of files as they are.
    for path in package.rglob("*"):
        is_program = path.is_dir() or path.stat().st_mode & 0o100
        path.chmod(0o755 if is_program else 0o644)
    packed = package.parent
    run(["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", packed], env, cwd=package)
    (path,) = packed.glob("*.tgz")
    write(out / path.name, path.read_bytes())
