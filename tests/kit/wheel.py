"""The wheel, built from a copy of the sources, so that nothing is left in the checkout."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[2]


def build_wheel(folder: Path) -> Path:
    """Build it in an empty folder and return its file."""
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(folder / "dist"),
        str(folder),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = (folder / "dist").glob("*.whl")
    return file


def install(wheel: Path, environment: Path) -> Path:
    """Install a wheel into a new environment with the dependencies of this one; return the environment's ``bin``."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    (library,) = environment.glob("lib/python3*/site-packages")
    (library / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    options = ("--disable-pip-version-check", "--quiet", "--no-index", "--no-deps")
    command = [sys.executable, "-m", "pip", "--python", environment / "bin/python", "install", *options, wheel]
    subprocess.run(command, check=True)
    return environment / "bin"
