"""Trouble of a model service as it tells it: its status and its code, and never its sentences.

Services quote the request in their messages, and with it customers; a code is one word of a fixed list of theirs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from openai import APIError, APIStatusError

from ..errors import ModelUnavailable

PASSING = frozenset({408, 409, 425, 429})
"""Statuses below 500 after which the same request may be answered."""
NEVER = frozenset({501, 505})
"""Statuses from 500 on after which it will not be. Every other one may pass: services invent some (520, 529, 598)."""
REFUSED = frozenset({400, 413, 422})
"""Statuses of a request that is refused for what it holds; most often it is too long."""
NO_CREDIT = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
"""Codes that come with 429 and do not pass by themselves."""
TOO_LONG = "input_too_long"
"""Our code of an input that a service calls too long; some do so with 429 or 500."""
LASTING = NO_CREDIT | {TOO_LONG, "max_output_tokens"}
"""Codes of what does not pass by itself; the last is of an answer that had no room for words."""
FILTERED = frozenset({
    "content_filter", "content_policy_violation", "ResponsibleAIPolicyViolation", "invalid_prompt",
    "data_inspection_failed", "DataInspectionFailed",
})  # fmt: skip
"""Codes of a service that takes offence at words of the input, and will whenever it meets them."""
_SAYS_TOO_LONG = re.compile(
    r"request too large|context (?:length|size|window|shift)|(?:prompt|input) is too long", re.IGNORECASE
)
_CODE = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9_.-]{1,60}|[0-9]{1,5}")


class EndpointError(Exception):
    """The endpoint did not answer as it should. ``status`` is None when there was no usable answer at all."""

    def __init__(self, what: str, *, status: int | None = None, code: str = "", retry_after: str = "") -> None:
        super().__init__(what)
        self.status = status
        self.code = code
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there was no answer. ``kind`` names the exception, ``retry_after`` is the pause that was asked for."""

    kind: str
    status: int | None = None
    code: str = ""
    retry_after: str = ""
    lost: bool = False
    """Nothing came back at all, or with a good status what is no answer."""

    @property
    def refused(self) -> bool:
        """Tell whether the request was refused for what it holds: the same one will be refused again."""
        return self.status in REFUSED or self.code == TOO_LONG

    @property
    def filtered(self) -> bool:
        """Tell whether the service takes offence at words of the request."""
        return self.refused and self.code in FILTERED

    @property
    def passes(self) -> bool:
        """Tell whether the same request may be answered if it is made again."""
        if self.code in LASTING:
            return False
        if self.status is None:
            return self.lost
        return self.status in PASSING or (self.status >= 500 and self.status not in NEVER)

    def __str__(self) -> str:
        said = [f"status {self.status}"] if self.status is not None else []
        return ", ".join([*said, *([self.code] if self.code else [])]) or self.kind


TROUBLES = (ModelUnavailable, EndpointError, APIError, httpx2.HTTPError)
"""Exceptions of a model call that are trouble of the service."""


def trouble_of(error: BaseException | None) -> Trouble | None:
    """Return what an exception of a model call says, or None for one that is no trouble of the service."""
    kind = type(error).__name__
    if isinstance(error, ModelUnavailable):
        return Trouble(kind)
    if isinstance(error, EndpointError):
        return Trouble(str(error) or kind, error.status, error.code, error.retry_after, lost=error.status is None)
    if isinstance(error, APIStatusError):
        asked = error.response.headers.get("retry-after", "")
        return Trouble(kind, error.status_code, code_of(error.body), asked)
    if isinstance(error, APIError):
        return Trouble(kind, status_in(error.body), code_of(error.body), lost=True)
    return Trouble(kind) if isinstance(error, TROUBLES) else None


def code_of(body: Any) -> str:
    """Return the code in an error's body, whichever of the usual shapes it has; empty when there is none.

    That an input is too long is told by the sentence: the codes for it are many, and one of them is of a rate limit.
    """
    error = _error(body)
    if _SAYS_TOO_LONG.search(str(error.get("message"))):
        return TOO_LONG
    said = [str(error.get(name)) for name in ("code", "type", "status") if isinstance(error.get(name), str | int)]
    words = [word for word in said if _CODE.fullmatch(word)]
    return next((word for word in words if not word.isdigit()), words[0] if words else "")


def status_in(body: Any) -> int | None:
    """Return the status that an error within an answer names, or None."""
    code = str(_error(body).get("code"))
    return int(code) if re.fullmatch(r"[45][0-9]{2}", code) else None


def _error(body: Any) -> Mapping[str, Any]:
    found = body[0] if isinstance(body, list) and body else body
    inner = found.get("error") if isinstance(found, Mapping) else None
    if isinstance(inner, Mapping):
        return inner
    return found if isinstance(found, Mapping) else {}
