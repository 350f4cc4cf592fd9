"""The frames and forms of a simulated call, as Twilio writes and checks them. Pure but for random ids.

Written from twilio.com/docs/voice/conversationrelay/websocket-messages, /docs/voice/twiml (request parameters) and
/docs/voice/twiml/connect/conversationrelay (action callback) alone, so that it can find what the gateway gets wrong.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Fields = dict[str, Any]

_FRAMES: Mapping[str, Mapping[str, type]] = {
    "text": {"token": str, "last": bool, "lang": str, "interruptible": bool, "preemptible": bool},
    "play": {"source": str, "loop": int, "interruptible": bool, "preemptible": bool},
    "sendDigits": {"digits": str},
    "language": {"ttsLanguage": str, "transcriptionLanguage": str},
    "end": {"handoffData": str},
}
_NEEDED = {"text": "token", "play": "source", "sendDigits": "digits"}


class BadFrame(ValueError):
    """Twilio would refuse this frame with error 64107; the message says why."""


def read_frame(raw: str | bytes) -> Fields:
    """Read a frame of the gateway's; raise BadFrame unless it is exactly as documented."""
    if isinstance(raw, bytes):
        raise BadFrame("binary frame")
    try:
        frame = json.loads(raw)
    except ValueError as error:
        raise BadFrame("not JSON") from error
    if not isinstance(frame, dict):
        raise BadFrame("no object")
    kind = frame.get("type")
    known = _FRAMES.get(kind) if isinstance(kind, str) else None
    if known is None:
        raise BadFrame(f"unknown type {kind!r}")
    for name, value in frame.items():
        if name != "type" and type(value) is not known.get(name):
            raise BadFrame(f"{kind}: unfit {name}")
    if kind in _NEEDED and _NEEDED[kind] not in frame:
        raise BadFrame(f"{kind} without {_NEEDED[kind]}")
    return frame


@dataclass(frozen=True, slots=True)
class Leg:
    """One call as Twilio knows it."""

    sid: str
    account_sid: str
    from_: str
    to: str
    caller_name: str = ""
    direction: str = "inbound"

    def form(self, status: str, extra: Mapping[str, str]) -> dict[str, str]:
        """Give the parameters that come with every request about a call, and some more."""
        form = {
            "AccountSid": self.account_sid,
            "ApiVersion": "2010-04-01",
            "CallSid": self.sid,
            "CallStatus": status,
            "Direction": self.direction,
        }
        for name, number in {"Called": self.to, "Caller": self.from_, "From": self.from_, "To": self.to}.items():
            form |= {name: number, f"{name}City": "", f"{name}Country": "US", f"{name}State": "", f"{name}Zip": ""}
        named = {"CallerName": self.caller_name} if self.caller_name else {}
        return form | named | dict(extra)

    def setup(self, session_sid: str, parameters: Mapping[str, str], *, answered: bool) -> Fields:
        """Give the first frame of a session."""
        return {
            "type": "setup",
            "sessionId": session_sid,
            "accountSid": self.account_sid,
            "parentCallSid": "",
            "callSid": self.sid,
            "from": self.from_,
            "to": self.to,
            "forwardedFrom": "",
            "callType": "PSTN",
            "callerName": self.caller_name,
            "direction": self.direction,
            "callStatus": "IN-PROGRESS" if answered else "RINGING",
            "customParameters": dict(parameters),
        }
