"""``/conversations``, ``/customers``, ``/tickets`` over HTTP; docs/staff-api.md has the shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..errors import MalformedRequest
from ..model import Priority, TicketStatus
from .auth import StaffTokens
from .conversations import Conversations
from .customers import Customers
from .http import act_key, answer, answer_if_changed, idempotency_key, limit_of, read_object, text_of
from .ticket_view import ticket_as_json
from .tickets import NewTicket, Tickets

MAX_MESSAGE = 6400
"""Characters; four text messages of Twilio's longest."""
MAX_SEARCH = 200
MAX_NAME, MAX_TITLE, MAX_DESCRIPTION, MAX_NOTE, MAX_EXTERNAL = 160, 120, 2000, 1000, 100


class ConversationApi:
    """Serves staff and partner systems. Whoever acts is named by their token, never by a body."""

    def __init__(
        self, conversations: Conversations, customers: Customers, tickets: Tickets, tokens: StaffTokens
    ) -> None:
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
            Route(f"{one}/messages", self._write, methods=["POST"]),
            Route(f"{one}/pause", self._pause, methods=["POST"]),
            Route(f"{one}/resume", self._resume, methods=["POST"]),
            Route(one, self._show, methods=["GET"]),
            Route(one, self._erase, methods=["DELETE"]),
            Route("/customers/{subject:path}", self._customer, methods=["GET"]),
            Route("/tickets", self._open_ticket, methods=["POST"]),
            Route(ticket, self._ticket, methods=["GET"]),
            Route(ticket, self._close_ticket, methods=["POST"]),
        ]

    # --- conversations ----------------------------------------------------------------------------------

    async def _list(self, request: Request) -> Response:
        self._tokens.actor(request)
        query = request.query_params
        words = query.get("q") or ""
        if len(words) > MAX_SEARCH or "\0" in words:
            raise MalformedRequest(f"q must be a text of at most {MAX_SEARCH} characters.")
        found = await self._conversations.page(limit=limit_of(request), cursor=query.get("cursor") or None, words=words)
        return answer_if_changed(request, found)

    async def _show(self, request: Request) -> Response:
        actor = self._tokens.actor(request)
        reveal = request.query_params.get("reveal", "")
        if reveal not in ("", "0", "1"):
            raise MalformedRequest("reveal must be 1.")
        shown = await self._conversations.detail(_subject(request), revealed_to=actor if reveal == "1" else None)
        return answer_if_changed(request, shown)

    async def _erase(self, request: Request) -> Response:
        actor = self._tokens.actor(request)
        return answer(await self._conversations.erase(_subject(request), actor=actor))

    async def _write(self, request: Request) -> Response:
        actor = self._tokens.actor(request)
        sent = await read_object(request)
        text = text_of(sent, "text", MAX_MESSAGE, required=True)
        key = act_key("message", request, actor)
        return answer(await self._conversations.write(_subject(request), text, actor=actor, key=key))

    async def _pause(self, request: Request) -> Response:
        return await self._hold(request, on=True)

    async def _resume(self, request: Request) -> Response:
        return await self._hold(request, on=False)

    async def _hold(self, request: Request, *, on: bool) -> Response:
        actor = self._tokens.actor(request)
        await read_object(request)
        key = act_key("pause" if on else "resume", request, actor)
        return answer(await self._conversations.hold(_subject(request), on=on, actor=actor, key=key))

    # --- customers --------------------------------------------------------------------------------------

    async def _customer(self, request: Request) -> Response:
        self._tokens.actor(request)
        return answer_if_changed(request, await self._customers.detail(_subject(request)))

    # --- tickets ----------------------------------------------------------------------------------------

    async def _open_ticket(self, request: Request) -> Response:
        actor = self._tokens.actor(request)
        wanted = _new_ticket(await read_object(request))
        key = idempotency_key(request)
        opened = await self._tickets.open(wanted, actor=actor, key=key)
        shown = ticket_as_json(opened.ticket)
        if not opened.earlier:
            return answer(shown, 201)
        if key and not wanted.external_id:
            return answer({**shown, "repeated": True}, 201)
        told = {"error": "There is a ticket with this external id.", "code": "ticket_exists", "ticket": shown}
        return answer(told, 409)

    async def _ticket(self, request: Request) -> Response:
        self._tokens.actor(request)
        return answer_if_changed(request, ticket_as_json(await self._tickets.find(request.path_params["ticket"])))

    async def _close_ticket(self, request: Request) -> Response:
        actor = self._tokens.actor(request)
        sent = await read_object(request)
        if sent.get("status") not in (TicketStatus.CLOSED, TicketStatus.SOLVED):
            raise MalformedRequest('status must be "closed" or "solved".')
        note = text_of(sent, "note", MAX_NOTE)
        name = request.path_params["ticket"]
        key = act_key(f"ticket:{name}", request, actor)
        ticket = await self._tickets.close(name, TicketStatus(sent["status"]), note, actor=actor, key=key)
        return answer(ticket_as_json(ticket))


def _subject(request: Request) -> str:
    return str(request.path_params["subject"])


def _new_ticket(sent: Mapping[str, Any]) -> NewTicket:
    """Read what a ticket is wanted for. Raises MalformedRequest."""
    customer, subject = text_of(sent, "customerId", MAX_NAME), text_of(sent, "subjectId", MAX_NAME)
    if bool(customer) is bool(subject):
        raise MalformedRequest("There must be a customerId or a subjectId, and not both.")
    priority = sent.get("priority", Priority.MEDIUM.value)
    if not isinstance(priority, str) or priority not in list(Priority):
        raise MalformedRequest(f"priority must be one of {', '.join(Priority)}.")
    external = text_of(sent, "externalId", MAX_EXTERNAL)
    if not external.isprintable():
        raise MalformedRequest("externalId must be printable.")
    return NewTicket(
        customer=customer,
        subject=subject,
        title=text_of(sent, "subject", MAX_TITLE, required=True),
        description=text_of(sent, "description", MAX_DESCRIPTION, required=True),
        priority=Priority(priority),
        external_id=external or None,
    )
