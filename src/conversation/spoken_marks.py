"""The markup that :mod:`.plain_speech` knows: marks that begin a line, links, addresses, tags and emoji. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

BLANKS: Final = " \t"
ESCAPED: Final = frozenset(r"\`*_{}[]()#+-.!~>|")
"""Characters that a backslash makes ordinary."""
_PICTURES = "\U0001f000-\U0001faff\u2600-\u2775\u2794-\u27bf\u2b00-\u2bff\u231a-\u23ff"
EMOJI: Final = _PICTURES + "\u200d\u20e3\ufe0e\ufe0f\U000e0020-\U000e007f"
"""Pictures, and what joins and colours them; of the dingbats, the circled digits are numbers and stay."""
LINK: Final = re.compile(
    r"!?\[([^\[\]\n]*)\]\(\s*<?[^\s()<>]*(?:\([^\s()<>]*\)[^\s()<>]*)*>?(?:\s+[\"'][^\n\"']*[\"'])?\s*\)"
)
ADDRESS: Final = re.compile(r"https?://(?:www\.)?([^\s/?#<>\"')\]]+)[^\s<>\"')\]]*", re.IGNORECASE)
TAG: Final = re.compile(r"/?[a-z][a-z0-9]*(?:\s[^<>]*)?/?", re.IGNORECASE)

_LONGEST_TEXT, _LONGEST_LINK = 200, 600
_LONGEST_START = 80
_MARKS: Final = re.compile(r"[ \t|:\-*_~`#>+•]*")
_FENCE: Final = re.compile(r"[ \t]*(?:```|~~~)[^\n]*(?:\n|\Z)")
_RULE: Final = re.compile(r"[ \t]*(?:([-*_])[ \t]*(?:\1[ \t]*){2,}|\|?[ \t]*:?-{2,}:?[ \t]*(?:\|[ \t:-]*)+)(?:\n|\Z)")
_START: Final = re.compile(
    r"[ \t]*(?:(?P<quote>>[ \t]?)|(?P<heading>#{1,6}[ \t]+)|(?P<item>(?:[*•]|[-+](?=[ \t]+[^\s\d$€£¥+\-.,]))[ \t]+)"
    r"|(?P<row>\|[ \t]*))"
)


@dataclass(frozen=True, slots=True)
class LineStart:
    """The beginning of a line: how long its marks are, and what they make of it. ``removed``: no line is left yet."""

    length: int = 0
    removed: bool = False
    item: bool = False
    row: bool = False


def line_start(text: str, *, final: bool) -> LineStart | None:
    """Return what the marks at the beginning of a line mean; None when it takes more text to tell."""
    if found := _RULE.match(text):
        return LineStart(found.end(), removed=True) if final or found[0].endswith("\n") else None
    if found := _FENCE.match(text):
        whole = final or found[0].endswith("\n") or len(text) >= _LONGEST_START
        return LineStart(found.end(), removed=True) if whole else None
    marks = _MARKS.match(text)
    if marks and marks.end() == len(text) and not final and len(text) < _LONGEST_START:
        return None
    found = _START.match(text)
    if found is None:
        return LineStart()
    kind = found.lastgroup
    return LineStart(found.end(), removed=kind == "quote", item=kind in ("heading", "item"), row=kind == "row")


def may_be_link(text: str) -> bool:
    """Return whether a text that begins with ``[`` or ``![`` and is no link yet may still become one."""
    if text == "!":
        return True
    begin = text.removeprefix("!")
    inside, closed, after = begin[1:].partition("]")
    if begin[:1] != "[" or "\n" in text or "[" in inside or len(inside) > _LONGEST_TEXT:
        return False
    if not closed or not after:
        return True
    open_ones = after.count("(") - after.count(")")
    return after[0] == "(" and open_ones > 0 and len(text) < _LONGEST_LINK
