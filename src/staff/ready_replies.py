"""Ready replies of colleagues (``REPLIES_FILE``): texts with the customer's fields, filled in by the desk."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..errors import ConfigurationError
from .auth import StaffTokens
from .bodies import MAX_MESSAGE
from .http import answer
from .scopes import Scope

FIELDS: Final = ("name", "first_name", "plan", "order", "tracking", "colleague")
"""What a text may name in braces."""
MOST: Final = 200
_BRACES: Final = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class ReadyReply:
    """A text under the name by which colleagues find it."""

    name: str
    text: str


def load_ready_replies(file: Path | None) -> tuple[ReadyReply, ...]:
    """Read the replies of a file, in its order. Raises ConfigurationError for what does not fit."""
    if file is None:
        return ()
    try:
        if not file.is_file():
            raise OSError  # a pipe would be waited for
        table = tomllib.loads(file.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError([f"REPLIES_FILE: {file} cannot be read as a text file."]) from error
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, numbers that int() refuses, a thousand brackets
        raise ConfigurationError([f"REPLIES_FILE: {file.name} is no TOML ({error})."]) from error
    if problems := [f"REPLIES_FILE: {problem}" for problem in _misfits(table)]:
        raise ConfigurationError(problems)
    return tuple(ReadyReply(name, text.strip()) for name, text in table.items())


def _misfits(table: Mapping[str, object]) -> Iterator[str]:
    if len(table) > MOST:
        yield f"there are more than {MOST} replies."
    for name, text in table.items():
        if not isinstance(text, str) or not 0 < len(text.strip()) <= MAX_MESSAGE:
            yield f'"{name}" must be a text of 1 to {MAX_MESSAGE} characters.'
        elif unknown := sorted(set(_BRACES.findall(text)) - set(FIELDS)):
            yield f'"{name}" names {", ".join(unknown)}; there are {", ".join(FIELDS)}.'


class ReadyRepliesApi:
    """Serves the replies to colleagues who may write."""

    def __init__(self, replies: Sequence[ReadyReply], tokens: StaffTokens) -> None:
        self._replies = replies
        self._tokens = tokens

    def routes(self) -> Sequence[BaseRoute]:
        """Name the route that the app shall serve."""
        return [Route("/staff/replies", self._list, methods=["GET"])]

    async def _list(self, request: Request) -> Response:
        self._tokens.actor(request, Scope.REPLY)
        return answer({"replies": [{"name": one.name, "text": one.text} for one in self._replies]})
