"""Met in the field: Twilio's fixed words count in any case, and a verdict proves what its documentation says."""

from __future__ import annotations

import pytest

from tandem.channels.voice.action_callback import Next, read_ending
from tandem.channels.voice.parties import AttestationRule, Parties
from tandem.model import Channel
from tandem.simulator.wire import new_sid

from ..flows.test_voice import dial, echo
from ..kit.gateway import JOHN, OURS, Running
from ..kit.sources import subject_of
from ..kit.tables import each
from ..kit.texting import open_texting
from ..kit.waiting import until
from .test_who_is_calling import greedy, nothing_opens, results

pytestmark = pytest.mark.promise("V18", "F1")


@each("verdict", ["TN-Validation-Passed-A", "tn-validation-passed-a", "TN-Validation-Passed-A-Passthrough"])
async def test_an_attestation_in_full_is_the_customers(it: Running, verdict: str) -> None:
    model = it.another(greedy)
    async with dial(it, JOHN, extra={"StirVerstat": verdict}) as call:
        await call.ask("refund my order")
    assert "REF_" in results(model)


@each(
    "verdict",
    ["TN-Validation-Passed-A-Diverted", "TN-Validation-Passed-B-Passthrough", "TN-Validation-Failed-A-Passthrough",
     "TN-Validation-Failed-A-Diverted", "NULL", "null", "TN-VALIDATION-FAILED", "TN-Validation-Passed-A, B"],
)  # fmt: skip
async def test_a_verdict_that_proves_less_opens_no_account(it: Running, verdict: str) -> None:
    """Who forwards a call signs it themselves: their A says nothing of the number that called at first."""
    await nothing_opens(it, JOHN, extra={"StirVerstat": verdict})


@each("direction", ["OUTBOUND-API", "Outbound-Dial", " outbound-api "])
def test_the_customer_of_a_call_that_we_made_is_who_was_called(direction: str) -> None:
    parties = Parties.of(from_=OURS, to=JOHN, direction=direction)
    assert (str(parties.customer), str(parties.ours)) == (JOHN, OURS)
    for rule in (AttestationRule.REQUIRED, AttestationRule.WHEN_PRESENT):
        assert parties.proven(rule, "")


@each(
    ("form", "following"),
    [
        ({"CallStatus": "IN-PROGRESS", "SessionStatus": "FAILED"}, Next.RECONNECT),
        ({"CallStatus": "In-Progress", "SessionStatus": "Completed"}, Next.HANG_UP),
        ({"CallStatus": "COMPLETED", "SessionStatus": "failed"}, Next.HANG_UP),
    ],
)
def test_the_end_of_a_session_is_read_in_any_case(form: dict[str, str], following: Next) -> None:
    assert read_ending(form, attempt=0).next is following


async def test_the_state_of_a_message_is_read_in_any_case() -> None:
    statuses = ["DELIVERED", "Delivered", "delivered"]
    async with open_texting() as it:
        for status in statuses:
            form = {"MessageSid": "SM" + "a" * 32, "MessageStatus": status, "To": JOHN}
            assert (await it.simulator.post(f"/sms/status?reply={status}", form)).status == 200
        read = {reply: stored.value for _, reply, stored, *_ in it.desk.statuses}
    assert read == dict.fromkeys(statuses, "delivered")


@each("kind", ["STOP", "stop", "Stop"])
async def test_the_kind_of_an_opt_out_is_read_in_any_case(it: Running, kind: str) -> None:
    it.another(echo)
    form = {"MessageSid": new_sid("SM"), "From": it.who, "To": OURS, "Body": "Basta", "OptOutType": kind}
    assert (await it.twilio.post("/sms", form)).status == 200

    async def muted() -> bool:
        stored = await it.store.conversation(subject_of(it.who))
        return stored is not None and stored.opted_out == (Channel.SMS,)

    await until(muted)
    assert it.twilio.sent_to(it.who) == []
