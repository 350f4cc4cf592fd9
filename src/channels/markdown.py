"""Markdown as plain text: what a telephone would otherwise show as stray asterisks. Pure."""

from __future__ import annotations

import re

_BLANKS = re.compile(r"[ \t]{2,}")
_KEPT = re.compile(r"(https?://[^\s<>]+)|\\([\\`*_{}\[\]()#+\-.!~>|])", re.IGNORECASE)
"""Web addresses, and characters that a backslash makes ordinary."""
_LINK = re.compile(
    r"!?\[([^\[\]\n]*)\]\(\s*<?([^\s()<>]*(?:\([^\s()<>]*\)[^\s()<>]*)*)>?(?:\s+[\"'][^\n\"']*[\"'])?\s*\)"
)
_AUTOLINK = re.compile(r"<(https?://[^\s<>]+|mailto:[^\s<>]+)>", re.IGNORECASE)

_LINES = (
    (re.compile(r"^[ \t]*(?:```|~~~).*$\n?", re.MULTILINE), ""),  # fences go, what they hold stays
    (re.compile(r"^[ \t]*(?:[-*_][ \t]*){3,}$", re.MULTILINE), ""),  # rules
    (re.compile(r"^[ \t]*\|?[ \t]*:?-{2,}:?[ \t]*(?:\|[ \t:-]*)+$\n?", re.MULTILINE), ""),  # a table's second row
    (re.compile(r"^[ \t]{0,3}#{1,6}[ \t]+(.*?)[ \t]*#*$", re.MULTILINE), r"\1"),
    (re.compile(r"^[ \t]*(?:>[ \t]?)+", re.MULTILINE), ""),
    (re.compile(r"^([ \t]*)[*+•][ \t]+", re.MULTILINE), r"\1- "),
)

# An emphasis mark touches its words on the inside and nothing wordlike outside: ORD_12345 and 2*3*4 stay.
_INLINE = (
    (re.compile(r"(`+)([^`\n]+?)\1(?!`)"), r"\2"),
    (re.compile(r"(?<![\w*])\*{1,3}(?=[^\s*])([^*\n]*[^\s*])\*{1,3}(?![\w*])"), r"\1"),
    (re.compile(r"(?<!\w)_{1,3}(?=[^\s_])([^\n]{0,300}?[^\s_])_{1,3}(?!\w)"), r"\1"),
    (re.compile(r"~~(?=\S)([^~\n]*\S)~~"), r"\1"),
)


def strip_markdown(text: str) -> str:
    """Give the words of a Markdown text. Links become ``text (address)``; web addresses are kept letter for letter."""
    text = _BLANKS.sub(" ", text)  # blanks in a row would also make the patterns below slow
    text = _AUTOLINK.sub(lambda match: match[1].removeprefix("mailto:"), _LINK.sub(_link, text))
    for pattern, replacement in _LINES:
        text = pattern.sub(replacement, text)
    # Emphasis is removed around addresses and never inside one: an address may hold underscores and asterisks.
    kept: list[str] = []
    text = _KEPT.sub(lambda match: _hide(match, kept), text.replace(_HIDDEN, ""))
    for pattern, replacement in _INLINE:
        text = pattern.sub(replacement, text)
    found = iter(kept)
    return re.sub(_HIDDEN, lambda _: next(found), text)


_HIDDEN = "\ue000"
"""Stands for what is kept meanwhile: a private-use character, which no answer has a reason to hold."""


def _hide(match: re.Match[str], kept: list[str]) -> str:
    """Put an address or an escaped character away; closing marks behind an address belong to the text."""
    address, escaped = match.groups()
    body = escaped or address.rstrip("*_~`")
    kept.append(body)
    return _HIDDEN if escaped else _HIDDEN + address[len(body) :]


def _link(match: re.Match[str]) -> str:
    words, address = match[1].strip(), match[2].removeprefix("mailto:").removeprefix("tel:")
    if not words or words == address:
        return address
    return f"{words} ({address})" if address else words
