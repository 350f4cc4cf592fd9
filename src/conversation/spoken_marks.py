"""Reads one mark of an answer that is spoken while it is made: how long it is, and what is said in its place. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from . import markup
from .markup import formula, is_formula, power, struck_spoken, task, undecided

_LONGEST_TAG, _LONGEST_ADDRESS = 300, 500
_LONGEST_TEXT, _LONGEST_LINK, _LONGEST_NAME = 200, 600, 41
_HTTPS: Final = "https://"
_WRAPPING: Final = frozenset({"s", "del", "strike", "sup"})
"""Tags whose words mean something else than they say."""
_CELLS: Final = frozenset({"td", "th"})
_STROKES: Final = frozenset("\u0335\u0336")
_NUMBERED: Final = re.compile(r"[ \t]*(?:\d{1,3}[.)][ \t]+)?")


class Place(NamedTuple):
    """Place of a mark: the character ``before`` it, the ``head`` of its line; ``final`` when no more text comes."""

    before: str
    head: str
    final: bool


class Read(NamedTuple):
    """Mark that was read: its length, what is read on in its place, or ``said`` as it is; ``gap``: it was a word."""

    length: int
    again: str | None = None
    said: str = ""
    gap: bool = False


def read_mark(held: str, at: Place) -> Read | None:
    """Return what the mark is that a text begins with; None when it takes more text to tell."""
    if held[0] in _STROKES:
        return Read(1)  # the letter that it strikes out is out already
    if held[1:2] in _STROKES and (held[0].isalnum() or held[0] in "$€£¥₹"):
        return _struck_letters(held, at)
    reader = _READERS.get(held[0])
    if reader is not None:
        return reader(held, at)
    if markup.EMOJI_ONLY.match(held):
        return Read(1, gap=True)
    if len(held) == 1 and not at.final and not at.before.isalnum():
        return None  # a stroke may come behind it, or the rest of an address
    return _address(held, at)


def _as_it_is(held: str, length: int = 1) -> Read:
    return Read(length, said=held[:length])


def _open(found: re.Match[str] | None, held: str, at: Place) -> bool:
    """Tell whether the character behind a mark, which is still to come, says whether it is one."""
    return found is not None and found.end() == len(held) and not at.final


def _struck_letters(held: str, at: Place) -> Read | None:
    found = None if at.before.isalnum() else markup.STRUCK_LETTERS.match(held)
    if found is None:
        return _as_it_is(held)
    if not at.final and len(held) - found.end() < 2 and held[found.end() :] != "\n":
        return None
    letters = "".join(letter for letter in found[0].rstrip(" \t\u0335\u0336") if letter not in _STROKES)
    return _struck(letters, held, 2 * len(letters), at)


def _tilde(held: str, at: Place) -> Read | None:
    """Read a subscript, or words that are struck out: their look is not heard."""
    if at.before.isalnum():
        if below := markup.SUBSCRIPT.match(held):
            return Read(below.end(), again=below[1])
        if markup.MAY_BE_SUBSCRIPT.match(held) and not at.final:
            return None
    if held.strip("~") == "" and not at.final:
        return None
    found = markup.STRUCK.match(held)
    if found is None or (found[2] and at.before.isalnum()):
        waits = markup.MAY_BE_STRUCK.match(held) and not at.final
        run = len(held) - len(held.lstrip("~"))
        return None if waits else _as_it_is(held, run) if run != 2 else Read(2)
    return _struck(found[1] or found[2], held, found.end(), at)


def _struck(old: str, held: str, length: int, at: Place) -> Read | None:
    """Read struck-out words, which with their marks have such a length."""
    behind = held[length:]
    if undecided(behind) and not at.final:
        return None
    words, more = struck_spoken(old, behind)
    return Read(length + more, again=words)


def _caret(held: str, at: Place) -> Read | None:
    found = markup.SUPERSCRIPT.match(held)
    if _open(found, held, at) or (not found and not at.final and markup.MAY_BE_SUPERSCRIPT.match(held)):
        return None
    if found is None:
        return _as_it_is(held)
    raised = next(filter(None, found.groups()))
    if at.before.isalnum() or at.before == ")":
        return Read(found.end(), said=power(raised))
    return Read(found.end(), again=raised) if found[1] else _as_it_is(held)


def _colon(held: str, at: Place) -> Read | None:
    if at.before.isalnum() or at.before in ("_", ":"):
        return _as_it_is(held)
    found = markup.SHORTCODE.match(held)
    if _open(found, held, at) or (not found and not at.final and markup.MAY_BE_SHORTCODE.match(held)):
        return None
    return Read(found.end(), gap=True) if found else _as_it_is(held)


def _dollar(held: str, at: Place) -> Read | None:
    found = None if at.before.isalnum() else markup.FORMULA.match(held)
    waits = not at.before.isalnum() and not found and not at.final and markup.MAY_BE_FORMULA.match(held)
    if _open(found, held, at) or waits:
        return None
    return _formula(found) or _as_it_is(held)


def _entity(held: str, at: Place) -> Read | None:
    if found := markup.ENTITY.match(held):
        return Read(found.end(), said=html.unescape(found[0]).replace("\u00a0", " "))
    return None if markup.MAY_BE_ENTITY.match(held) and not at.final else _as_it_is(held)


def _bracket(held: str, at: Place) -> Read | None:
    """Read a link, a footnote, the address of a link, or the box of a task."""
    first = not at.head.strip()
    if first and markup.MAY_BE_DEFINED.match(held) and not at.final:
        return None
    if first and (defined := markup.DEFINED.match(held)):
        return Read(defined.end())
    if _NUMBERED.fullmatch(at.head):
        if box := markup.TASK.match(held):
            return Read(box.end(), again=task(box[1]))
        if markup.MAY_BE_TASK.match(held) and not at.final:
            return None
    note = markup.FOOTNOTE.match(held)
    if note and note.end() == len(held) and not at.final:
        return None
    source = markup.SOURCE.match(held)
    if _open(source, held, at) or (source is None and not at.final and markup.MAY_BE_SOURCE.match(held)):
        return None
    if source and (source[0].count("[") > 1 or not (at.before.isspace() or at.before in "([{")):
        return Read(source.end(), gap=True)
    if note:
        return Read(note.end(), again=f"Note {note[1]}:" if note[2] and first else "", gap=not note[2])
    if found := markup.LINK.match(held):
        words = found["words"] or found["named"] or ""
        return Read(found.end(), again=words, gap=not words)
    return None if _may_be_link(held) and not at.final else _as_it_is(held)


def _may_be_link(text: str) -> bool:
    """Return whether a text that begins with ``[`` or ``![`` and is no link yet may still become one."""
    if text == "!":
        return True
    begin = text.removeprefix("!")
    end = _closing(begin) if begin[:1] == "[" and "\n" not in text else None
    if end is None:
        return False
    after = begin[end:]
    if not after:
        return True
    if after[0] == "[":  # the name of an address
        return "]" not in after and len(after) <= _LONGEST_NAME
    open_ones = after.count("(") - after.count(")")
    return after[0] == "(" and open_ones > 0 and len(text) < _LONGEST_LINK


def _closing(text: str) -> int | None:
    """Return where the bracket closes that a text begins with, its length while it is open; None when it is no link."""
    depth, escaped = 0, False
    for at, character in enumerate(text):
        depth += 0 if escaped else (character == "[") - (character == "]")
        escaped = character == "\\" and not escaped
        if depth == 0:
            return at + 1
        if depth > markup.DEEPEST or at > _LONGEST_TEXT:
            return None
    return len(text)


def _tag(held: str, at: Place) -> Read | None:
    inside, closed, _ = held[1:].partition(">")
    length = len(inside) + 2
    begun = not inside or inside[0].isalpha() or inside[0] == "/"
    if begun and not closed and not at.final and len(inside) < _LONGEST_TAG and "\n" not in inside:
        return None
    if not closed or "\n" in inside:
        return _as_it_is(held)
    if inside.lower() in _WRAPPING:
        words, ended, _ = held[length:].partition(f"</{inside}>")
        if not ended and not at.final and len(words) < _LONGEST_TAG:
            return None
        whole = length + len(words) + len(ended)
        if not ended or not words.strip():
            return Read(length, again="")
        if inside.lower() == "sup":  # a sign such as ® is no power
            return Read(whole, again=f"^{words}^" if words[-1].isalnum() else words)
        return _struck(words.strip(), held, whole, at)
    if inside.lower() in _CELLS:
        return Read(length, again=", " if at.head.strip() else "")
    if markup.BLOCK.fullmatch(inside):
        return Read(length, again="\n")
    if re.fullmatch(markup.BRACKETED, inside, re.IGNORECASE):
        return Read(length, again=inside.removeprefix("mailto:").removeprefix("tel:"))
    return Read(length, gap=True) if markup.TAG.fullmatch(inside) else _as_it_is(held)


def _escape(held: str, at: Place) -> Read | None:
    if len(held) == 1 and not at.final:
        return None
    if held[1:2] in ("(", "["):
        return _bracketed_formula(held, at)
    if not (at.before.isalnum() or at.before == ":"):  # C:\times is a folder
        if markup.MAY_BE_COMMAND.match(held) and not at.final:
            return None
        if found := markup.FRACTION.match(held):
            return Read(found.end(), again=f"{found[1]} over {found[2]}")
        if found := markup.WRAPPED.match(held):
            return Read(found.end(), again=found[1])
        if (found := markup.COMMAND.match(held)) and found[1] in markup.MATH:
            return Read(found.end(), said=markup.MATH[found[1]][1])
    escaped = held[1:2]
    if escaped == "\n":
        return Read(1)
    return Read(2, said=escaped) if escaped and escaped in markup.ESCAPED else _as_it_is(held)


def _bracketed_formula(held: str, at: Place) -> Read | None:
    found = markup.FORMULA.match(held)
    if found is None and not at.final and markup.MAY_BE_FORMULA.match(held):
        return None
    return _formula(found) or Read(2, said=held[1])


def _formula(found: re.Match[str] | None) -> Read | None:
    inside = next(filter(None, found.groups()[1:])) if found else ""
    if found is None or not is_formula(found[0], inside):
        return None
    return Read(found.end(), again=formula(inside, spoken=True))


def _address(held: str, at: Place) -> Read | None:
    """Read a web address, of which the host is said."""
    if at.before.isalnum():
        return _as_it_is(held)
    found = markup.ADDRESS.match(held)
    length = found.end() if found else len(_HTTPS)
    if not at.final and len(held) <= length < _LONGEST_ADDRESS:
        return None
    if found is None:
        return _as_it_is(held)
    return Read(len(found[0].rstrip(".,;:!?*_~")), said=found[1].rstrip(".,;:!?*_~"))


def _citation(held: str, at: Place) -> Read | None:
    if found := markup.CITED.match(held):
        return Read(found.end())
    return None if markup.MAY_BE_CITED.match(held) and not at.final else _as_it_is(held)


def _code(held: str, at: Place) -> Read | None:
    return Read(1, gap=True)


_READERS: Final[Mapping[str, Callable[[str, Place], Read | None]]] = {
    "~": _tilde, "^": _caret, ":": _colon, "$": _dollar, "&": _entity, "[": _bracket, "!": _bracket, "<": _tag,
    "\\": _escape, "`": _code, "【": _citation, "\ue200": _citation,
}  # fmt: skip
"""Readers by the character that a mark begins with; what has none may be an address, an emoji or struck out."""
