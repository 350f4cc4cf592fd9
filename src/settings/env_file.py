"""The ``.env`` file: its names and values as they are written, and on which line each is."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dotenv.parser import parse_stream
from pydantic.fields import FieldInfo


@dataclass(slots=True)
class EnvFile:
    """A file that was read. ``values`` are by names in capitals: ``port=3193`` is PORT."""

    path: Path
    values: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    @property
    def there(self) -> bool:
        """Tell whether there is such a file."""
        return self.path.is_file()

    def place(self, name: str) -> str:
        """Say where a name is."""
        return f"{self.path}, line {self.lines[name]}"


def read_env_file(path: Path) -> EnvFile:
    """Read a file, literally: a dollar sign in a secret is a dollar sign. One that is missing holds nothing."""
    file = EnvFile(path.absolute())
    if not path.exists():
        return file
    try:
        text = path.read_text("utf-8-sig")  # some editors put a mark before the first name
    except (OSError, UnicodeDecodeError):
        file.problems.append(f"{path} cannot be read as a text file.")
        return file
    for binding in parse_stream(io.StringIO(text)):
        text = binding.original.string  # with the empty lines above it
        line = binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")
        if binding.error:
            file.notices.append(f"{file.path}, line {line}, changes nothing: a line is NAME=value.")
        elif binding.key is not None:
            _note(file, binding.key.upper(), (binding.value or "").strip(), line)
    return file


def _note(file: EnvFile, name: str, value: str, line: int) -> None:
    if value and file.values.get(name):
        file.notices.append(f"{name} is set twice; {file.path}, line {line}, counts.")
    if value or name not in file.values:
        file.values[name], file.lines[name] = value, line


def written(field: FieldInfo) -> str:
    """Return a setting's default, spelled as in an environment file."""
    default = field.get_default(call_default_factory=True)
    if default is None or default in ((), {}):
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, Path):
        return f"./{default}"
    return f"{default:g}" if isinstance(default, float) else str(default)


def above(folder: Path) -> Iterator[Path]:
    """Yield the ``.env`` files of the folders above one: they are not read, and often meant."""
    for parent in folder.absolute().parents:
        if (parent / ".env").is_file():
            yield parent / ".env"
