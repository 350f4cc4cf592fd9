"""``/conversations``, ``/customers``, ``/tickets`` over HTTP; docs/staff-api.md has the shapes."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..entries import Handled, Handling
from ..errors import MalformedRequest
from .aliases import Aliases
from .answers import TicketView
from .auth import StaffTokens
from .bodies import Assignment, Body, FirstMessage, NewMessage, NewNote, NewTicket, Snooze, TicketClosing
from .conversations import Conversations
from .customers import Customers
from .http import act_key, answer, answer_if_changed, idempotency_key, limit_of, read_object
from .scopes import Scope
from .tickets import Tickets

MAX_SEARCH = 200


class ConversationApi:
    """Serves staff and partner systems. Whoever acts is named by their token, never by a body."""

    def __init__(
        self,
        conversations: Conversations,
        customers: Customers,
        tickets: Tickets,
        tokens: StaffTokens,
        aliases: Aliases,
    ) -> None:
        self._aliases = aliases
        self._conversations = conversations
        self._customers = customers
        self._tickets = tickets
        self._tokens = tokens

    def routes(self) -> Sequence[BaseRoute]:
        """Name the routes that the app shall serve; their handlers raise the errors of ``STATUS_CODES``."""
        # Paths, because ids of other systems may hold a slash.
        one, ticket = "/conversations/{subject:path}", "/tickets/{ticket:path}"
        return [
            Route("/conversations", self._list, methods=["GET"]),
            Route("/conversations", self._begin, methods=["POST"]),
            Route(f"{one}/messages", self._write, methods=["POST"]),
            Route(f"{one}/earlier", self._earlier, methods=["GET"]),
            Route(f"{one}/say", self._say, methods=["POST"]),
            Route(f"{one}/whisper", self._whisper, methods=["POST"]),
            Route(f"{one}/notes", self._note, methods=["POST"]),
            Route(f"{one}/assign", self._assign, methods=["POST"]),
            Route(f"{one}/resolve", self._resolve, methods=["POST"]),
            Route(f"{one}/reopen", self._reopen, methods=["POST"]),
            Route(f"{one}/snooze", self._snooze, methods=["POST"]),
            Route(f"{one}/pause", self._pause, methods=["POST"]),
            Route(f"{one}/resume", self._resume, methods=["POST"]),
            Route(one, self._show, methods=["GET"]),
            Route(one, self._erase, methods=["DELETE"]),
            Route("/customers/{subject:path}/reveal", self._reveal, methods=["POST"]),
            Route("/customers/{subject:path}", self._customer, methods=["GET"]),
            Route("/tickets", self._open_ticket, methods=["POST"]),
            Route(f"{ticket}/call", self._call, methods=["POST"]),
            Route(ticket, self._ticket, methods=["GET"]),
            Route(ticket, self._close_ticket, methods=["POST"]),
        ]

    # --- conversations ----------------------------------------------------------------------------------

    async def _list(self, request: Request) -> Response:
        self._tokens.actor(request, Scope.READ)
        query = request.query_params
        words = query.get("q") or ""
        if len(words) > MAX_SEARCH or "\0" in words:
            raise MalformedRequest(f"q must be a text of at most {MAX_SEARCH} characters.")
        found = await self._conversations.list.page(
            limit=limit_of(request), cursor=query.get("cursor") or None, words=words
        )
        return answer_if_changed(request, self._seen(request, found))

    async def _show(self, request: Request) -> Response:
        self._tokens.actor(request, Scope.READ)
        if "reveal" in request.query_params:
            raise MalformedRequest("A number is revealed by POST /customers/{subjectId}/reveal.")
        shown = await self._conversations.detail(_subject(request))
        return answer_if_changed(request, self._seen(request, shown, number=await self._number(request)))

    async def _earlier(self, request: Request) -> Response:
        self._tokens.actor(request, Scope.READ)
        text = request.query_params.get("before") or ""
        if text and not re.fullmatch(r"[0-9]{1,12}\.[0-9]{1,12}", text):
            raise MalformedRequest("(before)")
        before = float(text) if text else None
        found = await self._conversations.earlier(_subject(request), before=before, limit=limit_of(request))
        return answer(self._seen(request, found, number=await self._number(request)))

    async def _erase(self, request: Request) -> Response:
        actor = self._tokens.actor(request, Scope.ADMINISTER)
        return answer(self._seen(request, await self._conversations.erase(_subject(request), actor=actor)))

    async def _write(self, request: Request) -> Response:
        actor = self._tokens.actor(request, Scope.REPLY)
        sent = await read_object(request, NewMessage)
        key = act_key("message", request, actor)
        told = await self._conversations.write(_subject(request), sent, actor=actor, key=key)
        return answer(self._seen(request, told))

    async def _begin(self, request: Request) -> Response:
        actor = self._tokens.actor(request, Scope.REPLY)
        sent = await read_object(request, FirstMessage)
        told = await self._conversations.begin(sent, actor=actor, key=act_key("first", request, actor))
        return answer(self._seen(request, told))

    async def _say(self, request: Request) -> Response:
        return await self._word(request, "say", self._conversations.say)

    async def _whisper(self, request: Request) -> Response:
        return await self._word(request, "whisper", self._conversations.whisper)

    async def _note(self, request: Request) -> Response:
        return await self._word(request, "note", self._conversations.note)

    async def _word(self, request: Request, act: str, carry_out: Callable[..., Awaitable[dict[str, Any]]]) -> Response:
        """Carry out an act that takes a person's words."""
        actor = self._tokens.actor(request, Scope.REPLY)
        sent = await read_object(request, NewNote)
        told = await carry_out(_subject(request), sent.text, actor=actor, key=act_key(act, request, actor))
        return answer(self._seen(request, told))

    async def _assign(self, request: Request) -> Response:
        actor = self._tokens.actor(request, Scope.REPLY)
        sent = await read_object(request, Assignment)
        to = sent.to
        if "to" not in sent.model_fields_set or (to is not None and to not in self._tokens.colleagues):
            raise MalformedRequest(f"to must be null or one of {', '.join(self._tokens.colleagues)}.")
        key = act_key("assign", request, actor)
        told = await self._conversations.assign(_subject(request), to, actor=actor, key=key)
        return answer(self._seen(request, told))

    async def _resolve(self, request: Request) -> Response:
        return await self._handle(request, "resolved")

    async def _reopen(self, request: Request) -> Response:
        return await self._handle(request, "open")

    async def _snooze(self, request: Request) -> Response:
        return await self._handle(request, "snoozed")

    async def _handle(self, request: Request, state: Handling) -> Response:
        actor = self._tokens.actor(request, Scope.REPLY)
        sent = await read_object(request, Snooze if state == "snoozed" else Body)
        act = Handled(actor, state, sent.until.timestamp() if isinstance(sent, Snooze) else None)
        told = await self._conversations.handle(_subject(request), act, key=act_key(state, request, actor))
        return answer(self._seen(request, told))

    async def _pause(self, request: Request) -> Response:
        return await self._hold(request, on=True)

    async def _resume(self, request: Request) -> Response:
        return await self._hold(request, on=False)

    async def _hold(self, request: Request, *, on: bool) -> Response:
        actor = self._tokens.actor(request, Scope.REPLY)
        await read_object(request, Body)
        key = act_key("pause" if on else "resume", request, actor)
        told = await self._conversations.hold(_subject(request), on=on, actor=actor, key=key)
        return answer(self._seen(request, told))

    # --- customers --------------------------------------------------------------------------------------

    async def _customer(self, request: Request) -> Response:
        self._tokens.actor(request, Scope.READ)
        found = await self._customers.detail(_subject(request))
        return answer_if_changed(request, self._seen(request, found, number=await self._number(request)))

    async def _reveal(self, request: Request) -> Response:
        actor = self._tokens.actor(request, Scope.REPLY)
        await read_object(request, Body)
        told = await self._conversations.reveal(_subject(request), actor=actor)
        return answer({**self._seen(request, told), "contact": told["contact"]})

    def _seen(self, request: Request, content: Mapping[str, Any], *, number: str | None = None) -> Mapping[str, Any]:
        """Return what whoever asks may see: programs with a token everything, pages no id that tells a number."""
        return self._aliases.veiled(content, number=number) if self._tokens.by_page(request) else content

    async def _number(self, request: Request) -> str | None:
        return await self._conversations.number(_subject(request)) if self._tokens.by_page(request) else None

    # --- tickets ----------------------------------------------------------------------------------------

    async def _open_ticket(self, request: Request) -> Response:
        actor = self._tokens.actor(request, Scope.TICKETS)
        wanted = await read_object(request, NewTicket)
        key = idempotency_key(request)
        opened = await self._tickets.open(wanted, actor=actor, key=key)
        shown = self._seen(request, TicketView.of(opened.ticket))
        if not opened.earlier:
            return answer(shown, 201)
        if key and not wanted.external_id:
            return answer({**shown, "repeated": True}, 201)
        told = {"error": "There is a ticket with this external id.", "code": "ticket_exists", "ticket": shown}
        return answer(told, 409)

    async def _call(self, request: Request) -> Response:
        actor = self._tokens.actor(request, Scope.REPLY)
        await read_object(request, Body)
        key = act_key("call", request, actor)
        ticket = await self._tickets.call(request.path_params["ticket"], actor=actor, key=key)
        return answer(self._seen(request, {"success": True, "subjectId": ticket.subject}))

    async def _ticket(self, request: Request) -> Response:
        self._tokens.actor(request, Scope.READ, Scope.TICKETS)
        found = TicketView.of(await self._tickets.find(request.path_params["ticket"]))
        return answer_if_changed(request, self._seen(request, found))

    async def _close_ticket(self, request: Request) -> Response:
        actor = self._tokens.actor(request, Scope.TICKETS)
        sent = await read_object(request, TicketClosing)
        name = request.path_params["ticket"]
        key = act_key(f"ticket:{name}", request, actor)
        ticket = await self._tickets.close(name, sent.status, sent.note, actor=actor, key=key)
        return answer(self._seen(request, TicketView.of(ticket)))


def _subject(request: Request) -> str:
    return str(request.path_params["subject"])
