"""Pictures that come with a text: shown to a model that sees, and kept nowhere."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from tandem.channels.sms.pictures import picture_paths
from tandem.conversation import phrases

from ..kit.gateway import ACCOUNT, JOHN, OURS, Running, running
from ..kit.model_server import Answer, ModelServer
from ..kit.tables import each

pytestmark = pytest.mark.promise("G5")

PNG = b"\x89PNG\r\n\x1a\n" + b"a small picture"
SEES = {"MODEL_SEES": "true"}


def media(*names: str, kind: str = "image/png") -> dict[str, str]:
    """Return the fields of a webhook that name pictures of our account."""
    found = {"NumMedia": str(len(names))}
    for place, name in enumerate(names):
        found[f"MediaUrl{place}"] = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages/MM1/Media/{name}"
        found[f"MediaContentType{place}"] = kind
    return found


async def send(it: Running, text: str, **extra: str) -> str:
    before = len(it.twilio.sent_to(JOHN))
    await it.twilio.text(JOHN, text, to=OURS, extra=extra)
    return (await it.hear(before + 1))[before]


def shown(model: ModelServer, request: int = -1) -> list[Any]:
    """Return the pictures of a request to the model."""
    parts = [part for item in model.wire[request]["input"] for part in item.get("content") or ()]
    return [part["image_url"] for part in parts if part["type"] == "input_image"]


async def test_a_model_that_sees_is_shown_the_picture_and_nothing_keeps_it(tmp_path: Path) -> None:
    model = ModelServer(
        [Answer(calls=[("order_status", {"order_id": "12345"})]), Answer("The box is dented."), Answer("Yes.")]
    )
    async with running(tmp_path, model, **SEES) as it:
        it.twilio.media["ME1"] = PNG
        assert await send(it, "look at the box", **media("ME1")) == "The box is dented."
        assert await it.ask("really?") == "Yes."
        conversation = await it.conversation()
    address = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    assert [shown(model, place) for place in range(3)] == [[address], [address], []]
    assert conversation.history[0].items[0] == {"role": "user", "content": "look at the box\n[picture]"}
    stored = b"".join(path.read_bytes() for path in (tmp_path / "state").iterdir() if path.is_file())
    assert base64.b64encode(PNG) not in stored
    assert PNG not in stored


async def test_pictures_alone_are_answered_by_a_model_that_sees(tmp_path: Path) -> None:
    model = ModelServer([Answer("Two dents.")])
    async with running(tmp_path, model, **SEES) as it:
        it.twilio.media |= {"ME1": PNG, "ME2": b"\xff\xd8\xff" + b"jpeg"}
        assert await send(it, "", **media("ME1", "ME2")) == "Two dents."
    assert [address.partition(";")[0] for address in shown(model)] == ["data:image/png", "data:image/jpeg"]
    words = [part["text"] for item in model.wire[0]["input"] for part in item["content"] if "text" in part]
    assert words[-1] == "[2 pictures]\n(You see 2 of these pictures.)"


@pytest.mark.parametrize("data", [None, b"<html>no picture</html>", PNG + b"0" * 5_000_000])
async def test_what_is_no_picture_or_too_large_is_named_as_ever(tmp_path: Path, data: bytes | None) -> None:
    model = ModelServer([Answer("I cannot see it.")])
    async with running(tmp_path, model, **SEES) as it:
        if data is not None:
            it.twilio.media["ME1"] = data
        assert await send(it, "look", **media("ME1")) == "I cannot see it."
    assert shown(model) == []
    assert "look\n[picture]" in str(model.inputs[0][-1]["content"])


async def test_a_model_that_does_not_see_is_told_of_it(tmp_path: Path) -> None:
    model = ModelServer([Answer("What does it show?")])
    async with running(tmp_path, model) as it:
        it.twilio.media["ME1"] = PNG
        assert await send(it, "", **media("ME1")) == phrases.PICTURE
        assert await send(it, "look", **media("ME1")) == "What does it show?"
    assert shown(model) == []


@each(
    "url",
    [
        "https://evil.example/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1",
        "https://api.twilio.com.evil.example/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1",
        "http://api.twilio.com/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1",
        "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages.json",
        "https://api.twilio.com/2010-04-01/Accounts/AC1/Media/../../../x",
        "file:///etc/passwd",
    ],
)
def test_only_pictures_at_twilio_are_asked_for(url: str) -> None:
    assert picture_paths({"MediaUrl0": url, "MediaContentType0": "image/png"}) == ()
    good = "https://api.twilio.com/2010-04-01/Accounts/AC1/Media/ME1"
    assert picture_paths({"MediaUrl0": good, "MediaContentType0": "image/png"}) == (
        "/2010-04-01/Accounts/AC1/Media/ME1",
    )
    assert picture_paths({"MediaUrl0": good, "MediaContentType0": "video/mp4"}) == ()
