"""Reading bodies: bounded before they are parsed."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterator
from typing import Any

from starlette.requests import ClientDisconnect, Request

from ..errors import BodyTooLarge, MalformedRequest

READ_SECONDS = 10.0


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
