"""Takes the markup out of an answer that is texted: Markdown, HTML and formulas. Pure.

What the look of an answer says stays in words (:mod:`...conversation.markup`), amounts stay as they are, and web
addresses letter for letter.
"""

from __future__ import annotations

import html
import re

from ...conversation.markup import (
    ATTRIBUTES,
    BRACKETED,
    BULLETS,
    CITED,
    DEFINED,
    INLINE,
    LETTER,
    SHORTCODE,
    SOURCE,
    STRUCK_LETTERS,
    SUBSCRIPT,
    TASK,
    WRAPPED,
    formula,
    is_formula,
    struck,
    task,
)

_BLANKS = re.compile(r"[ \t]{2,}")
_SPELLED_BREAK = re.compile(r"(?:\\n){2,}|(?<=[.!?,])\\n")
"""Ends of lines as JSON spells them, which models write once too often in what is texted; ``C:\\new`` holds none."""
_KEPT = re.compile(r"(https?://[^\s<>]+)|\\([\\`*_{}\[\]()#+\-.!~>|$%&])", re.IGNORECASE)
"""Web addresses, and characters that a backslash makes ordinary."""
_LINK = re.compile(INLINE)
_AUTOLINK = re.compile(rf"<({BRACKETED})>", re.IGNORECASE)
_DEFINED = re.compile(rf"^[ \t]{{0,3}}{DEFINED.pattern}\n?", re.MULTILINE)
_REFERENCE = re.compile(r"!?\[([^\[\]\n]{1,200})\](?:[ ]?\[([^\[\]\n]{0,60})\])?(?!\()")
_SCHEME = re.compile(r"(?:mailto|tel):", re.IGNORECASE)
_FOOTNOTE = re.compile(r"^[ \t]{0,3}\[\^([\w-]{1,20})\]:[ \t]*", re.MULTILINE)
_FOOTNOTE_MARK = re.compile(r"[ ]?\[\^([\w-]{1,20})\]")

_SOURCE = re.compile(rf"(?<=[^\s(\[\]{{]){SOURCE.pattern}|[ ]?(?=\[\d{{1,2}}\]\[){SOURCE.pattern}")

_HTML = (
    (re.compile(r"<!--.*?-->", re.DOTALL), ""),
    (
        re.compile(r"<a\s[^<>]{0,300}?href=[\"']?([^\s\"'<>]{1,500})[^<>]{0,300}>([^<>\[\]\n]{0,300})</a>", re.I),
        r"[\2](\1)",
    ),
    (re.compile(r"<img\s[^<>]{0,500}?alt=[\"']([^\"'<>\[\]\n]{0,300})[\"'][^<>]{0,500}>", re.I), r"\1"),
    (re.compile(r"<(s|del|strike)(?:\s[^<>]{0,100})?>(.{0,300}?)</\1>", re.I), r"~~\2~~"),
    (re.compile(r"<sup>\s*([®™℠]|&(?:reg|trade);)\s*</sup>", re.I), r"\1"),
    (re.compile(r"</?sup>", re.I), "^"),
    (re.compile(r"<(?:br|hr|/p|/div|/li|/summary|/tr|/h[1-6]|/ul|/ol|/table)\s?/?>[ \t]*\n?", re.I), "\n"),
    (re.compile(r"<li(?:\s[^<>]{0,100})?>", re.I), "- "),
    (re.compile(r"</t[dh]>\s*(?=<t[dh])", re.I), ", "),
    (
        re.compile(
            r"</?(?:a|abbr|b|big|blockquote|body|center|code|details|div|em|font|h[1-6]|html|i|del|img|ins|kbd|mark|ol|p"
            r"|break|emphasis|prosody|say-as|speak"  # of a voice, which a model that answers calls writes in texts, too
            rf"|pre|q|s|small|span|strike|strong|sub|summary|sup|table|tbody|td|tfoot|th|thead|tr|tt|u|ul|var){ATTRIBUTES}>",
            re.I,
        ),
        "",
    ),
    (re.compile(f"({STRUCK_LETTERS.pattern})"), r"~~\1~~"),
    (re.compile("[\u0335\u0336]"), ""),
)
_ENTITY = re.compile(r"&(?:#\d{1,6}|#x[0-9a-f]{1,5}|[a-z][a-z0-9]{1,30});", re.IGNORECASE)
_FORMULAS = re.compile(
    r"\\\(([^\n]{1,300}?)\\\)|\\\[([^\[\]]{1,300}?)\\\]|\$\$((?:\\\$|[^$]){1,300})\$\$"
    r"|(?<![\w$])\$((?:\\\$|[^$\n]){1,300})\$(?![\w$])"
)


