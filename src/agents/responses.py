"""The Responses API by the straight way: the body goes out as JSON as it is, and what comes back is read leniently.

The SDK's own model still builds every request and interprets every answer. Replaced is only what lies below it, its
client's ``responses.create``; the SDK takes any object that has one. openai-python looks at every item, tool and
header of every request in Python, which cost more than the rest of a turn together (docs/decisions/0005).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, Final, TypeVar, get_args

import aiohttp
from openai import AsyncOpenAI, BaseModel, NotGiven, Omit
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseOutputItem,
    ResponseOutputItemDoneEvent,
    ResponseStreamEvent,
    ResponseTextDeltaEvent,
)
from pydantic import BaseModel as PydanticModel
from pydantic import ValidationError
from pydantic_core import from_json

from ..web.http_client import proxy_for
from .model_trouble import FILTERED, EndpointError, code_of, status_in

WARM_SECONDS = 5.0

R = TypeVar("R", bound=BaseModel)


def _by_type(union: Any) -> dict[str, type[BaseModel]]:
    return {get_args(kind.model_fields["type"].annotation)[0]: kind for kind in get_args(get_args(union)[0])}


_EVENTS: Final = _by_type(ResponseStreamEvent)
_ITEMS: Final = _by_type(ResponseOutputItem)


REPEATING: Final = frozenset({
    "response.created", "response.in_progress", "response.content_part.added", "response.content_part.done",
    "response.output_text.done", "response.function_call_arguments.delta", "response.function_call_arguments.done",
})  # fmt: skip
"""Events that announce or repeat what other events hold; the SDK does nothing with them."""
_TEXT: Final = "response.output_text.delta"
BROKEN_OFF: Final = frozenset({"error", "response.error", "response.failed"})
"""Events that end an answer which the service could not finish."""
COMPLETED: Final = "response.completed"
ENDS: Final = frozenset({COMPLETED, "response.incomplete"})
LONGEST_REFUSAL: Final = 64_000
"""Bytes of an error's body that are read for its code."""

Listener = Callable[[str], bool]
"""Takes a piece of text; False when it shall go the SDK's way."""
listener: ContextVar[Listener | None] = ContextVar("tandem_listener", default=None)
"""Who hears an answer as it streams, ahead of the SDK, for which a piece of text costs more than all else together."""


class ResponsesEndpoint:
    """Client interface that the SDK's Responses model uses: ``responses.create`` and ``base_url``."""

    def __init__(self, session: aiohttp.ClientSession, client: AsyncOpenAI) -> None:
        """Send over ``session``; address, key and headers are those of ``client``."""
        self.base_url = client.base_url
        self.responses = self
        self._session = session
        self._url = f"{client.base_url}responses"
        self._headers = _texts(client.default_headers) | _texts(client.auth_headers)
        self._proxy = proxy_for(self._url)

    async def create(
        self,
        *,
        stream: bool | Omit = False,
        extra_headers: Mapping[str, Any] | None = None,
        extra_query: Mapping[str, Any] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        **given: Any,
    ) -> Response | _Events:
        """Create a response or, with ``stream``, the iterator of its events. Raises EndpointError."""
        body = {name: value for name, value in given.items() if not isinstance(value, Omit | NotGiven)}
        seconds = body.pop("timeout", None)
        streamed = stream is True
        body = {**body, **({"stream": True} if streamed else {}), **(extra_body or {})}
        bounds = aiohttp.ClientTimeout(total=seconds) if isinstance(seconds, int | float) else self._session.timeout
        try:
            answer = await self._session.post(
                self._url,
                data=json.dumps(body, default=_dumped, separators=(",", ":")).encode(),
                headers=self._headers | _texts(extra_headers or {}),
                params=extra_query,
                proxy=self._proxy,
                timeout=bounds,
            )
            if answer.status >= 400:
                async with answer:
                    raise await _refusal(answer)
            if streamed and answer.content_type != "application/json":
                return _Events(answer, _told(answer.content))
            async with answer:
                found = _object(await answer.read())
            if found.get("error") or not isinstance(found.get("output"), list):
                raise _broken_off(found, "no answer")  # some services answer trouble with a good status
            found = _complete(found)
            return _Events(answer, _spelled(found)) if streamed else _read(Response, found)
        except (aiohttp.ClientError, OSError) as error:
            raise EndpointError(type(error).__name__) from error

    async def warm(self) -> None:
        """Open a connection, which the next request finds open. Any answer will do, also a refusal or none."""
        with suppress(aiohttp.ClientError, OSError, TimeoutError):
            async with self._session.head(
                self._url, headers=self._headers, proxy=self._proxy, timeout=aiohttp.ClientTimeout(total=WARM_SECONDS)
            ):
                pass


class _Events:
    """The events of one streamed answer. ``aclose`` ends the answer upstream, at whatever point it is."""

    def __init__(self, answer: aiohttp.ClientResponse, told: AsyncIterator[dict[str, Any]]) -> None:
        self._answer = answer
        self._told = told
        self._listener = listener.get()
        self._events = self._read()

    def __aiter__(self) -> _Events:
        return self

    async def __anext__(self) -> Any:
        return await anext(self._events)

    async def aclose(self) -> None:
        self._answer.close()
        await self._events.aclose()

    async def _read(self) -> Any:
        begun = ended = False
        try:
            async with self._answer:
                async for event in self._told:
                    name = str(event.get("type"))
                    if event.get("error") or name in BROKEN_OFF:
                        raise _broken_off(event)
                    if name in ENDS:
                        event = {**event, "type": COMPLETED, "response": _complete(event.get("response"))}
                        name, ended = COMPLETED, True
                    kind = _EVENTS.get(name)
                    if kind is None or name in REPEATING or not _known(event.get("item")):
                        continue
                    if name == _TEXT and self._heard(event.get("delta"), begun=begun):
                        continue
                    begun = True
                    yield _read(kind, event)
            if not ended:
                raise EndpointError("no end of the stream")
        except (aiohttp.ClientError, OSError) as error:
            raise EndpointError(type(error).__name__) from error

    def _heard(self, text: Any, *, begun: bool) -> bool:
        """Give a piece of text to the listener. An answer that opens with one goes the SDK's way whole, which until
        its first event may still be asked for again.
        """
        if not begun:
            self._listener = None
        return self._listener is not None and isinstance(text, str) and self._listener(text)


