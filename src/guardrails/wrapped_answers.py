"""Takes an answer out of what a model put around it: a JSON object, a fence of code, the name of its role. Pure.

Small models answer as if a program read them. Data without words for a customer becomes nothing, and they are told what
they are told of every answer without words: of braces and names of fields they could make nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from .thoughts import bare

ANSWERS: Final = ("answer", "reply", "response", "message", "text", "content")
"""Names of the field that is the answer, the likeliest first; without one of them, the only text is."""
_ROLES: Final = (
    "assistant", "ai", "ai assistant", "virtual assistant", "agent", "ai agent", "support agent", "support assistant",
    "customer support agent", "customer service agent", "bot", "chatbot", "ai model", "response", "answer",
    "final answer", "final response", "json",
)  # fmt: skip
_ROLE: Final = "|".join(sorted((role.replace(" ", "[ _-]") for role in _ROLES), key=len, reverse=True))
_NAMED: Final = re.compile(
    rf"\s*(?:(?:#{{1,6}}\s*)?(?:(?P<mark>\*{{1,3}}|_{{1,3}})(?:{_ROLE})(?:(?P=mark)[ \t]?[:：]|[:：][ \t]?(?P=mark))"
    rf"|\[(?:{_ROLE})\][ \t]?[:：]?|(?:{_ROLE})[ \t]?[:：])|(?:assistant|model)[ \t]*\n)\s*(?=\S|\Z)",
    re.IGNORECASE,
)
"""A role's name with its colon, or on a line of its own, where the words begin."""
_OTHERS: Final = re.compile(r"\n\s*[*_]{0,3}(?:user|human)[*_]{0,3}[ \t]?[:：].*", re.DOTALL | re.IGNORECASE)
"""The turn of another role, which a model makes up behind an answer that it began with its own role."""
_MAY_BE_OTHERS: Final = re.compile(
    r"\n\s*[*_]{0,3}(?:u(?:s(?:er?)?)?|h(?:u(?:m(?:an?)?)?)?|(?:user|human)[*_]{0,3}[ \t]?)?\Z", re.IGNORECASE
)
_MARKS: Final = " \t\r\n*_#["
_BEHIND: Final = " \t\r\n*_]:："
_DATA: Final = re.compile(r"\s*(?:```[a-z]{0,10}\s*|json\s*)?(?:\{|\[\s*[\"\[{])|\s*\"\s*\{\s*\\\"", re.IGNORECASE)
"""What begins JSON, in a fence, behind what is left of one, or without."""
_MAY_BE_DATA: Final = re.compile(
    r"\s*(?:`{1,2}|(?:```[a-z]{0,10}|json)(?:\s*\[?\s*))\Z|\s*\[\s*\Z|\s*\"\s*(?:\{\s*\\?)?\Z", re.IGNORECASE
)
_FENCED: Final = re.compile(r"\s*```[a-z]{0,10}\s*(?P<inside>.*?)\s*(?:```|\Z)(?P<rest>.*)", re.DOTALL | re.IGNORECASE)
_LEFT_OF_FENCE: Final = re.compile(r"\A\s*(?:json)?\s*", re.IGNORECASE)
_BROKEN: Final = re.compile(
    rf"[{{,]\s*[\"'](?:{'|'.join(ANSWERS)})[\"']\s*:\s*(?P<quote>[\"'])(?P<said>.*?)"
    r"(?:(?<!\\)(?P=quote)(?=\s*(?:[,}\n]|\Z))|\Z)",
    re.DOTALL | re.IGNORECASE,
)
"""The answer in JSON that was cut off, or quoted as Python does."""
_KEYED: Final = re.compile(r"\[?\s*\{\s*[\"'][^\"'\n]{1,60}[\"']\s*:")
"""Data all the same."""
_ESCAPE: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "t": "\t", "r": "", "b": "", "f": ""}
_MOST: Final = 4
"""What is wrapped in what is wrapped."""
_DEEPEST: Final = 8