def _task(match: re.Match[str]) -> str:
    return match[1] + task(match[2])


_AMOUNT = r"[-+(~]?[ \t]?[A-Z]{0,3}[ \t]?[$€£¥₹]?[ \t]?[.,]?\d"
_SECOND_ROW = re.compile(r"[ \t]*\|?[ \t]*:?-{2,}:?[ \t]*(?:\|[ \t:-]*)+")
_LINES = (
    (re.compile(r"^[ \t]*(?:```|~~~).*$\n?", re.MULTILINE), ""),  # fences go, what they hold stays
    (re.compile(r"^[ \t]*(?:[-*_][ \t]*){3,}$", re.MULTILINE), ""),  # rules
    (re.compile(r"^[ \t]*={3,}[ \t]*$\n?", re.MULTILINE), ""),  # the line below a heading
    (re.compile(r"^[ \t]{0,3}#{1,6}[ \t]+(.*?)[ \t]*#*$", re.MULTILINE), r"\1"),
    (re.compile(rf"^[ \t]*(?:>[ \t]?)+(?![ \t]*{_AMOUNT})", re.MULTILINE), ""),  # "> $50" is more than 50
    (re.compile(rf"^([ \t]*(?:(?:[-*+•]|\d{{1,3}}[.)])[ \t]+)?){TASK.pattern}", re.MULTILINE), _task),
    # A dash before an amount would be a minus, and a plus is no bullet: "+ $8.25 tax".
    (re.compile(rf"^([ \t]*)[{BULLETS}][ \t]+(?={_AMOUNT})", re.MULTILINE), r"\1"),
    (re.compile(rf"^([ \t]*)[{BULLETS}][ \t]+", re.MULTILINE), r"\1- "),
)

# An emphasis mark touches its words on the inside and nothing wordlike outside: ORD_12345 and 2*3*4 stay.
_INLINE = (
    (re.compile(r"(`+)([^`\n]+?)\1(?!`)"), r"\2"),
    (re.compile(rf"(?<![*_])(?<!{LETTER})\*{{1,3}}(?=[^\s*])([^*\n]*[^\s*])\*{{1,3}}(?![*_]|{LETTER})"), r"\1"),
    (re.compile(r"(?<!\w)_{1,3}(?=[^\s_])([^\n]{0,300}?[^\s_])_{1,3}(?!\w)"), r"\1"),
    (re.compile(r"(?<!=)==(?=[^\s=])([^=\n]{0,200}[^\s=])==(?!=)"), r"\1"),
    (re.compile(rf"(?<![\w:]){SHORTCODE.pattern}"), ""),
    (re.compile(rf"(?<=[^\W_]){SUBSCRIPT.pattern}"), r"\1"),
    (re.compile(r"(?<=[\w)])\^([+\-]?\d{1,4})\^"), r"^\1"),
    (re.compile(r"\^([^\W_]{1,12})\^"), r"\1"),
)
_STRUCK = re.compile(r"~~(?=\S)([^~\n]{0,300}\S)~~|(?<![\w~])~(?=[^\s~])([^\s~]{0,30}[^\s~])~(?![\w~])")

_HIDDEN = "\ue000"
"""Stands for what is kept meanwhile: a private-use character, which no answer has a reason to hold."""


