"""The example of a resolver of one's own, in a running gateway."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tandem.model import SubjectId
from tandem.simulator.wire import new_sid

from ..flows.test_text import echo
from ..kit.customers import by_number, committed
from ..kit.examples import EXAMPLES
from ..kit.gateway import JOHN, OURS, running
from ..kit.model_server import ModelServer

pytestmark = pytest.mark.promise("I4")

ALSO_JOHN, STRANGER = "+15551239999", "+14155550123"
ACCOUNT = SubjectId("account_A-1001")
OWN = {"SUBJECT_RESOLVER": "accounts:Accounts"}


@pytest.fixture(autouse=True)
def _in_its_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Stand where its user stands: the working folder is importable."""
    before = list(sys.path)
    monkeypatch.chdir(EXAMPLES / "resolver")
    yield
    sys.path[:] = before
    sys.modules.pop("accounts", None)


async def test_two_numbers_of_one_account_are_one_conversation(tmp_path: Path) -> None:
    model = ModelServer(echo)
    async with running(tmp_path, model, **OWN) as it:
        await it.ask("from the first telephone")
        await it.ask("from the second telephone", sender=ALSO_JOHN)
        assert (await committed(it, ACCOUNT, 2)).turns_taken == 2
        await it.ask("who am I?", sender=STRANGER)
        assert (await committed(it, by_number(STRANGER), 1)).turns_taken == 1
    assert "from the first telephone" in str(model.inputs[1])
    assert "premium" in str(model.requests[0])
    assert "from the first telephone" not in str(model.inputs[2])


async def test_the_account_may_come_with_the_request(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer(echo), **OWN) as it:
        form = {"MessageSid": new_sid("SM"), "From": STRANGER, "To": OURS, "Body": "hello"}
        assert (await it.twilio.post("/sms?account=A-1001", form)).status == 200
        await it.hear(number=STRANGER)
        assert (await committed(it, ACCOUNT, 1)).turns_taken == 1


async def test_without_it_the_number_is_the_customer(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer(echo)) as it:
        await it.ask("hello")
        assert (await committed(it, by_number(JOHN), 1)).turns_taken == 1
