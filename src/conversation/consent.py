"""Consent of colleagues: the number that a call takes, and the worth of an approval by one of them. Pure.

A limit is kept by each request from when it was asked, so that every replica judges it alike.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from ..entries import Verdict
from ..model import Approval


def approvals_needed(second_above: int | None, arguments: Mapping[str, Any]) -> int:
    """Return how many colleagues have to approve a call: two above a limit in cents, also where no amount can be read.

    What it is about is the argument ``amount``, in dollars; a call without one takes a single colleague.
    """
    if second_above is None or "amount" not in arguments:
        return 1
    try:
        amount = Decimal(str(arguments["amount"]))
    except InvalidOperation:
        return 2
    return 1 if amount.is_finite() and abs(amount) * 100 <= second_above else 2


def call_of(approval: Approval) -> Mapping[str, Any]:
    """Return the arguments that a call is carried out with."""
    return approval.arguments if approval.edited_arguments is None else approval.edited_arguments


def consent(approval: Approval, arguments: Mapping[str, Any], actor: str) -> Verdict | None:
    """Return what an actor's approval of a call with these arguments is: the first of two, or all that it takes.

    None when it adds nothing: they approved just that before. A colleague who changes the call approves another one.
    """
    if approvals_needed(approval.second_above, arguments) == 1:
        return Verdict.APPROVE
    if approval.first_by is None or in_one_spelling(arguments) != in_one_spelling(call_of(approval)):
        return Verdict.FIRST
    return None if approval.first_by == actor else Verdict.APPROVE


def in_one_spelling(arguments: Mapping[str, Any]) -> str:
    """Return arguments as text, alike for those that are alike: to Python, 1 and 1.0 and True are the same."""
    return json.dumps(dict(arguments), sort_keys=True)