def strip_markdown(text: str) -> str:
    """Give the words of a Markdown text. Links become ``text (address)``; web addresses are kept letter for letter."""
    text = _SPELLED_BREAK.sub("\n", CITED.sub("", text))
    text = _BLANKS.sub(" ", text.replace("\\\n", "\n"))  # blanks in a row would also make the patterns below slow
    if "<" in text or "\u0336" in text or "\u0335" in text:
        for pattern, replacement in _HTML:
            text = pattern.sub(replacement, text)
    text = _AUTOLINK.sub(lambda match: _SCHEME.sub("", match[1]), _LINK.sub(_link, _references(text)))
    if "\\" in text or "$" in text:
        text = WRAPPED.sub(r"\1", _FORMULAS.sub(_formula, text))
    text = _SOURCE.sub("", text)
    text = _FOOTNOTE_MARK.sub(r" (note \1)", _FOOTNOTE.sub(r"Note \1: ", text))
    text = _tables(text)
    for pattern, put in _LINES:
        text = pattern.sub(put, text)
    # Emphasis is removed around addresses and never inside one: an address may hold underscores and asterisks.
    kept: list[str] = []
    text = _KEPT.sub(lambda match: _hide(match, kept), text.replace(_HIDDEN, ""))
    for pattern, replacement in _INLINE:
        text = pattern.sub(replacement, text)
    text = _ENTITY.sub(lambda match: html.unescape(match[0]), _without_strikes(text))
    found = iter(kept)
    return re.sub(_HIDDEN, lambda _: next(found, ""), text)


def _hide(match: re.Match[str], kept: list[str]) -> str:
    """Put an address or an escaped character away; closing marks behind an address belong to the text."""
    address, escaped = match.groups()
    bare = address and address.rstrip(".,;:!?)]'\"")  # a sentence may end behind the marks
    body = escaped or (bare.rstrip("*_~`") if bare[-1:] in ("*", "_", "~", "`") else address)
    kept.append(body)
    return _HIDDEN if escaped else _HIDDEN + address[len(body) :]


def _link(match: re.Match[str]) -> str:
    words = _LINK.sub(lambda inner: inner["words"], match["words"]).strip()  # a picture that is a link
    address = _SCHEME.sub("", match["address"] or (match["wide"] or "").strip().replace(" ", "%20"))
    if not words or words == address:
        return address
    return f"{words} ({address})" if address else words


def _formula(match: re.Match[str]) -> str:
    inside = next(filter(None, match.groups()))
    return formula(inside) if is_formula(match[0], inside) else match[0]


def _references(text: str) -> str:
    """Put the addresses that stand at the end of a text to the links that name them."""
    named = {found["name"].lower(): found["address"] for found in _DEFINED.finditer(text)}
    if not named:
        return text

    def linked(match: re.Match[str]) -> str:
        address = named.get((match[2] or match[1]).lower())
        if address and match[2] is None and match[1].isdigit():
            return f"({address})"  # the number of a source
        return f"[{match[1]}]({address})" if address else match[0]

    return _REFERENCE.sub(linked, _DEFINED.sub("", text))


def _tables(text: str) -> str:
    """Write the rows of tables as words with commas: a table is lines with bars around a row of dashes."""
    if "|" not in text:
        return text
    lines = text.split("\n")
    for at, line in enumerate(lines):
        if not _SECOND_ROW.fullmatch(line):
            continue
        lines[at] = _HIDDEN
        if at and "|" in lines[at - 1]:
            lines[at - 1], below = _row(lines[at - 1]), at + 1
            while below < len(lines) and "|" in lines[below] and not _SECOND_ROW.fullmatch(lines[below]):
                lines[below], below = _row(lines[below]), below + 1
    return "\n".join(line for line in lines if line != _HIDDEN)


def _row(line: str) -> str:
    return ", ".join(cell.strip() for cell in re.split(r"(?<!\\)\|", line) if cell.strip())


def _without_strikes(text: str) -> str:
    """Say of struck-out words that they were."""
    parts, at = [], 0
    for match in _STRUCK.finditer(text):
        words, length = struck(match[1] or match[2], text[match.end() : match.end() + 40])
        parts += [text[at : match.start()], words]
        at = match.end() + length
    return "".join((*parts, text[at:]))
