"""Staff tokens: who is let in, who is not, and that the answer says nothing else."""

from __future__ import annotations

import hmac
import shlex
from contextlib import suppress

import pytest
from starlette.requests import Request

from tandem.errors import NotAuthorised
from tandem.staff.auth import StaffTokens, ready_curls

from ...kit.staffing import ANNA, BEN, Desk, approval
from ...kit.tables import each


@pytest.mark.promise("H11")
@each(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer nobody",
        f"Basic {ANNA}",
        ANNA,
        f"Bearer {ANNA[:-1]}",
        f"Bearer {ANNA}x",
        f"Bearer anna:{ANNA}",
        f"Bearer {ANNA} {BEN}",
        "Bearer \u00fc\u00df",
        "Bearer " + "x" * 4000,
    ],
)
@each("method", ["GET", "POST"])
async def test_without_a_valid_token_nothing_is_told_or_done(desk: Desk, method: str, header: str | None) -> None:
    await desk.put(approval("apr_1"))
    headers = {} if header is None else {"Authorization": header}
    body = {"decisions": [{"approvalId": "apr_1", "approved": True}]}
    answered = await desk.ask(method, "/approvals", token=None, headers=headers, json=body)
    assert answered.status == 401
    assert answered.body == {"error": "The request carries no valid staff token.", "code": "not_authorised"}
    assert answered.headers["WWW-Authenticate"] == "Bearer"
    assert desk.lanes.decisions == []


async def test_the_body_of_a_stranger_is_not_read(desk: Desk) -> None:
    answered = await desk.ask("POST", "/approvals", token="nobody", data=b"x" * 1_000_000)
    assert answered.status == 401


@each("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_scheme_is_read_in_any_case(desk: Desk, scheme: str) -> None:
    answered = await desk.ask("GET", "/approvals", token=None, headers={"Authorization": f"{scheme} {BEN}"})
    assert answered.status == 200


@pytest.mark.promise("H10")
@pytest.mark.parametrize(("token", "actor"), [(ANNA, "anna"), (BEN, "ben")])
async def test_the_token_names_the_actor_whatever_the_body_says(desk: Desk, token: str, actor: str) -> None:
    await desk.put(approval("apr_1"))
    decision = {"approvalId": "apr_1", "approved": True, "actor": "mallory", "decidedBy": "mallory"}
    await desk.decide(decision, token=token, actor="mallory", decidedBy="mallory")
    ((_, _, made),) = desk.lanes.decisions
    assert made.actor == actor


@pytest.mark.parametrize("token", [ANNA, BEN, "", "x", ANNA[:-1], ANNA * 9])
def test_every_token_costs_the_same_comparisons(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    """All of them, each between two values of one length, by the function that is made for it."""
    compared: list[tuple[int, int]] = []
    compare = hmac.compare_digest

    def counted(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", counted)
    headers = [(b"authorization", f"Bearer {token}".encode())]
    with suppress(NotAuthorised):
        StaffTokens({"anna": ANNA, "ben": BEN}).actor(Request({"type": "http", "headers": headers}))
    assert compared == [(32, 32), (32, 32)]


def test_the_ready_commands_carry_the_token_and_survive_a_shell() -> None:
    listing, approving = ready_curls("http://127.0.0.1:3001", "it's a token", "apr_1")
    assert shlex.split(listing) == [
        "curl",
        "-s",
        "-H",
        "Authorization: Bearer it's a token",
        "http://127.0.0.1:3001/approvals",
    ]
    assert shlex.split(approving)[6:8] == ["-d", '{"decisions": [{"approvalId": "apr_1", "approved": true}]}']
