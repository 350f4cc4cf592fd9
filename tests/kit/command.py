"""``tandem …`` as a process of its own, in a folder of its own and with nothing of this machine's environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def tandem(
    *arguments: str, folder: Path, stdin: str = "", env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "tandem", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **(env or {})},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
