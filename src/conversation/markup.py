r"""Markup that speech knows, and words for what the look of words says: struck-out ones and formulas. Pure.

A struck price beside a new one would read as two prices, and ``\times`` is no word: what the look said, words say.
"""

from __future__ import annotations

import re
from typing import Final

BLANKS: Final = " \t"
ESCAPED: Final = frozenset(r"\`*_{}[]()#+-.!~>|$%&")
"""Characters that a backslash makes ordinary."""
_PICTURES = "\U0001f000-\U0001faff\u2600-\u2775\u2794-\u27bf\u2b00-\u2bff\u231a-\u23ff"
EMOJI: Final = _PICTURES + "\u200d\u20e3\ufe0e\ufe0f\U000e0020-\U000e007f"
"""Pictures, and what joins and colours them; of the dingbats, the circled digits are numbers and stay."""
LETTER: Final = "[^\\W_\u0e00-\u0eff\u1000-\u11ff\u1780-\u17ff\u2e80-\ud7ff\uf900-\ufaff\uff00-\uffef]"
"""Letters and digits of scripts that part words by blanks. Chinese, Japanese, Korean and Thai ones touch marks."""
LETTER_ONLY: Final = re.compile(LETTER)
EMOJI_ONLY: Final = re.compile(f"[{EMOJI}]")
BULLETS: Final = "*•●○◦▪▫■□‣⁃➤►▶"
"""Signs that begin the items of a list, and no amount."""
SOURCE: Final = re.compile(r"(?:\[[1-9]\d?\])+(?![(\[:\w])")
"""Numbers of sources that are named nowhere: right behind a word, ``in 30 days.[1]``, or several of them."""
MAY_BE_SOURCE: Final = re.compile(r"(?:\[[1-9]\d?\])*(?:\[(?:[1-9]\d?)?)?\Z")
_BARE: Final = r"(?:[^\[\]\n\\]|\\[^\n])"
_NESTED: Final = rf"\[(?:{_BARE}|\[(?:{_BARE}|\[{_BARE}{{0,99}}+\]){{0,99}}+\]){{0,99}}+\]"
DEEPEST: Final = 4
"""Brackets within each other that may be the words of a link: a note or a picture."""
INLINE: Final = (
    rf"!?\[(?P<words>(?:{_BARE}|{_NESTED}){{0,300}}+)\]\([ \t]*(?:<(?P<wide>[^<>\n]*)>"
    r"|(?P<address>[^\s()<>]*(?:\([^\s()<>]*\)[^\s()<>]*)*))"
    r"(?:[ \t]+(?:\"[^\n\"]*\"|'[^\n']*'|\([^\n()]*\)))?[ \t]*\)"
)
"""A link with its address, and maybe a title."""
LINK: Final = re.compile(rf"{INLINE}|!?\[(?P<named>[^\[\]\n]*)\]\[[^\[\]\n]{{0,40}}\]")
BRACKETED: Final = r"https?://[^\s<>]+|(?:mailto:)?[\w.+-]+@[\w-]+(?:\.[\w-]+)+|tel:[+\d][\d().-]*|www\.[^\s<>]+"
"""What stands between ``<`` and ``>`` and is no tag."""
_SCHEMES: Final = r"(?:https?://|www\.|mailto:|tel:)"
CITED: Final = re.compile(r"【[^【】\n]{0,80}†[^【】\n]{0,80}】|\ue200[^\ue200\ue201\n]{0,80}\ue201")
"""The mark of a source that a model's service looked up: it opens nothing for a customer."""
MAY_BE_CITED: Final = re.compile(r"(?:【[^【】\n]{0,160}|\ue200[^\ue200\ue201\n]{0,80})\Z")
FOOTNOTE: Final = re.compile(r"\[\^([\w-]{1,20})\](:?)")
DEFINED: Final = re.compile(
    rf"\[(?P<name>[^\[\]\n^][^\[\]\n]{{0,60}})\]:[ \t]*<?(?P<address>{_SCHEMES}[^\s<>]+)>?[^\n]*"
)
"""The address of links that only name it, at the end of an answer."""
STRUCK: Final = re.compile(r"~~(?=[^\s~])([^~\n]{0,200}\S)~~(?!~)|~([^\s~]{1,30})~(?![~\w])")
SUBSCRIPT: Final = re.compile(r"~([\w+\-]{1,8})~")
"""``H~2~O``; behind a letter or digit."""
MAY_BE_SUBSCRIPT: Final = re.compile(r"~[\w+\-]{0,8}\Z")
SUPERSCRIPT: Final = re.compile(r"\^(?:([+\-]?[^\W_]{1,12})\^|\{([^{}\s]{1,12})\}|([+\-]?\d{1,4})(?![\w^]))")
"""``x^2^``, ``x^{10}``, ``x^2``."""
MAY_BE_SUPERSCRIPT: Final = re.compile(r"\^(?:[+\-]?[^\W_]{0,12}|\{[^{}\s]{0,12})\Z")
SHORTCODE: Final = re.compile(r":(?:[a-z][a-z0-9_+\-]{1,30}|[+\-]1|100):(?![\w:])")
"""The name of an emoji; behind no letter, digit or colon."""
MAY_BE_SHORTCODE: Final = re.compile(r":(?:[a-z][a-z0-9_+\-]{0,30}|[+\-]1?|10{0,2})?:?\Z")
TASK: Final = re.compile(r"\[([ xX])\][ \t]+(?=\S)")
"""The box of a task, where the words of a line begin."""
MAY_BE_TASK: Final = re.compile(r"\[(?:[ xX](?:\][ \t]*)?)?\Z")
STRUCK_LETTERS: Final = re.compile("(?:[^\\W_]|[$€£¥₹])[\u0335\u0336](?:[^\n\u0335\u0336][\u0335\u0336]){0,200}")
"""Letters that are struck out one by one, each with a stroke behind it."""
MAY_BE_STRUCK: Final = re.compile(r"~(?:~(?:[^\s~][^~\n]{0,200}~?)?|[^\s~]{0,30})\Z")
ENTITY: Final = re.compile(r"&(?:#\d{1,6}|#x[0-9a-f]{1,5}|[a-z][a-z0-9]{1,30});", re.IGNORECASE)
MAY_BE_ENTITY: Final = re.compile(r"&#?[a-z0-9]{0,31}\Z", re.IGNORECASE)
COMMAND: Final = re.compile(r"\\([a-zA-Z]{2,12})(?![a-zA-Z])")
MAY_BE_COMMAND: Final = re.compile(
    r"\\(?:[a-zA-Z]{1,12}|(?:boxed|emph|underline|text(?:bf|it)?)\{[^{}\n]{0,200}|[dt]?frac\{[^{}\n]{0,100}(?:\}(?:\{[^{}\n]{0,100})?)?)\Z"
)
MAY_BE_DEFINED: Final = re.compile(rf"\[[^\[\]\n^][^\[\]\n]{{0,60}}\]:[ \t]*<?(?:{_SCHEMES}[^\n]*|[a-z]{{0,6}}:?/?)\Z")
ADDRESS: Final = re.compile(
    r"(?:https?://(?:www\.)?|www\.)([^\s/?#<>\"'()\]]+)(?:[/?#](?:\([^\s<>\"')\]]*\)?|[^\s<>\"'()\]])*)?", re.IGNORECASE
)
"""A web address, with brackets that it opens itself."""
BLOCK: Final = re.compile(
    r"(?:br|hr|/?(?:p|div|li|tr|ul|ol|table|details|summary|blockquote)|/h[1-6])\s?/?", re.IGNORECASE
)
"""Tags behind which a new line begins."""
ATTRIBUTES: Final = r"(?:\s(?:[^<>]{0,300}=[^<>]{0,500}|\s?open))?\s?/?"
"""What stands behind the name of a tag; ``a<b and c>d`` is none."""
TAG: Final = re.compile(rf"/?[a-z][a-z0-9-]*{ATTRIBUTES}", re.IGNORECASE)

