"""Words that must not come out: each so long or odd that it cannot be there by itself."""

from __future__ import annotations

from collections.abc import Iterable

HEX = frozenset("0123456789abcdef")


def found(canaries: Iterable[str], text: str) -> list[str]:
    """Return the canaries that a text holds.

    Logs and pages are full of durations, ids and hashes, so digits and hexadecimal letters alone make a canary only
    from nine on.
    """
    canaries = list(canaries)
    weak = [one for one in canaries if len(one) < (9 if HEX.issuperset(one.casefold()) else 4)]
    assert weak == [], "these can be there by chance"
    return [one for one in canaries if one in text]
