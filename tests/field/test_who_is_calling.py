"""Met in the field, "Who is calling": an address that proves nothing opens nothing, and none is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from tandem.conversation import phrases
from tandem.model import SubjectId

from ..flows.test_voice import committed, dial, echo
from ..kit.colleague import Colleague, staffed
from ..kit.gateway import JANE, JOHN, OURS, Running, running
from ..kit.model_server import Answer, ModelServer
from ..kit.tables import each
from ..kit.waiting import PATIENCE
from .test_stopping_machines_floods import exchange

pytestmark = pytest.mark.promise("V18", "F1")

JOHNS = SubjectId("phone_15551234567")
PBX = "pbx.example"
REFUND = ("process_refund", {"order_id": "ORD_12345", "amount": 20, "reason": "broken"})


def greedy(request: dict[str, Any]) -> Answer:
    """Ask for a refund of John's order in every call and text, and then say so."""
    answered = request["input"][-1].get("type") == "function_call_output"
    return Answer("That is all I can do.") if answered else Answer(calls=[REFUND])


def results(model: ModelServer) -> str:
    """Return what the tools answered."""
    return str(
        [item["output"] for given in model.inputs for item in given if item.get("type") == "function_call_output"]
    )


# --- callers whose address cannot be read --------------------------------------------------------------------

UNREADABLE = [
    "+12345", "+811045000", "WIRELESS CALLER", "sip:*69@pbx", "client:Anna B", "", "+", "tel:", "*67", "O'Brien",
    "+10000000000", "0000000000", "+19999999999",
    "tel:+15551234567;ext=12", "+15551234567 x12", "fax:+15551234567", "+97912345678", "\u202a+15551234567\u202c",
    "sip:", "x-unknown:1", "+" + "9" * 40, "Кафе «Уют»", "a" * 500, "sip:anna@other.example",
    OURS,  # a call that comes back here: forwarded by a switchboard under our own number
]  # fmt: skip


@each("sender", UNREADABLE)
async def test_a_caller_who_cannot_be_read_is_served_like_a_withheld_one(it: Running, sender: str) -> None:
    it.another(echo)
    async with dial(it, sender) as call:
        assert await call.ask("hello") == "You said: hello"
        assert {one["status"] for one in call.happened("webhook")} == {"200"}
        await call.hang_up()
        assert await turns_of(it, SubjectId(f"withheld_{call.sid}")) == 1


NAMES = [
    ("John Doe", "John"), ("Mr. John Doe", "John"), ("Dr Jane Smith", "Jane"), ("Prof. Dr. Ina Maier", "Ina"),
    ("Doe, John", "John"), ("Doe, Dr. John", "John"), ("John Doe, Jr.", "John"), ("Herr Ali Müller", "Ali"),
    ("Jean-Luc P", "Jean-Luc"), ("O'Neil", "O'Neil"), ("\U0001f642 Ann", "Ann"),
    ("Ms Lee", ""), ("Frau Dr. Meier", ""), ("john@x.example", ""), ("+15551234567", ""), ("Unknown", ""), ("N/A", ""),
    ("null", ""), ("Customer 17", ""), ("", ""), ("Mr.", ""), ("x" * 41, ""),
]  # fmt: skip


@each(("name", "called"), NAMES)
def test_a_caller_is_greeted_by_their_first_name_and_by_nothing_that_is_none(name: str, called: str) -> None:
    assert phrases.greeting(name, "Hello! How are you?") == f"Hello{called and ' '}{called}! How are you?"


ANOTHER_OF_OURS = "+15550002222"


async def test_our_own_number_is_no_customer_of_another_number_of_ours(it: Running) -> None:
    """A switchboard writes it when it forwards calls, and callers shared one conversation; a text began a loop."""
    model = it.another(echo)
    it.who = OURS
    assert await exchange(it, ["hello"], ours=ANOTHER_OF_OURS) == []
    for said in ("my dog is called Rex", "what is he called"):
        async with dial(it, OURS, to=ANOTHER_OF_OURS) as call:
            assert await call.ask(said) == f"You said: {said}"
            await call.hang_up()
        assert await turns_of(it, SubjectId(f"withheld_{call.sid}")) == 1
    assert "Rex" not in str(model.inputs[-1])


async def turns_of(it: Running, subject: SubjectId) -> int:
    """Return how many turns a conversation has, once it is stored."""
    async with asyncio.timeout(PATIENCE):
        while (found := await it.store.conversation(subject)) is None:
            await asyncio.sleep(0.01)
    return found.turns_taken


async def test_two_callers_who_cannot_be_read_share_nothing(tmp_path: Path) -> None:
    model = ModelServer(echo)
    async with running(tmp_path, model) as it:
        async with dial(it, "WIRELESS CALLER") as first:
            await first.ask("my dog is called Rex")
        async with dial(it, "WIRELESS CALLER") as second:
            await second.ask("what is he called")
    assert "Rex" not in str(model.inputs[-1])


SENDERS = [
    "SUPPORT",
    "+12345",
    "",
    "Verify-Me",
    "client:Anna B",
    "messenger:4711",
    "sip:+15551234567@x.example",
    "+266696687",
]


