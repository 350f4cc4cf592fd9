"""Reading bodies: bounded before they are parsed; of a form, blanks and repeated names are kept for the signature."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from ..errors import BodyTooLarge, MalformedRequest, UnsupportedBody

Pairs = Sequence[tuple[str, str]]
"""A decoded form, in order, blanks and repeated names kept."""

BODY_LIMIT = 65_536
"""Bytes. 1600 characters, each as long as a character can be when escaped, and ten media addresses are below 40 kB."""
FIELD_LIMIT = 400
READ_SECONDS = 10.0

_FORM = "application/x-www-form-urlencoded"


async def read_form(request: Request) -> Pairs:
    """Read an urlencoded form, whoever sent it; the caller checks the signature over what is returned.

    Raises UnsupportedBody, BodyTooLarge and MalformedRequest.
    """
    # Without a type (and so most likely without a body) the signature decides.
    if request.headers.get("content-type", _FORM).partition(";")[0].strip().lower() != _FORM:
        raise UnsupportedBody
    body = await read_body(request, limit=BODY_LIMIT)
    try:
        return parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=FIELD_LIMIT)
    except ValueError as error:  # not ASCII, or too many fields
        raise MalformedRequest("The body is no form.") from error


async def read_body(request: Request, *, limit: int) -> bytes:
    """Read a body of at most ``limit`` bytes. Raises BodyTooLarge (at the limit, not at the end), MalformedRequest."""
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length[:12]) > limit:
        raise BodyTooLarge
    body = bytearray()
    try:
        async with asyncio.timeout(READ_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise BodyTooLarge
    except (ClientDisconnect, TimeoutError) as error:
        raise MalformedRequest("The body did not arrive.") from error
    return bytes(body)


def fields(form: Pairs) -> dict[str, str]:
    """Give the fields of a form by name, without NUL, which some carriers write for @ and no store takes.

    Raises MalformedRequest for a name with two different values: which of them counts is a guess.
    """
    found: dict[str, str] = {}
    for written in form:
        name, value = (text.replace("\0", "") for text in written)
        if found.setdefault(name, value) != value:
            raise MalformedRequest("A field is ambiguous.")
    return found


# --- JSON ---------------------------------------------------------------------------------------------------


def read_json(body: bytes) -> Any:
    """Read JSON. Raises ValueError also for a name given twice, and for a value that no store could keep."""
    try:
        value = json.loads(body.decode(), object_pairs_hook=_object, parse_float=_finite, parse_constant=_finite)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if not all(_storable(text) for text in _texts(value)):
        raise ValueError("not storable")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("ambiguous")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("not finite")
    return number


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a JSON value, names included."""
    ahead = [value]
    while ahead:
        here = ahead.pop()
        if isinstance(here, str):
            yield here
        elif isinstance(here, dict):
            ahead += [*here, *here.values()]
        elif isinstance(here, list):
            ahead += here


def _storable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
