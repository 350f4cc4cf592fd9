"""``/conversations``, ``/customers``, ``/tickets`` over HTTP; docs/staff-api.md has the shapes."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypedDict

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..errors import MalformedRequest
from .answers import TicketView
from .auth import StaffTokens
from .bodies import Assignment, Body, BodyT, Export, FirstMessage, NewMessage, NewNote, NewTicket, Snooze, TicketClosing
from .conversations import Conversations
from .customers import Customers
from .exports import export_text
from .http import act_key, answer, answer_if_changed, answer_text, idempotency_key, limit_of, read_object
from .page_view import PageView
from .scopes import Scope
from .tickets import Tickets

MAX_SEARCH = 200
Endpoint = Callable[[Request], Awaitable[Response]]


class By(TypedDict):
    """Actor of an act, and the key under which it is done once."""

    actor: str
    key: str


CarryOut = Callable[[str, BodyT, By], Awaitable[dict[str, Any]]]
"""Does something for a customer, whom the first argument names."""


class ConversationApi:
    """Serves staff and partner systems. Whoever acts is named by their token, never by a body."""

    def __init__(
        self,
        conversations: Conversations,
        customers: Customers,
        tickets: Tickets,
        tokens: StaffTokens,
        pages: PageView,
    ) -> None:
        self._pages = pages
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
            Route(f"{one}/earlier", self._earlier, methods=["GET"]),
            Route(f"{one}/export", self._export, methods=["POST"]),
            *(Route(f"{one}/{act}", endpoint, methods=["POST"]) for act, endpoint in self._acts().items()),
            Route(one, self._show, methods=["GET"]),
            Route(one, self._erase, methods=["DELETE"]),
            Route("/customers/{subject:path}/reveal", self._reveal, methods=["POST"]),
            Route("/customers/{subject:path}", self._customer, methods=["GET"]),
            Route("/tickets", self._open_ticket, methods=["POST"]),
            Route(f"{ticket}/call", self._call, methods=["POST"]),
            Route(ticket, self._ticket, methods=["GET"]),
            Route(ticket, self._close_ticket, methods=["POST"]),
        ]

    def _acts(self) -> dict[str, Endpoint]:
        """Return what colleagues do in a conversation, by the last part of the address."""
        todo = self._conversations
        return {
            "messages": self._act("message", NewMessage, lambda who, sent, by: todo.write(who, sent, **by)),
            "say": self._act("say", NewNote, lambda who, sent, by: todo.say(who, sent.text, **by)),
            "whisper": self._act("whisper", NewNote, lambda who, sent, by: todo.whisper(who, sent.text, **by)),
            "notes": self._act("note", NewNote, self._note),
            "assign": self._act("assign", Assignment, self._assign),
            "resolve": self._act("resolved", Body, lambda who, _, by: todo.handle(who, "resolved", **by)),
            "reopen": self._act("open", Body, lambda who, _, by: todo.handle(who, "open", **by)),
            "snooze": self._act("snoozed", Snooze, lambda who, sent, by: todo.handle(who, "snoozed", sent.until, **by)),
            "pause": self._act("pause", Body, lambda who, _, by: todo.hold(who, on=True, **by)),
            "resume": self._act("resume", Body, lambda who, _, by: todo.hold(who, on=False, **by)),
        }

    def _act(self, kind: str, body: type[BodyT], carry_out: CarryOut[BodyT]) -> Endpoint:
        """Return an endpoint that carries out an act once per key; the actor is known by the token alone."""

        async def endpoint(request: Request) -> Response:
            actor = self._tokens.actor(request, Scope.REPLY)
            sent = await read_object(request, body)
            by = By(actor=actor, key=act_key(kind, request, actor))
            return answer(await self._pages.seen(request, await carry_out(_subject(request), sent, by)))

        return endpoint

    async def _note(self, who: str, sent: NewNote, by: By) -> dict[str, Any]:
        return await self._conversations.note(who, sent.text, colleagues=await self._tokens.colleagues(), **by)

    async def _assign(self, who: str, sent: Assignment, by: By) -> dict[str, Any]:
        known = await self._tokens.colleagues()
        if "to" not in sent.model_fields_set or (sent.to is not None and sent.to not in known):
            raise MalformedRequest(f"to must be null or one of {', '.join(known)}.")
        return await self._conversations.assign(who, sent.to, **by)

    # --- conversations ----------------------------------------------------------------------------------

    async def _list(self, request: Request) -> Response:
        self._tokens.actor(request, Scope.READ)
        words = request.query_params.get("q") or ""
        if len(words) > MAX_SEARCH or "\0" in words:
            raise MalformedRequest(f"q must be a text of at most {MAX_SEARCH} characters.")
        found = await self._conversations.list.page(
            limit=limit_of(request), cursor=self._pages.cursor(request), words=words
        )
        return answer_if_changed(request, await self._pages.seen(request, found))

    async def _show(self, request: Request) -> Response:
        self._tokens.actor(request, Scope.READ)
        if "reveal" in request.query_params:
            raise MalformedRequest("A number is revealed by POST /customers/{subjectId}/reveal.")
        shown = await self._conversations.detail(_subject(request))
        return answer_if_changed(request, await self._pages.seen(request, shown))

    async def _earlier(self, request: Request) -> Response:
        self._tokens.actor(request, Scope.READ)
        text = request.query_params.get("before") or ""
        if text and not re.fullmatch(r"[0-9]{1,12}\.[0-9]{1,12}", text):
            raise MalformedRequest("(before)")
        before = float(text) if text else None
        found = await self._conversations.earlier(_subject(request), before=before, limit=limit_of(request))
        return answer(await self._pages.seen(request, found))

    async def _erase(self, request: Request) -> Response:
        actor = self._tokens.actor(request, Scope.ADMINISTER)
        return answer(await self._pages.seen(request, await self._conversations.erase(_subject(request), actor=actor)))

    async def _begin(self, request: Request) -> Response:
        actor = self._tokens.actor(request, Scope.REPLY)
        sent = await read_object(request, FirstMessage)
        told = await self._conversations.begin(sent, actor=actor, key=act_key("first", request, actor))
        return answer(await self._pages.seen(request, told))

    async def _export(self, request: Request) -> Response:
        actor = self._tokens.actor(request, Scope.READ)
        sent = await read_object(request, Export)
        whole = await self._conversations.export(_subject(request), actor=actor)
        shown = await self._pages.seen(request, whole)
        return answer_text("conversation", export_text(shown)) if sent.format == "text" else answer(shown)

    # --- customers --------------------------------------------------------------------------------------

    async def _customer(self, request: Request) -> Response:
        self._tokens.actor(request, Scope.READ)
        found = await self._customers.detail(_subject(request))
        return answer_if_changed(request, await self._pages.seen(request, found))

    async def _reveal(self, request: Request) -> Response:
        actor = self._tokens.actor(request, Scope.REPLY)
        await read_object(request, Body)
        told = await self._conversations.reveal(_subject(request), actor=actor)
        return answer({**await self._pages.seen(request, told), "contact": told["contact"]})

    # --- tickets ----------------------------------------------------------------------------------------

    async def _open_ticket(self, request: Request) -> Response:
        actor = self._tokens.actor(request, Scope.TICKETS)
        wanted = await read_object(request, NewTicket)
        key = idempotency_key(request)
        opened = await self._tickets.open(wanted, actor=actor, key=key)
        shown = await self._pages.seen(request, TicketView.of(opened.ticket))
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
        return answer(await self._pages.seen(request, {"success": True, "subjectId": ticket.subject}))

    async def _ticket(self, request: Request) -> Response:
        self._tokens.actor(request, Scope.READ, Scope.TICKETS)
        found = TicketView.of(await self._tickets.find(request.path_params["ticket"]))
        return answer_if_changed(request, await self._pages.seen(request, found))

    async def _close_ticket(self, request: Request) -> Response:
        actor = self._tokens.actor(request, Scope.TICKETS)
        sent = await read_object(request, TicketClosing)
        name = request.path_params["ticket"]
        key = act_key(f"ticket:{name}", request, actor)
        ticket = await self._tickets.close(name, sent.status, sent.note, actor=actor, key=key)
        return answer(await self._pages.seen(request, TicketView.of(ticket)))


def _subject(request: Request) -> str:
    return str(request.path_params["subject"])
