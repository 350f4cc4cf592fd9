"""The caller's own account: the one customer record that tools can reach, its plan, and what the customer prefers.

Every customer may look up their account and orders, search the articles, and ask for a person. What people or money
stand behind (tickets and refunds by the agent) is personal support, which some plans do not include.
"""

from __future__ import annotations

from typing import Annotated, Literal

import phonenumbers
from agents import RunContextWrapper, function_tool

from ...conversation.prompt_blocks import PREFERENCE
from ...shop.base import Customer
from ..caller_context import CallerContext
from .effects import in_commit, reads_only
from .outputs import BAD_ARGUMENTS, NOT_FOUND, as_json, refusal

IdentifierType = Literal["email", "phone", "customer_id"]
Identifier = Annotated[
    str,
    'Their e-mail address, telephone number or customer id; "me" with type "phone" for the number they are using.',
]

_NONE_HERE = "No account with that {type} belongs to the number this customer is calling or writing from."
_WITHHELD = (
    "The network proves no telephone number of this customer's, so no account can be opened for them here. They can "
    "text from their own number."
)


async def own_account(caller: CallerContext) -> Customer | None:
    """Return the account of the number the caller is on, None for unknown numbers and where none is proven.

    Every tool reaches customer data through this and nothing else (R6, A10): what the model passes as an argument
    can only narrow it.
    """
    return await caller.shop.customer_by_phone(caller.phone) if caller.phone else None


def no_account(caller: CallerContext, otherwise: str) -> str:
    """Write the answer for what is not there or not the caller's: the same for both."""
    return refusal(NOT_FOUND, otherwise if caller.phone else _WITHHELD)


@reads_only
@function_tool
async def lookup_customer(
    context: RunContextWrapper[CallerContext], identifier: Identifier, type: IdentifierType
) -> str:
    """Look up the account of the customer you are talking to, with the list of their orders.

    Finds only that customer's own account; every other one looks absent.
    """
    caller = context.context
    customer = await own_account(caller)
    if customer is None or not _is(customer, identifier, type):
        return no_account(caller, _NONE_HERE.format(type=type.replace("_", " ")))
    orders = await caller.shop.orders_of(customer.id)
    return as_json(
        {
            "customer_id": customer.id,
            "name": customer.name,
            "email": customer.email,
            "phone": customer.phone,
            "plan": customer.plan,
            "orders": [{"order_id": order.id, "status": order.status, "total": order.total} for order in orders],
        }
    )


def _is(customer: Customer, identifier: str, type: IdentifierType) -> bool:
    """Tell whether the identifier, however it is spelled, is this customer's."""
    given = identifier.strip().casefold()
    if type == "email":
        return bool(given) and given == customer.email.casefold()
    if type == "customer_id":
        return same_id(given, customer.id)
    if given == "me":
        return True
    same = phonenumbers.is_number_match(customer.phone, identifier)
    return same in (phonenumbers.MatchType.EXACT_MATCH, phonenumbers.MatchType.NSN_MATCH)


def same_id(given: str, known: str) -> bool:
    """Compare ids as people spell them: "cust 12345" is CUST_12345."""
    return bool(given) and _letters_and_digits(given) == _letters_and_digits(known)


def _letters_and_digits(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


# --- support by plan ----------------------------------------------------------------------------------------

WITHOUT_SUPPORT = frozenset({"free"})
"""Plans that include no personal support. Every other plan does, so that a shop may name its plans as it likes."""
NOT_IN_PLAN = "not_in_plan"


def has_support(customer: Customer | None) -> bool:
    """Tell whether a customer may have personal support; without an account, no plan says otherwise."""
    return customer is None or customer.plan.strip().casefold() not in WITHOUT_SUPPORT


def what_is_included(customer: Customer) -> str:
    """Say to the customer what their plan has instead of personal support."""
    return (
        f"The {customer.plan.strip()} plan of this account does not include refunds and tickets through this service. "
        "It does include looking up the account and its orders, and the help articles. A person can be asked for at "
        "any time."
    )


# --- preferences, which the agent is told in every later turn ------------------------------------------------

LONGEST_WISH = 80
"""Characters of a preference."""

Which = Annotated[
    Literal["language", "name", "contact"],
    "language: of our answers. name: what they want to be called. contact: when or how they want to be reached.",
]
Wish = Annotated[str, "What they want, in a few words; empty to forget it."]


@in_commit
@function_tool
async def remember_preference(context: RunContextWrapper[CallerContext], preference: Which, value: Wish) -> str:
    """Keep how this customer wants to be treated from now on, when they say so themselves."""
    wish = " ".join(value.split())
    if len(wish) > LONGEST_WISH:
        return refusal(BAD_ARGUMENTS, f"A preference has at most {LONGEST_WISH} characters. Keep what matters of it.")
    if not wish:
        context.context.forget(PREFERENCE + preference)
        return as_json({"preference": preference, "forgotten": True})
    context.context.remember(PREFERENCE + preference, wish)
    return as_json({"preference": preference, "remembered": context.context.recall(PREFERENCE + preference)})