_PRICE: Final = r"[-+~(]?[ \t]?[A-Z]{0,3}[ \t]?[$€£¥₹\ue000]?[ \t]?[.,]?"
_AMOUNT: Final = re.compile(rf"{_PRICE}\d")
_MAY_BE_AMOUNT: Final = re.compile(rf"(?:[ \t*_`→➜➡=>-]|<[a-z]{{0,6}}>?)*{_PRICE}\Z")
_BESIDE: Final = re.compile(r"([ \t]*(?:(?:→|➜|➡|->|=>)[ \t]*)?)(?:[*_`]|<(?:ins|b|strong|em|i|u|mark)>)*")
"""Blanks, an arrow, and marks of emphasis between what is struck out and what takes its place."""
MATH: Final = {
    "times": ("×", "times"),
    "cdot": ("×", "times"),
    "div": ("÷", "divided by"),
    "approx": ("≈", "about"),
    "le": ("≤", "at most"),
    "leq": ("≤", "at most"),
    "ge": ("≥", "at least"),
    "geq": ("≥", "at least"),
    "neq": ("≠", "is not"),
    "pm": ("±", "plus or minus"),
    "to": ("→", "to"),
    "rightarrow": ("→", "to"),
    "ldots": ("...", "and so on"),
    "dots": ("...", "and so on"),
    "quad": (" ", " "),
    "left": ("", ""),
    "right": ("", ""),
}
"""Commands of formulas: as they are written plainly, and as they are said."""
WRAPPED: Final = re.compile(
    r"\\(?:text|textbf|textit|emph|underline|mathrm|mathbf|mathit|boxed|operatorname)\s*\{([^{}]{0,200})\}"
)
_UNIT: Final = r"(?:\\[^\n]|[^$\n\\])"
FORMULA: Final = re.compile(
    rf"(\$\$?)((?=\\){_UNIT}{{1,200}}?|[A-Za-z({{]{_UNIT}{{0,60}}?|\d[\d.,]{{0,12}} ?(?=\\[a-zA-Z]){_UNIT}{{1,200}}?)"
    r"(?<!\s)\1(?![\d$])|\\\(([^\n]{1,200}?)\\\)|\\\[([^\[\]\n]{1,200}?)\\\]"
)
"""A formula begins as no price does: with a command, a letter, or a number before a command."""
MAY_BE_FORMULA: Final = re.compile(
    rf"(?:\$\$?(?:(?=\\){_UNIT}{{0,200}}\\?|[A-Za-z({{]{_UNIT}{{0,60}}\\?"
    rf"|\d[\d.,]{{0,12}} ?(?:(?=\\(?:[a-zA-Z]|\Z)){_UNIT}{{0,200}}\\?)?)?\$?\$?"
    r"|\\\([^\n]{0,201}|\\\[[^\[\]\n]{0,201})\Z"
)
_IN_BRACKETS, _BETWEEN_DOLLARS = re.compile(r"[\\^=+×÷<>]"), re.compile(r"\\[a-zA-Z]|\^|\A[a-zA-Z]\Z")
"""What makes a formula of words in brackets, and of words between two amounts."""
FRACTION: Final = re.compile(r"\\[dt]?frac\{([^{}\n]{0,100})\}\{([^{}\n]{0,100})\}")
_COMMAND: Final = re.compile(r"\\([a-zA-Z]+)\s?")
_SPACE: Final = re.compile(r"\\[,;:! ]")
_ESCAPED: Final = re.compile(r"\\([$%&#_{}])")


