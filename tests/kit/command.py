"""``tandem …`` as a process of its own, in a folder of its own and with nothing of this machine's environment."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from .forked import fork

SECONDS = 50


def tandem(
    *arguments: str, folder: Path, stdin: str = "", env: dict[str, str] | None = None, fresh: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, in a forked process or in a ``fresh`` one, as an operator does."""
    env = {"PATH": os.environ["PATH"], **(env or {})}
    if fresh:
        return subprocess.run(
            [sys.executable, "-m", "tandem", *arguments],
            cwd=folder,
            env=env,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    with tempfile.TemporaryDirectory(prefix="tandem-command-") as place:
        said, out, err = (Path(place, name) for name in ("stdin", "stdout", "stderr"))
        said.write_text(stdin, encoding="utf-8")
        process = fork(arguments, folder=folder, env=env, stdin=said, stdout=out, stderr=err)
        process.join(SECONDS)
        if process.is_alive():
            process.kill()
            raise subprocess.TimeoutExpired(arguments, SECONDS)
        texts = [path.read_text(encoding="utf-8") for path in (out, err)]
    assert process.exitcode is not None
    return subprocess.CompletedProcess(arguments, process.exitcode, *texts)
