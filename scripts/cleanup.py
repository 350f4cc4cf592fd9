#!/usr/bin/env python3
"""tandem cleanup, for cron: works from any folder and under any Python, with the checkout's .env and .venv.

17 3 * * *  /path/to/tandem/scripts/cleanup.py --days 30
"""

import importlib.util
import os
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
PYTHON = CHECKOUT / ".venv" / "bin" / "python"


def main():
    python = str(PYTHON) if PYTHON.exists() else sys.executable
    if not PYTHON.exists() and importlib.util.find_spec("tandem") is None:
        sys.exit("cleanup: failed. {} is missing; run `make run` there once.".format(CHECKOUT / ".venv"))
    os.chdir(str(CHECKOUT))
    # -P: nothing that lies in the checkout is imported by mistake.
    os.execv(python, [python, "-P", "-m", "tandem", "cleanup", *sys.argv[1:]])  # noqa: S606


if __name__ == "__main__":
    main()
