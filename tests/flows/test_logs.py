"""Nothing personal in the log, whatever happens and however much is logged. Proves E3."""

from __future__ import annotations

from pathlib import Path

import aiohttp

from tandem.channels.simulator_wire import Fault

from ..kit.gateway import JANE, JOHN, OURS
from ..kit.model_server import Answer, ModelServer
from ..kit.process import gateway_process
from .test_process import world

STAFF_TOKEN = "canary-staff-token-5550199"
SECRETS = [
    "5551234567", "5559876543", "phone_1555", "canary", "john.doe@email.com", "xyzzy", "plugh", "test-auth-token",
    "test-key", STAFF_TOKEN, "4111", "Headphones",
]  # fmt: skip


def read_logs(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.rglob("*.log")}


async def test_no_scenario_leaves_anything_personal_in_the_log(tmp_path: Path) -> None:
    refund = {"order_id": "12345", "amount": 139.97, "reason": "xyzzy"}
    script = iter([
        Answer(calls=[("lookup_customer", {"identifier": "john.doe@email.com", "type": "email"})]),
        Answer("You are John, xyzzy."),
        Answer(calls=[("process_refund", refund)]),
        Answer("A colleague looks at it, plugh."),
        Answer(status=400),
        Answer("Your refund is on its way."),
    ])  # fmt: skip
    model = ModelServer(lambda _: next(script, Answer("xyzzy")))
    extra = {"LOG_LEVEL": "debug", "LOG_DIR": "logs", "STAFF_TOKENS": f"mia:{STAFF_TOKEN}", "OPENAI_LOG": "debug"}
    async with world(tmp_path, model) as it, gateway_process(tmp_path, it.port, it.env | extra) as gateway:
        for text in ("I am john.doe@email.com canary", "canary: I want my money back", "canary: and now?"):
            before = len(it.twilio.sent_to(JOHN))
            await it.twilio.text(JOHN, text, to=OURS)
            await it.twilio.wait_for(JOHN, before + 1)
        await it.twilio.text(JANE, "my card is 4111 1111 1111 1111 canary", to=OURS)
        it.twilio.faults.append(Fault(status=400, code=21610))
        await it.twilio.text(JANE, "canary again", to=OURS)
        await it.twilio.post("/sms", {"From": JOHN, "Body": "canary"}, signature="")
        await it.twilio.post("/sms", {"From": "canary", "MessageSid": "SM1", "To": OURS})
        headers = {"Authorization": f"Bearer {STAFF_TOKEN}"}
        async with aiohttp.ClientSession(gateway.url, headers=headers) as session:
            async with session.get("/approvals?status=all&canary=5551234567") as response:
                (waiting,) = (await response.json())["approvals"]
            body = {"decisions": [{"approvalId": waiting["id"], "approved": True, "reason": "canary"}]}
            async with session.post("/approvals", json=body) as response:
                assert response.status == 200
            async with session.post("/approvals", data=b"{canary") as response:
                assert response.status == 415
        await it.twilio.wait_for(JOHN, 4)
        assert await gateway.terminate() == 0
    written = read_logs(tmp_path)
    assert set(written) == {"gateway.log", "customer-service.log", "error.log"}
    assert "turn_ended" in written["customer-service.log"]
    found = {(name, secret) for name, text in written.items() for secret in SECRETS if secret in text}
    # The banner is for the operator's terminal; a development start prints the token that it made, never a given one.
    assert found == set()
