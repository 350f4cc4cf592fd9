"""What is released, built from a copy of the sources, so that nothing is left in the checkout."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from scripts.build import build

ROOT = Path(__file__).parents[2]
EPOCH = 1_700_000_000


def copied(folder: Path, *, umask: int, touched: float) -> Path:
    """Copy the sources as another machine would have them: other rights, other times, another path."""
    before = os.umask(umask)
    try:
        shutil.copytree(
            ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"), copy_function=shutil.copyfile
        )
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copyfile(ROOT / name, folder / name)
        for path in folder.rglob("*"):
            os.utime(path, (touched, touched))
    finally:
        os.umask(before)
    return folder


@cache
def released() -> tuple[Path, Mapping[str, str]]:
    """Build wheel and source distribution, once in a run; return their folder, and the hash of each by its name."""
    place = tempfile.TemporaryDirectory(prefix="tandem-released-")
    atexit.register(place.cleanup)
    folder = Path(place.name, "out")
    return folder, build(copied(Path(place.name, "here"), umask=0o022, touched=EPOCH + 1e6), folder, EPOCH)


def install(wheel: Path, environment: Path) -> Path:
    """Install a wheel into a new environment with the dependencies of this one; return the environment's ``bin``."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    (library,) = environment.glob("lib/python3*/site-packages")
    (library / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    options = ("--disable-pip-version-check", "--quiet", "--no-index", "--no-deps")
    command = [sys.executable, "-m", "pip", "--python", environment / "bin/python", "install", *options, wheel]
    subprocess.run(command, check=True)
    return environment / "bin"
