"""Everything that colleagues and partner systems are served, over one store and one engine."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from starlette.routing import BaseRoute

from ..agents.tool_gate import CallChecks
from ..conversation.engine import TurnEngine
from ..model import Address, SubjectId
from ..persistence.base import LaneStore
from ..shop.base import Shop
from .aliases import Aliases
from .approvals import ApprovalDesk
from .approvals_api import ApprovalsApi
from .audit import AuditApi, AuditLog
from .auth import StaffTokens
from .conversation_api import ConversationApi
from .conversations import Conversations
from .customer_directory import CustomerDirectory
from .customers import Customers
from .figures_api import Figures, FiguresApi
from .page_view import PageView
from .queue import QueueApi, WorkQueue
from .ready_replies import ReadyRepliesApi, ReadyReply
from .saved_views import SavedViewsApi
from .subject_lookup import SubjectLookup
from .tickets import CallBack, Tickets


def staff_routes(
    store: LaneStore,
    shop: Shop,
    engine: TurnEngine,
    checks: CallChecks,
    tokens: StaffTokens,
    aliases: Aliases,
    *,
    replies: Sequence[ReadyReply],
    region: str,
    ours: str | None,
    call: CallBack,
    takes_next: bool,
) -> list[BaseRoute]:
    """Return the routes of the staff API. ``ours`` is the number that texts to new customers leave from, ``call``
    rings a colleague and then a customer.

    ``region`` completes numbers without a country; ``takes_next``: a request may be decided unseen.
    """

    async def subject_of(address: Address) -> SubjectId:
        return (await engine.identity.resolve(address, session=f"staff-{uuid.uuid4().hex}")).subject

    desk = ApprovalDesk(store, engine, checks, takes_next=takes_next)
    people = CustomerDirectory(shop, store, region=region)
    pages = PageView(aliases, people.numbers)
    whose = SubjectLookup(store, subject_of, aliases, region=region)
    tickets = Tickets(store, engine, people, shop, whose, region=region, ours=ours, call=call)
    conversations = Conversations(store, engine, people, whose, ours=ours)
    served = (
        ApprovalsApi(desk, tokens, pages, region=region),
        QueueApi(WorkQueue(store, desk), tokens, pages),
        AuditApi(AuditLog(store), tokens, pages),
        FiguresApi(Figures(store), tokens),
        ReadyRepliesApi(replies, tokens),
        SavedViewsApi(store, tokens),
        ConversationApi(conversations, Customers(store, shop, people, whose), tickets, tokens, pages),
    )
    return [route for one in served for route in one.routes()]
