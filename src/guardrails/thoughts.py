"""Takes a model's thoughts, their tags and broken characters out of words for customers. Pure.

Local servers send what their template should have read within the answer: thoughts and calls between tags, the turn of
another role, special tokens. One table says what each mark means; thoughts and calls are told by what the mark's name
holds, because each maker spells them differently. Half of a surrogate pair can be neither stored nor sent, and a
control character is no word. :func:`said` does to a whole text what :class:`.stream.WordFilter` does to a stream.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final, Literal


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
    **dict.fromkeys(("reply", "message", "assistant", "ai", "bot"), MarkKind.TOKEN),
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


def goes_on(within: MarkKind, mark: MarkKind) -> bool:
    """Tell whether what a mark began goes on behind another one."""
    return mark is not MarkKind.CLOSE and not (mark is MarkKind.ANSWER and within is MarkKind.OTHER)


THOUGHT_CHANNEL: Final = "analysis"
GLUED_CHANNEL: Final = re.compile(rf"{THOUGHT_CHANNEL}(?=[^\s.,:;!?)/'’-])")
_CHANNEL: Final = re.compile(
    rf"\A\s*(?:{GLUED_CHANNEL.pattern}|{THOUGHT_CHANNEL}(?=.*assistant(?:final|commentary)))", re.DOTALL
)
"""Name of the channel of a thought, where a server dropped the tokens around it: ``analysisThe user wants``."""
_HALF = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile(r"\r(?=\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\xad\u200b\u2060\u202d\u202e\ufeff]")
"""No words: control characters, hyphens and blanks without a width, and what turns the order of others round."""
_DRESSED = re.compile("[\u210e\U0001d400-\U0001d7ff]+")  # letters of formulas, which look bold


def said(text: str, *, inside: bool = False) -> str:
    """Return a whole answer as it may be told. One that begins in the middle of a thought loses that, too.

    When nothing follows a thought's end, it is not known what it ended, unless the model is known to begin
    ``inside``. Of thoughts within a thought one end is left, which nothing seems to have begun.
    """
    text = _CHANNEL.sub("<think>", whole(text))
    marks, end, _ = read_marks(text, final=True)
    if not marks:
        return text
    out, before, at = "", "", 0
    within: MarkKind | None = None
    for begin, behind, kind in (*marks, (end, end, MarkKind.TOKEN)):
        if within is None:
            out += text[at:begin]
        at = behind
        if within is not None:
            within = within if goes_on(within, kind) else None
            at += len(text[at:]) - len(text[at:].lstrip()) if within is None else 0
        elif kind is MarkKind.CLOSE:
            out, before = "", out if out.strip() else before
        elif kind in BEGINS:
            within = kind
    return (out if inside or out.strip() else before).strip()


def begins_inside(text: str) -> bool | None:
    """Tell whether a whole answer began in a thought that it only ends; None where it does not show."""
    marks = () if _CHANNEL.match(text) else read_marks(text, final=True)[0]
    first = next((mark for mark in marks if mark[2] is MarkKind.CLOSE or mark[2] in BEGINS), None)
    if first is None or first[2] is not MarkKind.CLOSE:
        return False if text.strip() else None
    return True if text[first[1] :].strip() else None


def whole(text: str) -> str:
    """Return a text of whole and plain characters: halves and controls go, pairs become what they spell."""
    text = _CONTROL.sub("", text)
    if text.isascii():
        return text
    text = _DRESSED.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)
    return _HALF.sub("", text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore"))


def whole_value(value: Any, clean: Callable[[str], str] = whole) -> Any:
    """Return a JSON value whose texts are :func:`whole`, or otherwise cleaned."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {whole(name): whole_value(inner, clean) for name, inner in value.items()}
    return [whole_value(inner, clean) for inner in value] if isinstance(value, list) else value


def whole_arguments(text: str) -> str:
    r"""Return a call's arguments without halves of characters, which JSON can spell (``\ud83d``) where UTF-8 cannot.

    What some models put around them goes too: a fence of code, or a second JSON text.
    """
    text = bare(text)
    if "\\u" not in text and whole(text) == text:
        return text
    try:
        value = json.loads(text)
        cleaned = whole_value(value)
    except (ValueError, RecursionError):
        return whole(text)
    return text if cleaned == value else json.dumps(cleaned, ensure_ascii=False)


_FENCE: Final = re.compile(r"\A\s*```(?:json)?\s*(\{.*\})\s*```\s*\Z", re.DOTALL)


def bare(text: str) -> str:
    """Return a JSON object without a fence or a second JSON text around it; any other text as it is."""
    if found := _FENCE.match(text):
        return found[1]
    if text.lstrip()[:1] == '"':
        with suppress(ValueError, RecursionError):
            inner = json.loads(text)
            return inner if isinstance(inner, str) and inner.lstrip()[:1] == "{" else text
    return text


HoldThoughts = Literal["auto", "always", "never"]
"""When a spoken answer waits for the end of a thought that it did not begin."""
_LIKELY: Final = re.compile(r"deepseek[-_ ./:]?r1|r1[-_]distill|\bqwq\b|thinking|reasoning|glm-z1", re.IGNORECASE)
"""Names of models whose template opens the thought for them."""


@dataclass(slots=True)
class Beginning:
    """Beginning of a model's answers: ``inside`` a thought, or not; where it ``learns``, what it answers decides."""

    inside: bool = False
    learns: bool = True

    @classmethod
    def of(cls, name: str, hold: HoldThoughts) -> Beginning:
        """Return what is known of a model by its name and the setting."""
        return cls(_LIKELY.search(name) is not None) if hold == "auto" else cls(hold == "always", learns=False)

    def note(self, text: str) -> bool:
        """Learn from a whole answer; tell whether it was the first that began inside a thought: it is not the last."""
        found = begins_inside(text) if self.learns else None
        if found:
            self.inside, self.learns = True, False
        elif found is False:
            self.inside = False
        return bool(found)
