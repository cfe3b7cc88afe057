"""The tools of a release: pinned in requirements.txt, installed in target/tools/release."""

import os
import shutil
import sys
import venv

from .project import ROOT, run

REQUIREMENTS = ROOT / "release/requirements.txt"
TOOLS = ROOT / "target/tools/release"
PIN = TOOLS.with_suffix(".pin")


def install():
    """Installs the tools, unless they are current, and returns their folder."""
    pin = REQUIREMENTS.read_text()
    if PIN.exists() and PIN.read_text() == pin:
        return TOOLS
    print("installing the build tools in target/tools/release", file=sys.stderr, flush=True)
    PIN.unlink(missing_ok=True)
    shutil.rmtree(TOOLS, ignore_errors=True)
    venv.create(TOOLS, with_pip=True)
    pip = [TOOLS / "bin/pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, "--requirement", REQUIREMENTS], os.environ)
    PIN.write_text(pin)
    return TOOLS
