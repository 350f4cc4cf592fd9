"""What the outside saw of a soak, and what is wrong with it: the oracle. It knows nothing of the gateway's inside.

Every text carries a word of its own, which the scripted model repeats in its answer. So who was answered, how often and
in which order can be read from the messages that reached the pretend Twilio, and from what the model was asked.
"""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

WORD = re.compile(r"\bw[0-9a-f]{10}x\b")
ANSWER, OUTCOME = "answer", "outcome"
"""How the scripted model's texts begin."""


def new_word() -> str:
    """Make a word that nobody used before."""
    return f"w{secrets.token_hex(5)}x"


def words(text: object) -> list[str]:
    """Return the words in a text."""
    return WORD.findall(str(text))


@dataclass(slots=True)
class Customer:
    """One customer: what they wrote, in the order in which it was acknowledged, and what came back."""

    number: str
    written: list[str] = field(default_factory=list)
    """Words in the order of sending; each is sent until it is acknowledged before the next one."""
    acknowledged: set[str] = field(default_factory=set)
    payments: set[str] = field(default_factory=set)
    """Words whose text asked for a payment that waits for a colleague."""
    spoken: list[str] = field(default_factory=list)
    sids: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Journal:
    """Everything that happened outside, and the violations that show at once."""

    customers: dict[str, Customer] = field(default_factory=dict)
    owners: dict[str, Customer] = field(default_factory=dict)
    paid: Counter[str] = field(default_factory=Counter)
    decided: set[str] = field(default_factory=set)
    statuses: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    acknowledging: list[float] = field(default_factory=list)
    answering: list[float] = field(default_factory=list)
    sent_at: dict[str, float] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def customer(self, number: str) -> Customer:
        """Return a customer, new or known."""
        return self.customers.setdefault(number, Customer(number))

    def write(self, customer: Customer, word: str, *, spoken: bool = False) -> None:
        """Note that a customer is about to send or say a word."""
        self.owners[word] = customer
        (customer.spoken if spoken else customer.written).append(word)

    def asked(self, items: Sequence[Mapping[str, Any]]) -> None:
        """Check one request to the model: everything that its customer wrote so far, once and in order."""
        seen = [word for item in items if item.get("role") == "user" for word in words(item.get("content"))]
        owner = self.owners.get(seen[0]) if seen else None
        if owner is None:
            return
        known = owner.written or owner.spoken
        if owner.written and owner.spoken:
            if len(set(seen)) != len(seen):
                self.violations.append(f"history repeats: {owner.number}: {seen}")
        elif owner.written and seen != known[: len(seen)]:
            self.violations.append(f"history with a gap or a repetition: {owner.number}: {seen} of {known}")
        elif owner.spoken and seen != [word for word in known if word in set(seen)]:
            self.violations.append(f"spoken history out of order: {owner.number}: {seen} of {known}")

    # --- afterwards -------------------------------------------------------------------------------------

    def unanswered(self, bodies: Mapping[str, Sequence[str]]) -> list[str]:
        """Return the words that still miss their answer, and the payments that miss their outcome."""
        missing: list[str] = []
        for one in self.customers.values():
            told = Counter(pair for body in bodies.get(one.number, ()) for pair in _told(body))
            missing += [f"{ANSWER} {word}" for word in one.acknowledged if told[ANSWER, word] == 0]
            missing += [f"{OUTCOME} {word}" for word in one.payments & self.decided if told[OUTCOME, word] == 0]
        return missing

    def check(self, bodies: Mapping[str, Sequence[str]]) -> dict[str, int]:
        """Compare what was acknowledged with what was answered; count and note every violation."""
        found = Counter({"lost": 0, "repeated": 0, "out of order": 0, "paid twice": 0, "outcome told twice": 0})
        for missing in self.unanswered(bodies):
            self._violate(found, "lost", missing)
        for one in self.customers.values():
            said = [pair for body in bodies.get(one.number, ()) for pair in _told(body)]
            told = Counter(said)
            for (kind, word), times in told.items():
                if times > 1 and word not in one.spoken:
                    self._violate(found, "outcome told twice" if kind == OUTCOME else "repeated", f"{kind} {word}")
            answered = [word for kind, word in said if kind != OUTCOME and word in one.acknowledged]
            if _unique(answered) != [word for word in one.written if word in set(answered)]:
                self._violate(found, "out of order", f"{one.number}: {answered} of {one.written}")
        for word, times in self.paid.items():
            if times > 1:
                self._violate(found, "paid twice", f"{word} {times} times")
        return dict(found)

    def check_shown(self, number: str, record: Mapping[str, Any]) -> None:
        """Check what ``tandem show --json`` says: every entry in one turn, every word once in history."""
        covers = Counter(
            key for row in record["timeline"] if row["name"] == "turn" for key in row["data"].get("covers", ())
        )
        again = {key: times for key, times in covers.items() if times > 1 and not key.startswith("decision:")}
        if again:
            self.violations.append(f"covered twice: {number}: {again}")
        customer = self.customers[number]
        timeline_full = len(record["timeline"]) < 200
        for word, sid in customer.sids.items():
            if timeline_full and word in customer.acknowledged and covers[sid] != 1:
                self.violations.append(f"covered {covers[sid]} times: {number}: {word}")
        turns = record["conversation"]["history"]
        numbers = [turn["number"] for turn in turns]
        if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
            self.violations.append(f"turns with a gap: {number}: {numbers}")
        self.asked([item for turn in turns for item in turn["items"]])

    def _violate(self, found: Counter[str], kind: str, what: str) -> None:
        found[kind] += 1
        self.violations.append(f"{kind}: {what}")


def _told(body: str) -> Iterable[tuple[str, str]]:
    """Return what an answer says of which words."""
    kind = OUTCOME if body.startswith(OUTCOME) else ANSWER
    return [(kind, word) for word in words(body)]


def _unique(values: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(values))
