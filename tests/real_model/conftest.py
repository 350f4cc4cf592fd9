"""A real model behind llama.cpp's own server, started once for the whole run."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

SECONDS_TO_START = 120


@pytest.fixture(scope="session")
def llama() -> Iterator[str]:
    """Start the server with the Python that ``REAL_MODEL_PYTHON`` names, and return its address."""
    command = [os.environ["REAL_MODEL_PYTHON"], str(Path(__file__).with_name("llama_server.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        late = threading.Timer(SECONDS_TO_START, process.kill)
        late.start()
        try:
            address = next((line.strip() for line in process.stdout if line.startswith("http")), "")
            assert address, "llama.cpp's server did not start"
            late.cancel()
            # What it prints from now on nobody needs; unread, it would block the server.
            threading.Thread(target=process.stdout.read, daemon=True).start()
            yield address
        finally:
            late.cancel()
            process.stdin.close()
            process.kill()
