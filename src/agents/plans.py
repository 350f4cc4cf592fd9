"""Support entitlement by plan. Pure: tools ask here, so no words of a customer or model can change it.

Everybody may look up their account and orders, search the articles, and ask for a person. What people or money stand
behind (tickets and refunds by the agent) is personal support, which some plans do not include.
"""

from __future__ import annotations

from ..shop.base import Customer

WITHOUT_SUPPORT = frozenset({"free"})
"""Plans that include no personal support. Every other plan does, so that a shop may name its plans as it likes."""
NOT_IN_PLAN = "not_in_plan"


def has_support(customer: Customer | None) -> bool:
    """Tell whether somebody may have personal support; whoever has no account is not held to a plan."""
    return customer is None or customer.plan.strip().casefold() not in WITHOUT_SUPPORT


def what_is_included(customer: Customer) -> str:
    """Say to the customer what their plan has instead of personal support."""
    return (
        f"The {customer.plan.strip()} plan of this account does not include refunds and tickets through this service. "
        "It does include looking up the account and its orders, and the help articles. A person can be asked for at "
        "any time."
    )
