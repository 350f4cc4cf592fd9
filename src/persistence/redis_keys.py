"""Names in Redis: which partition a subject belongs to, and how any id becomes part of a key. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from ..model import SubjectId

PARTITIONS: Final = 256
"""Fixed for ever: another number would look for every lane elsewhere."""


@dataclass(frozen=True, slots=True)
class LaneKey:
    """Where a lane is: the key of its partition, its own key there, and its encoded id."""

    partition: str
    lane: str
    id: str


def encode_subject(subject: SubjectId) -> str:
    """Return an id as letters, digits, ``_.-~`` and percent signs. Raises ValueError for a lone surrogate."""
    return quote(subject, safe="")


def decode_subject(id: bytes) -> SubjectId:
    """Return the subject whose encoded id this is."""
    return SubjectId(unquote(id.decode()))


def partition_of(subject: SubjectId) -> int:
    """Return the number of a subject's partition: the first byte of the SHA-256 of its id."""
    return hashlib.sha256(subject.encode()).digest()[0]


def partition_key(prefix: str, number: int) -> str:
    """Return what the keys of a partition begin with; the number is their hash tag, so they share a cluster's slot."""
    return f"{prefix}{{{number}}}:"


def lane_key(prefix: str, subject: SubjectId) -> LaneKey:
    """Return where a subject's lane is."""
    return lane_in(partition_key(prefix, partition_of(subject)), encode_subject(subject))


def lane_in(partition: str, id: str) -> LaneKey:
    """Return where the lane with this encoded id is in a partition."""
    return LaneKey(partition, f"{partition}lane:{id}", id)
