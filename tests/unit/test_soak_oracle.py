"""The oracle of ``make soak`` sees what it is there for: a run without violations means something."""

from __future__ import annotations

import pytest

from bench.soak_journal import Customer, Journal

FIRST, SECOND = "w0000000001x", "w0000000002x"
NUMBER = "+14155550100"


@pytest.fixture
def journal() -> Journal:
    """One customer who wrote two texts, both acknowledged."""
    journal = Journal()
    customer: Customer = journal.customer(NUMBER)
    for word in (FIRST, SECOND):
        journal.write(customer, word)
        customer.acknowledged.add(word)
        customer.sids[word] = f"SM{word}"
    return journal


def user(*words: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": f"hello {word}"} for word in words]


@pytest.mark.parametrize(
    ("bodies", "kind"),
    [
        ([f"answer {FIRST}"], "lost"),
        ([f"answer {FIRST}", f"answer {SECOND}", f"answer {SECOND}"], "repeated"),
        ([f"answer {SECOND}", f"answer {FIRST}"], "out of order"),
        ([f"answer {FIRST} {SECOND}", f"outcome {FIRST}", f"outcome {FIRST}"], "outcome told twice"),
    ],
)
def test_what_is_wrong_with_the_answers_is_found(journal: Journal, bodies: list[str], kind: str) -> None:
    assert {name for name, count in journal.check({NUMBER: bodies}).items() if count} == {kind}
    assert len(journal.violations) == 1


@pytest.mark.parametrize("bodies", [[f"answer {FIRST} {SECOND}"], [f"answer {FIRST}", f"answer {SECOND}"]])
def test_one_answer_to_a_burst_and_one_each_are_both_right(journal: Journal, bodies: list[str]) -> None:
    assert not any(journal.check({NUMBER: bodies}).values())


def test_a_payment_that_was_made_twice_is_found(journal: Journal) -> None:
    journal.paid[FIRST] += 2
    assert journal.check({NUMBER: [f"answer {FIRST} {SECOND}"]})["paid twice"] == 1


def test_a_decided_payment_whose_outcome_was_never_told_is_lost(journal: Journal) -> None:
    journal.customers[NUMBER].payments.add(FIRST)
    journal.decided.add(FIRST)
    assert journal.check({NUMBER: [f"answer {FIRST} {SECOND}"]})["lost"] == 1


@pytest.mark.parametrize("seen", [(SECOND,), (FIRST, FIRST), (FIRST, SECOND, SECOND)])
def test_a_history_with_a_gap_or_a_repetition_is_found(journal: Journal, seen: tuple[str, ...]) -> None:
    journal.asked(user(*seen))
    assert len(journal.violations) == 1


def test_a_history_that_is_whole_is_right(journal: Journal) -> None:
    journal.asked(user(FIRST, SECOND))
    assert journal.violations == []


def test_a_text_that_two_turns_cover_is_found(journal: Journal) -> None:
    row = {"name": "turn", "data": {"covers": [f"SM{FIRST}", f"SM{SECOND}"]}}
    again = {"name": "turn", "data": {"covers": [f"SM{SECOND}"]}}
    history = [{"number": 1, "items": user(FIRST, SECOND)}]
    journal.check_shown(NUMBER, {"timeline": [row, again], "conversation": {"history": history}})
    assert len(journal.violations) == 2  # covered twice, and not once
