"""Voice configuration: rules of every call and the addresses around it."""

from __future__ import annotations

from dataclasses import dataclass

from ...conversation.opening_hours import ANY_TIME, ContactHours, Hours, always
from .parties import AttestationRule


@dataclass(frozen=True, slots=True)
class CallRules:
    """The patience of a call, seconds, and when a person can take it over."""

    first_token_timeout: float = 8.0
    silence: float = 12.0
    longest: float = 1800.0
    preemptive: bool = False
    """Whether a turn is begun before the caller has finished."""
    transfers: bool = False
    """Whether there is a number to transfer to."""
    attestation: AttestationRule = AttestationRule.WHEN_PRESENT
    hours: Hours = always
    """When people answer there."""
    contact: ContactHours = ANY_TIME
    """Hours in which a colleague who calls a customer back is not warned."""

    def connects(self, now: float) -> bool:
        """Tell whether a caller can be put through; ``now`` is seconds since the epoch."""
        return self.transfers and self.hours().open_at(now)


@dataclass(frozen=True, slots=True)
class VoiceAddresses:
    """Addresses and numbers of the voice channel.

    ``base_url`` is where Twilio reaches us, ``socket_url`` the ``wss://`` address up to the token, as Twilio shall use
    and sign it. ``transfer_number`` is that of a colleague, ``transfer_digits`` what is pressed when it answers;
    ``our_number`` is where calls of ours come from.
    """

    base_url: str
    socket_url: str
    transfer_number: str | None = None
    transfer_digits: str = ""
    our_number: str | None = None
    max_calls: int = 200