async def _refusal(answer: aiohttp.ClientResponse) -> EndpointError:
    """Return what an answer with an error status says."""
    try:
        code = code_of(from_json(await answer.content.read(LONGEST_REFUSAL)))
    except ValueError:
        code = ""
    asked = answer.headers.get("retry-after", "")
    return EndpointError(f"status {answer.status}", status=answer.status, code=code, retry_after=asked)


def _broken_off(event: Mapping[str, Any], what: str = "error event") -> EndpointError:
    """Return what an event says that ends an answer before its end, or what comes in place of one."""
    response = event.get("response")
    said = response if isinstance(response, Mapping) else event
    return EndpointError(what, status=status_in(said), code=code_of(said))


async def _data(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Yield the data of each server-sent event (html.spec.whatwg.org, "server-sent events"), also of a last one behind
    which the blank line is missing.
    """
    rest, lines = b"", list[bytes]()
    async for chunk in content.iter_any():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if line.startswith(b"data:"):
                lines.append(line[5:].strip())
            elif not line.strip() and lines:
                yield b"\n".join(lines)
                lines = []
    if lines or rest.startswith(b"data:"):
        yield b"\n".join([*lines, rest.removeprefix(b"data:").strip()])


async def _told(content: aiohttp.StreamReader) -> AsyncIterator[dict[str, Any]]:
    """Yield the events of a stream."""
    async for data in _data(content):
        if data.startswith(b"[DONE]"):
            return
        yield _object(data)


async def _spelled(response: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    """Yield the events of an answer that came in one piece, as caches and proxies in front of models send it."""
    for place, item in enumerate(response["output"]):
        yield {"type": "response.output_item.added", "output_index": place, "item": item}
        for part in item["content"] if item["type"] == "message" else ():
            for kind, name in ((_TEXT, "text"), ("response.refusal.delta", "refusal")):
                if isinstance(words := part.get(name), str):
                    yield {"type": kind, "delta": words, "output_index": place}
        yield {"type": "response.output_item.done", "output_index": place, "item": item}
    yield {"type": COMPLETED, "response": response}


def _object(text: bytes) -> dict[str, Any]:
    try:
        found = _parsed(text)
    except ValueError as error:
        raise EndpointError("no JSON") from error
    if not isinstance(found, dict):
        raise EndpointError("no JSON object")
    return found


def _parsed(text: bytes) -> Any:
    """Read JSON, quickly; one that spells half of a character is read all the same."""
    try:
        return from_json(text)
    except ValueError:
        return json.loads(text)


def _read(kind: type[R], found: dict[str, Any]) -> R:
    """Read strictly, which is fast; what differs (a server that lacks newer fields) is taken as it is."""
    try:
        return kind.model_validate(found)
    except ValidationError:
        return kind.construct(**found)


def _known(item: Any) -> bool:
    """Tell whether an item is of a kind that this version of the SDK knows; services have further ones."""
    return not isinstance(item, Mapping) or item.get("type") in _ITEMS


def _complete(response: Any) -> dict[str, Any]:
    """Return a response as the SDK takes it: what there is of one that was cut, without items that it does not know.

    The tools, which the API sends back with every response, stay out. Raises EndpointError where nothing was said.
    """
    if not isinstance(response, dict):
        raise EndpointError("no answer")
    output = [
        item for item in response.get("output") or ()
        if _known(item) and (item.get("type") != "message" or isinstance(item.get("content"), list))
    ]  # fmt: skip
    told = {**response, "tools": [], "output": output}
    if response.get("status") != "incomplete":
        return told
    if any(_says(item) for item in output):
        return {**told, "status": "completed"}
    details = response.get("incomplete_details")
    why = str(details.get("reason")) if isinstance(details, Mapping) else ""
    raise EndpointError("nothing but a beginning", status=400 if why in FILTERED else None, code=why)


def _says(item: Mapping[str, Any]) -> bool:
    """Tell whether an item is a call, or holds words."""
    parts = item["content"] if item["type"] == "message" else ()
    return item["type"] == "function_call" or any(part.get("text") or part.get("refusal") for part in parts)


def _texts(headers: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers that are given, which some are not by a mark of openai's."""
    return {name.lower(): value for name, value in headers.items() if isinstance(value, str)}


def _dumped(value: Any) -> Any:
    """Return what a request holds beside JSON values: openai's own types, for example in ``ModelSettings``."""
    if isinstance(value, PydanticModel):
        return value.model_dump(mode="json", exclude_unset=True, by_alias=True)
    raise TypeError(f"{type(value).__name__} cannot be sent")


def warm_up() -> None:
    """Build what reads answers, which otherwise the first customer waits for."""
    for kind in (Response, ResponseOutputItemDoneEvent, ResponseTextDeltaEvent, ResponseCompletedEvent):
        _read(kind, {})
