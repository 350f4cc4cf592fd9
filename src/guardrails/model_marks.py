"""Marks that a model's template should have read, and that its answer holds all the same. Pure.

Thoughts and calls between tags, the turn of another role, special tokens: one table says what each mark means. Thoughts
and calls are told by what the mark's name holds, because each maker spells them differently.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final


class MarkKind(Enum):
    """Kinds of marks: they begin what is no answer, or end it, or are nothing but a token; all else is words."""

    OPEN = auto()
    CLOSE = auto()
    """Ends a thought; where none was begun, all before it was one."""
    OTHER = auto()
    """Begins the turn of another role, which the model made up."""
    ANSWER = auto()
    """Begins the model's own turn, and ends that of another role."""
    TOKEN = auto()
    HEADER = auto()
    """The word behind it says whose turn, or which channel, begins."""
    STRUCK = auto()
    """``</s>`` ends a text, unless ``<s>`` begins struck-out words."""
    STRIKE = auto()
    WORDS = auto()


_NAMED: Final = re.compile(
    r"think|thought|reasoning|reflection|scratchpad|monologue|analysis|rationale"
    r"|tool_?(?:call|code|response|result|use|output)|function(?![a-z])|invoke(?![a-z])"
)
"""What a tag's name holds around what is no answer; calls as text come from servers that cannot read them."""
_OTHERS: Final = (
    "user", "human", "system", "developer", "tool", "tools", "environment", "ipython", "observation", "functions",
)  # fmt: skip
_OURS: Final = ("assistant", "model", "bot", "ai")
_TAGS: Final = {
    **dict.fromkeys(("script", "style", "unused94"), MarkKind.OPEN),
    **dict.fromkeys(("bos", "eos", "pad", "unk", "end_of_turn", "end_of_utterance"), MarkKind.TOKEN),
    **dict.fromkeys(("answer", "response", "final", "final_answer", "final_response"), MarkKind.TOKEN),
    "unused95": MarkKind.CLOSE,
    "start_of_turn": MarkKind.HEADER,
}
"""Tags in angle brackets whose names hold nothing of the above."""
_BARRED: Final = {
    **dict.fromkeys(("start", "im_start", "start_header_id", "turn", "channel"), MarkKind.HEADER),
    **dict.fromkeys(_OTHERS, MarkKind.OTHER),
    **dict.fromkeys(_OURS, MarkKind.ANSWER),
    "python_tag": MarkKind.OPEN,
    **dict.fromkeys(("start_response", "begin_of_solution"), MarkKind.CLOSE),
}
"""Names with a bar beside a bracket, ``<|im_start|>``; any other one is a token."""
_HEADED: Final = {
    **dict.fromkeys(("analysis", "commentary", "thought", "thoughts", "thinking"), MarkKind.OPEN),
    **dict.fromkeys(_OTHERS, MarkKind.OTHER),
    **dict.fromkeys(_OURS, MarkKind.ANSWER),
    "final": MarkKind.CLOSE,
}
"""Words behind a header."""
_SQUARE: Final = frozenset({
    "think", "thinking", "thought", "thoughts", "reasoning", "tool_calls", "tool_results", "available_tools", "inst",
    "system_prompt",
})  # fmt: skip
"""Names in square brackets, where people write words of their own."""

_BAR: Final = "|\uff5c"
_NAME: Final = r"[\w:.\u2581-]"
_PLAIN: Final = r"assistant(?:final|analysis|commentary)"
_BEGIN: Final = re.compile(
    rf"[<\[\u25c1{{]|&(?:lt;|l?t?\Z)|to=functions\.|\bt(?:o(?:=\w{{0,9}})?)?\Z|{_PLAIN}"
    r"|(?<![\w\s])a(?:s(?:s(?:i(?:s(?:t(?:a(?:n(?:t[a-z]{0,9})?)?)?)?)?)?)?)?\Z",
    re.IGNORECASE,
)
"""Where a mark may begin; ``to=functions.x`` names the function that a message is for.

``assistantfinal`` is left of a channel's header where a server drops special tokens. Its first letters are waited with
only right behind a mark of punctuation, where no word begins: not those of "has".
"""
SIGN: Final = re.compile(r"[<\[\u25c1&={]|(?i:to?|[^\w\s]a[a-z]{0,18}|\Aa[a-z]{0,18})\Z|(?i:assistant[fac])")
"""What a text holds in which one may begin: most have none, and are read at the cost of this alone."""
_MARK: Final = re.compile(
    r"(?:<|&lt;)(?P<tag>[^<>&]{1,140}?)(?:>|&gt;)|\[(?P<square>/?[a-z_]{4,16})\]|\u25c1(?P<white>/?\w{3,16})\u25b7"
    r"|(?P<call>to=functions\.|\{\s*\"(?:type\"\s*:\s*\"function\"\s*,\s*\")?name\"\s*:\s*\"[\w.-]{1,64}\"\s*,"
    r"\s*\"(?:arguments|parameters)\"\s*:|\[[a-z]+(?:_[a-z]+){1,4}\((?:[a-z_]{1,30}=|\)\]))"
    rf"|(?P<plain>{_PLAIN})",
    re.IGNORECASE,
)
_TAG: Final = re.compile(rf"(\s?)([/{_BAR}]*)\s?({_NAME}{{1,60}})([\s=][^<>]*?)?([/{_BAR}]?)\s?")
_BEGUN: Final = re.compile(
    rf"(?:<|&lt;)\s?[/{_BAR}]{{0,2}}\s?(?:{_NAME}{{0,60}}[/{_BAR}]?|[^<>&\s=]{{0,40}}?(?:{_NAMED.pattern})[^<>&]{{0,100}})"
    r"(?:&g?t?)?\Z|&l?t?\Z|\[/?[a-z_]{0,16}\Z|\u25c1/?\w{0,16}\Z|t(?:o(?:=\w{0,9})?)?\Z|a[a-z]{0,18}\Z"
    r"|\{[\s\w\":.,-]{0,110}\Z|\[[a-z_]{0,60}(?:\([a-z_]{0,30}\)?)?\Z",
    re.IGNORECASE,
)
"""The beginning of a mark, whose rest may still come."""
_WORD: Final = re.compile(r"\s{0,4}(\w{0,20})")
_CALLED: Final = re.compile(r"tool|function|invoke|name\"|\[[a-z]+_", re.IGNORECASE)
"""What the marks of calls hold, and those of thoughts do not."""
BEGINS: Final = (MarkKind.OPEN, MarkKind.OTHER)
Mark = tuple[int, int, MarkKind]
"""Where a mark begins and ends, and its kind."""


