"""The HTTP that all endpoints for staff share: bounded bodies, pages of lists, keys that make an act count once."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..errors import MalformedRequest, UnsupportedBody
from ..web.bodies import read_body, read_json
from .bodies import BodyT, read_as

T = TypeVar("T")

BODY_LIMIT = 262_144
"""Bytes."""
PAGE, LONGEST_PAGE = 50, 200
_PRIVATE = {"Cache-Control": "no-store"}
"""Customers' words: for the one who asked, and for no cache on the way."""
_KEY = re.compile(r"[\x21-\x7e]{1,100}")


def answer(content: Mapping[str, Any], status_code: int = 200) -> Response:
    """Answer with JSON."""
    return JSONResponse(content, status_code, headers=_PRIVATE)


def answer_if_changed(request: Request, content: Mapping[str, Any]) -> Response:
    """Answer with JSON and its mark, or with 304 to a client that has it already."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    mark = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {**_PRIVATE, "ETag": mark}
    known = (one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(","))
    if mark in known:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def answer_text(name: str, text: str) -> Response:
    """Answer with a text file."""
    headers = {**_PRIVATE, "Content-Disposition": f'attachment; filename="{name}.txt"'}
    return Response(text, headers=headers, media_type="text/plain")


def answer_csv(name: str, rows: Iterable[Iterable[object]]) -> Response:
    """Answer with a file of comma-separated values; a cell that a spreadsheet would run is text."""
    text = io.StringIO()
    csv.writer(text).writerows([[_cell(value) for value in row] for row in rows])
    headers = {**_PRIVATE, "Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(text.getvalue(), headers=headers, media_type="text/csv")


def _cell(value: object) -> object:
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def choice_of(request: Request, name: str, choices: Mapping[str, T], default: str) -> T:
    """Return what a query's value stands for. Raises MalformedRequest."""
    text = request.query_params.get(name) or default
    if text not in choices:
        raise MalformedRequest(f"{name} must be one of {', '.join(choices)}.")
    return choices[text]


async def read_bytes(request: Request) -> bytes:
    """Read a body of JSON. Raises UnsupportedBody for another type, and BodyTooLarge."""
    body = await read_body(request, limit=BODY_LIMIT)
    # Without a type too: what a page of another site may send unasked has no type, or a form's.
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body.strip() and kind != "application/json":
        raise UnsupportedBody("Send application/json.")
    return body


async def read_object(request: Request, kind: type[BodyT]) -> BodyT:
    """Read a body that is a JSON object; nothing at all counts as an empty one. Raises MalformedRequest."""
    body = await read_bytes(request)
    try:
        value = read_json(body) if body.strip() else {}
    except ValueError as error:
        raise MalformedRequest("The body must be JSON.") from error
    if not isinstance(value, dict):
        raise MalformedRequest("The body must be a JSON object.")
    return read_as(kind, value)


def limit_of(request: Request) -> int:
    """Return how long a page of a list may be. Raises MalformedRequest."""
    text = request.query_params.get("limit")
    if not text:
        return PAGE
    if not re.fullmatch("[0-9]{1,3}", text) or not 1 <= int(text) <= LONGEST_PAGE:
        raise MalformedRequest(f"limit must be a whole number from 1 to {LONGEST_PAGE}.")
    return int(text)


def idempotency_key(request: Request) -> str | None:
    """Return what the sender named the act, or None. Raises MalformedRequest."""
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise MalformedRequest("Idempotency-Key must be 1 to 100 printable ASCII characters.")
    return key


def act_key(kind: str, request: Request, actor: str) -> str:
    """Return the key of the entry for an act of ``actor``: the sender's, or one of its own.

    Two colleagues know nothing of each other's keys, and may choose the same.
    """
    key = idempotency_key(request)
    return f"staff:{kind}:{actor}:{key}" if key else f"staff:{kind}:{uuid.uuid4().hex}"
