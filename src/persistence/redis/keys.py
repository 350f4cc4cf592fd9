"""Names in Redis: how any id becomes part of a key, and how a member of an index names a row. Pure."""

from __future__ import annotations

from urllib.parse import quote, unquote

from ...model import SubjectId


def encode_subject(subject: SubjectId) -> str:
    """Return an id as letters, digits, ``_.-~`` and percent signs. Raises ValueError for a lone surrogate."""
    return quote(subject, safe="")


def decode_subject(id: bytes | str) -> SubjectId:
    """Return the subject whose encoded id this is."""
    return SubjectId(unquote(id.decode() if isinstance(id, bytes) else id))


def split_member(member: bytes) -> tuple[str, str]:
    """Return the encoded id and the key in a member of an index; no encoded id has a space."""
    id, _, key = member.decode(errors="surrogateescape").partition(" ")
    return id, key