def unwrapped(text: str) -> str:
    """Return an answer without what a model put around it; the same text where there is nothing."""
    for _ in range(_MOST):
        before = text
        if _NAMED.match(text):
            text = _OTHERS.sub("", _NAMED.sub("", text, count=1), count=1)
        if _DATA.match(text):
            text = _of_data(bare(text))
        if text == before:
            break
    return text


def _of_data(text: str) -> str:
    """Return the words of a text that begins as JSON does, and what stands behind it."""
    fenced = _FENCED.match(text)
    left, behind = (fenced["inside"], fenced["rest"]) if fenced else (_LEFT_OF_FENCE.sub("", text), "")
    parts = list[str]()
    while left and (not parts or left[0] == "{"):  # some write one object behind the other
        try:
            found, end = json.JSONDecoder(strict=False).raw_decode(left)
        except (ValueError, RecursionError):
            break
        parts.append(words_of(found))
        left = left[end:].strip()
        if isinstance(found, list) and (left or behind.strip()):  # ["words"](address) is a link
            return text
    if not parts:
        cut = _BROKEN.search(left)
        return _ESCAPE.sub(_character, cut["said"]) if cut else "" if _KEYED.match(left) else text
    return "\n".join(filter(None, (*parts, left, behind.strip())))


def _character(escape: re.Match[str]) -> str:
    code = escape[1]
    return chr(int(code[1:], 16)) if len(code) > 1 else _ESCAPED.get(code, code)


def words_of(value: Any, depth: int = 0) -> str:
    """Return the words that data holds for a customer: those of the field that is the answer. Empty without any."""
    if isinstance(value, str):
        return value if value.strip() else ""
    if depth > _DEEPEST:
        return ""
    if isinstance(value, Mapping):
        words = {str(name).lower(): found for name, one in value.items() if (found := words_of(one, depth + 1))}
        texts = [str(name).lower() for name, one in value.items() if isinstance(one, str) and one.strip()]
        name = next((one for one in ANSWERS if one in words), None) or chosen(texts) or chosen(tuple(words))
        return words[name] if name else ""
    parts = [words_of(one, depth + 1) for one in value] if isinstance(value, Sequence) else []
    return "\n".join(parts) if all(parts) else ""


def chosen(names: Sequence[str]) -> str | None:
    """Return which of the names of texts is the answer's."""
    known = [name for name in ANSWERS if name in names]
    return known[0] if known else names[0] if len(names) == 1 else None


class Unwrapping:
    """The same for an answer that streams: held back is what may still be a role's name, and data to its end."""

    def __init__(self) -> None:
        self.held: str | None = ""
        """What has not gone out; None once all that comes is words."""
        self._line: str | None = None
        """The end of what came, which may begin another role's turn; None where none can."""
        self._over = False

    def feed(self, piece: str) -> str:
        """Take in the next piece, and return what may be said now."""
        if self.held is None:
            return piece if self._line is None else self._own(piece)
        self.held += piece
        if _undecided(self.held):
            return ""
        begun, self.held = self.held, None
        if _NAMED.match(begun) is None:
            return unwrapped(begun)
        self._line = ""
        return self._own(unwrapped(begun))

    def _own(self, text: str) -> str:
        """Return what is the model's own turn; behind it nothing is."""
        if self._over:
            return ""
        text = f"{self._line}{text}"
        own = _OTHERS.sub("", text, count=1)
        self._over = own != text
        may_be = None if self._over else _MAY_BE_OTHERS.search(own)
        self._line = own[may_be.start() :] if may_be else ""
        return own[: len(own) - len(self._line)]

    def end(self) -> str:
        """Return what is held back; what follows is another answer."""
        rest = unwrapped(self.held) if self.held else self._line or ""
        self.held, self._line, self._over = "", None, False
        return rest


def _undecided(text: str) -> bool:
    """Tell whether it takes more text to say what an answer begins with."""
    for _ in range(_MOST):
        if _NAMED.match(text) is None:
            break
        text = _NAMED.sub("", text, count=1)
    if _DATA.match(text) or _MAY_BE_DATA.match(text):
        return True
    name = text.lower().lstrip(_MARKS).replace("_", " ").replace("-", " ")
    begun = name.rstrip(_BEHIND)
    return any(role.startswith(name) or role == begun for role in (*_ROLES, "model"))