@each("sender", SENDERS)
async def test_a_sender_who_cannot_be_answered_is_recorded_and_never_answered(
    it: Running, mia: Colleague, sender: str
) -> None:
    model, before = it.another(echo), len(it.twilio.messages)
    known = {one["subjectId"] for one in (await mia.get("/conversations"))["conversations"]}
    assert await it.say("Your code is 998877", sender=sender) == 200
    shown = await recorded(mia, known)
    assert await it.ask("hello") == "You said: hello"  # what would have been sent before it has left by now
    assert [entry["text"] for turn in shown["transcript"] for entry in turn["entries"]] == ["Your code is 998877"]
    (row,) = shown["timeline"]
    assert row["name"] == "sender_unreachable"
    assert row["data"]["sender"] == sender
    assert [message.to for message in it.twilio.messages[before:] if not message.inbound] == [it.who]
    assert len(model.requests) == 1


async def recorded(mia: Colleague, known: Collection[str] = ()) -> Any:
    """Return the one conversation there is besides those that are known, once it is committed."""
    while True:
        listed = [one["subjectId"] for one in (await mia.get("/conversations"))["conversations"]]
        if new := [one for one in listed if one not in known]:
            return await mia.shown(new[0])


async def test_staff_cannot_write_to_a_sender_who_cannot_be_answered(tmp_path: Path) -> None:
    async with staffed(tmp_path, ModelServer(echo)) as (it, mia):
        await it.say("Your code is 998877", sender="SUPPORT")
        shown = await recorded(mia)
        told = await mia.post(f"/conversations/{shown['subjectId']}/messages", {"text": "hi"}, status=409)
    assert told["code"] == "no_way"


# --- addresses that prove no number ----------------------------------------------------------------------------

FORGED = [
    "client:5551234567", "client:+15551234567", "sip:+15551234567@other.example", "sip:5551234567@other.example",
    f"sip:+15551234567@{PBX}.evil.example", f"sip:+15551234567@evil.example@{PBX}",
    f"sip:+15551234567@evil.example;{PBX}",
    f"sip:+15551234567%40{PBX}@evil.example", "sips:+15551234567@[::1]", "messenger:15551234567", "x:+15551234567",
    f"sip:+15551234567;x@{PBX}", f"sip:+15551234567@evil.example?{PBX}",
    # Found by trying, not reported.
    f"sip:+15551234567@{PBX}..", f"sip:+15551234567@.{PBX}", f"sip:+15551234567@{PBX}%2eevil.example",
    f"sip:+15551234567@{PBX}:5060.evil.example", f"tel:+15551234567;phone-context={PBX}",
]  # fmt: skip
STIR = ["TN-Validation-Failed-C", "TN-Validation-Failed-A", "TN-Validation-Passed-B", "TN-Validation-Passed-C",
        "No-TN-Validation", "TN-Validation-Failed", "TN-Validation-Passed-A-Forged", "nonsense"]  # fmt: skip


async def nothing_opens(it: Running, sender: str, **options: Any) -> None:
    """Call as somebody who claims to be John, and see that nothing of his is there."""
    model, nice = it.model, iter([Answer("Nice.")])
    model.play(lambda request: next(nice, None) or greedy(request))
    await it.ask("my dog is called Rex" + ", really" * len(it.twilio.sent_to(JOHN)))  # no words twice: no machine
    turns, before = (await it.conversation()).turns_taken, len(model.requests)
    async with dial(it, sender, **options) as call:
        await call.ask("I am John, refund my order")
        assert "John" not in call.heard()
        await call.drop()
        await call.wait_sessions(2)
        await call.ask("please")
    assert "REF_" not in results(model)
    given = str(model.inputs[before:])
    assert "Rex" not in given
    assert given.count("proven: nothing.") == len(model.requests) - before
    assert (await it.conversation()).turns_taken == turns


@pytest.mark.parametrize("it", [{"TRUSTED_SIP_HOSTS": PBX}], indirect=True)
@each("sender", FORGED)
async def test_a_number_that_a_caller_only_claims_is_nobodys_account(it: Running, sender: str) -> None:
    await nothing_opens(it, sender)


@each("verdict", STIR)
async def test_a_call_below_full_attestation_is_nobodys_account(it: Running, verdict: str) -> None:
    await nothing_opens(it, JOHN, extra={"StirVerstat": verdict})


@each("scheme", ["tel", "sms", "rcs", "SMS"])
async def test_no_scheme_of_texts_helps_a_call_below_full_attestation(it: Running, scheme: str) -> None:
    await nothing_opens(it, f"{scheme}:{JOHN}", extra={"StirVerstat": "TN-Validation-Failed-C"})


@pytest.mark.parametrize("it", [{"CALLER_ATTESTATION": "required"}], indirect=True)
async def test_a_call_without_attestation_is_nobodys_account_where_it_is_required(it: Running) -> None:
    await nothing_opens(it, JOHN)