def _kind(mark: re.Match[str]) -> MarkKind:
    """Return the kind of what stands between brackets."""
    if mark["call"]:
        return MarkKind.OPEN
    if mark["plain"]:
        return MarkKind.CLOSE if mark["plain"].lower().endswith("final") else MarkKind.OPEN
    if boxed := mark["square"] or mark["white"]:
        name = boxed.strip("/").lower()
        known = name in _SQUARE if mark["square"] else _NAMED.search(name)
        return MarkKind.WORDS if not known else MarkKind.CLOSE if boxed[0] == "/" else MarkKind.OPEN
    found = _TAG.fullmatch(mark["tag"])
    if found is None:
        return MarkKind.WORDS
    gap, before, name, further, behind = (part or "" for part in found.groups())
    name = name.lower().replace("\u2581", "_")
    if gap and further.strip():
        return MarkKind.WORDS
    if _NAMED.search(name):
        barred_behind = not before and behind != "" and behind in _BAR
        ends = "/" in before or name.startswith("end") or name.endswith("end") or barred_behind
        return MarkKind.TOKEN if behind == "/" else MarkKind.CLOSE if ends else MarkKind.OPEN
    if further and name != "s":
        return MarkKind.WORDS
    return _token(name, before, behind)


def _token(name: str, before: str, behind: str) -> MarkKind:
    """Return the kind of a tag that names no thought: ``<|im_end|>``, ``<turn|>``, ``</s>``, ``<b>``."""
    if behind == "|" and not before:
        return MarkKind.CLOSE if name == "channel" else MarkKind.TOKEN
    if {*before, behind} & {*_BAR}:
        return _BARRED.get(name, MarkKind.TOKEN)
    if name == "s":
        return MarkKind.STRUCK if before else MarkKind.STRIKE
    kind = _TAGS.get(name, MarkKind.WORDS)
    return MarkKind.CLOSE if before and kind is MarkKind.OPEN else kind


def _read(text: str, at: int, *, final: bool) -> tuple[MarkKind, int] | None:
    """Return the kind of the mark that begins at a place, and where it ends; None when it takes more text to tell."""
    found = _MARK.match(text, at)
    if found is None:
        return None if not final and _BEGUN.match(text, at) else (MarkKind.WORDS, at + 1)
    kind, end = _kind(found), found.end()
    if kind is MarkKind.HEADER and (word := _WORD.match(text, end)):
        if word.end() == len(text) and not final:
            return None
        kind = _HEADED.get(word[1].lower(), MarkKind.TOKEN)
        end = word.end() if kind is not MarkKind.TOKEN or "channel" in found[0] else end
    return kind, at + 1 if kind is MarkKind.WORDS else end


def read_marks(text: str, *, final: bool, struck: bool = False) -> tuple[list[Mark], int, bool]:
    """Return the marks of a text, where one begins that needs more text to tell, and whether it ends ``struck`` out."""
    marks, at = list[Mark](), 0
    while found := _BEGIN.search(text, at):
        read = _read(text, found.start(), final=final)
        if read is None:
            return marks, found.start(), struck
        kind, at = read
        if kind is MarkKind.STRIKE or (kind is MarkKind.STRUCK and struck):
            struck = kind is MarkKind.STRIKE
        elif kind is not MarkKind.WORDS:
            marks.append((found.start(), at, kind))
    return marks, len(text), struck


def holds_call(text: str) -> bool:
    """Tell whether a whole text holds a call of a tool, which the server should have read."""
    marks = read_marks(text, final=True)[0]
    return any(kind is MarkKind.OPEN and _CALLED.search(text[begin:end]) for begin, end, kind in marks)
