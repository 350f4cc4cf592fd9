"""View of the staff page: of customers, aliases and the ends of their own numbers, until a number is revealed."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from starlette.requests import Request

from ..model import SubjectId
from ..persistence.redaction import pattern_of
from .aliases import Aliases
from .customer_directory import masked_number

_PHONE = re.compile(r"\bphone_[0-9]{4,20}\b", re.ASCII)
_NOBODY: Final = "withheld_"
_AS_WRITTEN: Final = frozenset({"arguments", "editedArguments"})
"""Of a request: what staff decide about is what will be carried out, letter for letter."""

Numbers = Mapping[str, str]
NumbersOf = Callable[[Sequence[SubjectId]], Awaitable[Numbers]]
"""Returns the numbers of subjects whose ids do not tell them, as far as they are known."""


class PageView:
    """Returns answers as their sender may see them: a program everything, a page no id that tells a number.

    A customer's number is hidden in everything that stands under their ``subjectId``.
    """

    def __init__(self, aliases: Aliases, numbers_of: NumbersOf) -> None:
        self.aliases = aliases
        self._numbers_of = numbers_of

    def cursor(self, request: Request) -> str | None:
        """Return where a list is to go on, None for its beginning."""
        return self.aliases.named(request.query_params.get("cursor") or "") or None

    async def seen(self, request: Request, content: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what the sender of a request may see of an answer."""
        if not by_page(request):
            return content
        asked = [SubjectId(one) for one in dict.fromkeys(_subjects(content)) if not _tells(one)]
        shown: dict[str, Any] = self._veil(content, None, await self._numbers_of(asked) if asked else {})
        if isinstance(following := shown.get("next"), str):
            shown["next"] = self.aliases.of(following)  # where a list goes on: behind a customer, who is named in it
        return shown

    def _veil(self, value: Any, number: str | None, numbers: Numbers) -> Any:
        if isinstance(value, Mapping):
            subject = value.get("subjectId")
            if isinstance(subject, str):
                number = _number_of(subject) or numbers.get(subject) or number
            shown = {str(key): self._field(str(key), inner, value, number, numbers) for key, inner in value.items()}
            return {"contact": masked_number(number), **shown} if isinstance(subject, str) else shown
        if isinstance(value, list | tuple):
            return [self._veil(inner, number, numbers) for inner in value]
        return self._text(value, number) if isinstance(value, str) else value

    def _field(self, key: str, inner: Any, of: Mapping[str, Any], number: str | None, numbers: Numbers) -> Any:
        if key in _AS_WRITTEN and "toolCallId" in of:
            return inner
        if key == "subjectId" and isinstance(inner, str):
            return self.aliases.of(inner)
        return self._veil(inner, number, numbers)

    def _text(self, text: str, number: str | None) -> str:
        text = _PHONE.sub(lambda found: self.aliases.of(found[0]), text)
        return text if number is None else _spellings(number).sub(masked_number(number) or "", text)


def by_page(request: Request) -> bool:
    """Tell whether a page of ours sent a request, and no program with a token."""
    return "authorization" not in request.headers


def _subjects(value: Any) -> Iterator[str]:
    """Yield whom an answer is about."""
    if isinstance(value, Mapping):
        if isinstance(subject := value.get("subjectId"), str):
            yield subject
        value = tuple(value.values())
    if isinstance(value, list | tuple):
        for inner in value:
            yield from _subjects(inner)


def _tells(subject: str) -> bool:
    """Tell whether an id says the number, or that there is none."""
    return subject.startswith(_NOBODY) or _number_of(subject) is not None


@lru_cache(maxsize=4096)
def _spellings(number: str) -> re.Pattern[str]:
    return pattern_of(number)


def _number_of(subject: str) -> str | None:
    return f"+{subject.removeprefix('phone_')}" if _PHONE.fullmatch(subject) else None
