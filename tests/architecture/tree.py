"""Where things are in the checkout, for the tests that read it."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"
MADE_BY_TOOLS = {"__pycache__", "build", "data", "dist", "node_modules"}


def modules() -> list[Path]:
    """Return every Python file of the package, relative to it."""
    return sorted(path.relative_to(SRC) for path in SRC.rglob("*.py"))


def texts() -> list[Path]:
    """Return every file of the checkout that is a text: pictures and databases hold NUL bytes."""
    return [path for path in _walk(ROOT) if b"\0" not in path.read_bytes()]


def _walk(folder: Path) -> list[Path]:
    found: list[Path] = []
    for path in sorted(folder.iterdir()):
        hidden = path.name.startswith(".") and path.name not in {".ci", ".env.example", ".gitignore"}
        if hidden or path.name in MADE_BY_TOOLS or path.name.endswith(".egg-info"):
            continue
        found += _walk(path) if path.is_dir() else [path]
    return found