def struck(old: str, behind: str) -> tuple[str, int]:
    """Return what stands for struck-out words, and how much of the text ``behind`` them goes with them."""
    beside = _BESIDE.match(behind)
    if beside and _AMOUNT.match(old.strip("*_` ")) and _AMOUNT.match(behind, beside.end()):
        apart = "" if behind[:1] in ("*", "_", "`") else " "  # a mark closes what began in front
        return f"was {old}, now{apart}", beside.end(1)
    return f"(was {old})", 0


def struck_spoken(old: str, behind: str) -> tuple[str, int]:
    """Return the same for words that are spoken, where brackets are not heard."""
    words, length = struck(old, behind)
    if words.startswith("was"):
        return words, length
    goes_on = behind.lstrip(" \t*_`")[:1]
    return f"formerly {old}," if goes_on.isalnum() else f"formerly {old}", 0


def undecided(behind: str) -> bool:
    """Tell whether it takes more text to say what stands behind struck-out words."""
    return _MAY_BE_AMOUNT.match(behind) is not None


def formula(text: str, *, spoken: bool = False) -> str:
    """Return a formula of LaTeX as it is written plainly, or said."""
    for _ in range(3):  # what is wrapped in what is wrapped
        text = FRACTION.sub(r"\1 over \2" if spoken else r"\1/\2", WRAPPED.sub(r"\1", text))
    if spoken:
        text = SUPERSCRIPT.sub(lambda found: power(next(filter(None, found.groups()))), text)
    text = _COMMAND.sub(lambda found: f"{MATH.get(found[1], (found[1],) * 2)[spoken]} ", _SPACE.sub(" ", text))
    return re.sub(r"[{}]", "", _ESCAPED.sub("\\1", text.replace(r"\{", "(").replace(r"\}", ")"))).strip()


def is_formula(whole: str, inside: str) -> bool:
    """Tell whether words between marks that prices and brackets have, too, are a formula."""
    return (_BETWEEN_DOLLARS if whole.startswith("$") else _IN_BRACKETS).search(inside) is not None


def task(box: str) -> str:
    """Return what the box of a task says of it."""
    return "To do: " if box == " " else "Done: "


def power(raised: str) -> str:
    """Return a superscript as it is said behind its word: ``2`` is " squared", ``th`` belongs to the word."""
    if len(raised) > 1 and raised.strip("+-").isalpha():
        return raised
    told = raised.replace("-", "minus ").replace("+", "plus ")
    return {"2": " squared", "3": " cubed"}.get(raised, f" to the power of {told}")