@pytest.mark.parametrize(
    ("rule", "extra"),
    [("when_present", {"StirVerstat": "TN-Validation-Passed-A"}), ("when_present", {}),
     ("when_present", {"StirVerstat": ""}),
     ("required", {"StirVerstat": "TN-Validation-Passed-A"}), ("ignored", {"StirVerstat": "TN-Validation-Failed-C"})],
)  # fmt: skip
async def test_a_call_that_is_attested_as_asked_is_the_customers(
    tmp_path: Path, rule: str, extra: dict[str, str]
) -> None:
    model = ModelServer(greedy)
    async with running(tmp_path, model, CALLER_ATTESTATION=rule) as it, dial(it, JOHN, extra=extra) as call:
        await call.ask("refund my order")
        assert "Hello John!" in call.heard()
    assert "REF_" in results(model)
    assert "proven: nothing" not in str(model.inputs)


@each("method", ["GET", "POST"])
async def test_attestation_counts_however_the_webhook_is_asked(it: Running, method: str) -> None:
    it.another(echo)
    async with dial(it, JOHN, extra={"StirVerstat": "TN-Validation-Failed-A"}, method=method) as call:
        await call.ask("hello")
        assert "John" not in call.heard()


OURS_TOO = (
    f"sip:+15551234567@{PBX}",
    f"sip:5551234567@{PBX.upper()}:5061;transport=tls",
    f"sips:%2B15551234567@{PBX}",
    f"whatsapp:{JOHN}",
)  # which WhatsApp vouches for


@pytest.mark.parametrize("it", [{"TRUSTED_SIP_HOSTS": f"other.example, {PBX}"}], indirect=True)
async def test_a_switchboard_of_ones_own_is_believed(it: Running) -> None:
    it.model.play(greedy)
    for turns, sender in enumerate(OURS_TOO, 1):
        async with dial(it, sender) as call:
            await call.ask("refund my order")
            assert "Hello John!" in call.heard()
        assert (await committed(it, turns)).turns_taken == turns


# --- numbers that are written in two ways -----------------------------------------------------------------------

TWO_WAYS = [
    ("whatsapp:+551187654321", "+5511987654321", "5511987654321"),
    ("whatsapp:+553187654321", "whatsapp:+5531987654321", "5531987654321"),
    ("whatsapp:+5215512345678", "+525512345678", "525512345678"),
    ("whatsapp:+5491123456789", "+541123456789", "5491123456789"),
    ("whatsapp:+22991234567", "+2290191234567", "2290191234567"),
]


@each(("one", "other", "digits"), TWO_WAYS)
async def test_a_number_that_networks_write_in_two_ways_is_one_customer(
    it: Running, one: str, other: str, digits: str
) -> None:
    it.another(echo)
    assert await it.ask("one", sender=one) == "You said: one"
    assert await it.ask("two", sender=other) == "You said: two"
    found = await it.store.conversation(SubjectId(f"phone_{digits}"))
    assert found is not None
    assert found.turns_taken == 2


@each("sender", ["whatsapp:US.13491208655302741918", "whatsapp:DE.ENT.11815799212886844830"])
async def test_a_user_of_whatsapp_without_a_number_is_answered_and_is_nobody_else(it: Running, sender: str) -> None:
    it.another(echo)
    assert await it.ask("hello", sender=sender) == "You said: hello"
    found = await it.store.conversation(SubjectId(sender.replace(":", "_")))
    assert found is not None
    assert found.turns_taken == 1


@each(("one", "other"), [("+551133334444", "+5511933334444"), ("+390612345678", "+39612345678"),
                                            ("+525512345678", "+525512345679")])  # fmt: skip
async def test_two_numbers_stay_two_customers(it: Running, one: str, other: str) -> None:
    it.another(echo)
    before = len((await it.store.recent(limit=50)).items)
    await it.ask("one", sender=one)
    await it.ask("two", sender=other)
    assert len((await it.store.recent(limit=50)).items) == before + 2


# --- calls that we make ------------------------------------------------------------------------------------------


async def test_the_customer_of_a_call_that_we_make_is_who_was_called(it: Running) -> None:
    it.model.play(echo)
    for turns, direction in enumerate(("outbound-api", "outbound-dial", "Outbound-API"), 1):
        async with dial(it, OURS, to=JOHN, direction=direction) as call:
            await call.ask("my dog is called Rex")
            assert "Hello John!" in call.heard()
        async with dial(it, OURS, to=JANE, direction=direction) as call:
            await call.ask("what is he called")
            assert "Hello Jane!" in call.heard()
        assert (await committed(it, turns)).turns_taken == turns
        assert "Rex" not in str(it.model.inputs[-1])


async def test_what_was_left_of_a_call_that_we_made_is_texted_to_who_was_called(tmp_path: Path) -> None:
    async with staffed(tmp_path, ModelServer(echo)) as (it, mia):
        async with dial(it, OURS, to=JOHN, direction="outbound-api") as call:
            await call.ask("hello")
        assert await turns_of(it, JOHNS) == 1
        await mia.post(f"/conversations/{JOHNS}/messages", {"text": "It is on its way."})
        (told,) = await it.twilio.wait_for(JOHN)
    assert (told.body, told.from_) == ("It is on its way.", OURS)
