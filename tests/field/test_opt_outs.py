"""Met in the field, "Stopping": whoever wants no more texts gets none, however they spell it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tandem.conversation import phrases
from tandem.conversation.opt_out import asks_to_stop, may_ask_to_stop
from tandem.model import Channel

from ..flows.test_voice import echo
from ..kit.gateway import JOHN, OURS, running
from ..kit.model_server import ModelServer
from .test_stopping_machines_floods import exchange

pytestmark = pytest.mark.promise("F2", "F6")

SPELLED = [
    "S.T.O.P.", "ＳＴＯＰ", "s t o p", "S-T-O-P", "STOP!!!", "stop.", "Stoooop", "𝐒𝐓𝐎𝐏", "STO\u200bP",
    "s.t.o.p. texting me",    "QUIT.", "Unsubscribe!", "Unsuscribe", "unsubcribe", "End.", "opt me out",
    "remove my number", "take me off your list", "take my number off the list", "lose my number",
    "cancel all messages", "cancel my messages", "stop texting me", "unsubscribe me", "do not contact me",
    "Hi there, please do not contact me again", "dont msg me anymore", "I want you to stop texting me",
    "ARRÊT", "arret", "Arrêtez", "ARRETE", "baja", "BAJA", "quiero darme de baja", "no más mensajes",
    "désabonnez-moi", "plus de messages", "stopp", "Abmelden", "keine SMS mehr", "sair", "não quero mais mensagens",
]  # fmt: skip


@pytest.mark.parametrize("text", SPELLED)
async def test_a_wish_is_understood_however_it_is_spelled_and_confirmed_once(tmp_path: Path, text: str) -> None:
    model = ModelServer(echo)
    async with running(tmp_path, model) as it:
        assert await exchange(it, [text, "hello?", text]) == [phrases.OPTED_OUT]
        assert (await it.conversation()).opted_out == (Channel.SMS,)
    assert model.requests == []


@pytest.mark.parametrize("text", ["S.T.O.P.", "ＳＴＯＰ", "ARRÊT", "baja", "remove my number"])
async def test_on_whatsapp_it_is_understood_too(tmp_path: Path, text: str) -> None:
    theirs, ours = f"whatsapp:{JOHN}", f"whatsapp:{OURS}"
    async with running(tmp_path, ModelServer(echo)) as it:
        assert await exchange(it, [text, "hm?"], theirs, ours) == [phrases.OPTED_OUT]


UNSURE = ["please stop", "STOP PLEASE", "can you stop?", "stop it", "cancel everything", "go away", "no texts",
          "I said stop", "stop calling me", "Stop!!! I mean it", "I need you to stop",
          "parar", "cancelar", "alto"]  # fmt: skip


@pytest.mark.parametrize("text", UNSURE)
async def test_who_may_want_no_more_texts_is_answered_and_told_the_way(tmp_path: Path, text: str) -> None:
    async with running(tmp_path, ModelServer(echo)) as it:
        heard = await exchange(it, [text])
        assert heard == [f"You said: {text}", phrases.HOW_TO_STOP]
        assert (await it.conversation()).opted_out == ()
        assert await exchange(it, ["STOP", "hello?"]) == heard


OTHER = [
    "please stop the refund", "stop by tomorrow?", "cancel all my orders", "is there a bus stop", "cancel my order",
    "cancel the message to Bob", "remove my number from order 12345", "stop order 12345", "don't bother", "full stop",
    "the end", "no", "I don't want you to stop texting me",
    "please cancel it", "ok, cancel that", "end of message", "baja el precio",
    "how do I unsubscribe from the newsletter?", "a b c",
    "my parcel has stopped moving", "stopwatch", "Arrêt de bus?", "I need a start date",
]  # fmt: skip


@pytest.mark.parametrize("text", OTHER)
def test_what_only_sounds_like_it_is_none(text: str) -> None:
    assert (asks_to_stop(text), may_ask_to_stop(text)) == (False, False)


async def test_what_only_sounds_like_it_reaches_the_agent_alone(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer(echo), RATE_LIMIT_PER_MINUTE="0") as it:
        assert await exchange(it, OTHER[:4]) == [f"You said: {text}" for text in OTHER[:4]]


@pytest.mark.parametrize(
    "text",
    [
        "Start.",
        "ｓｔａｒｔ",
        "s t a r t",
        "UNSTOP!",
        "alta",
        "opt in",
        "opt me back in",
        "resubscribe",
        "text me again",
    ],
)
async def test_the_way_back_is_found_however_it_is_spelled(tmp_path: Path, text: str) -> None:
    async with running(tmp_path, ModelServer(echo)) as it:
        heard = await exchange(it, ["stop texting me", text, "hello"])
        assert (await it.conversation()).opted_out == ()
    assert heard == [phrases.OPTED_OUT, phrases.OPTED_IN, "You said: hello"]


@pytest.mark.parametrize("text", ["starting tomorrow", "start a return", "subscribe to socks", "what is new?"])
async def test_what_only_sounds_like_the_way_back_is_none(tmp_path: Path, text: str) -> None:
    async with running(tmp_path, ModelServer(echo)) as it:
        assert await exchange(it, ["stop texting me", text]) == [phrases.OPTED_OUT]
        assert (await it.conversation()).opted_out == (Channel.SMS,)
