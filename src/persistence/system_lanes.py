"""Lanes that belong to the gateway itself and to no customer: only their ledgers are used."""

from __future__ import annotations

from typing import Final

from ..model import SubjectId

USED_TOKENS: Final = SubjectId("socket_tokens")
"""In whose ledger used socket tokens are noted."""
TAKEN_MESSAGES: Final = SubjectId("message_sids")
"""In whose ledger it is noted which messages were taken, whatever lane took them."""
OWN_LANES: Final = frozenset({USED_TOKENS, TAKEN_MESSAGES})
