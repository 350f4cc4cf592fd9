"""The effect ledger in the file store: each side effect is begun at most once."""

from __future__ import annotations

import sqlite3

from ..model import SubjectId
from .values import Effect, EffectState


def begin(db: sqlite3.Connection, now: float, subject: SubjectId, key: str, token: str) -> Effect:
    """See :meth:`LaneStore.effect_begin`."""
    row = db.execute("SELECT token, result FROM effect WHERE subject = ? AND key = ?", (subject, key)).fetchone()
    if row is None:
        db.execute("INSERT INTO effect (subject, key, token, at) VALUES (?, ?, ?, ?)", (subject, key, token, now))
        return Effect(EffectState.NEW)
    if row[1] is not None:
        return Effect(EffectState.DONE, row[1])
    return Effect(EffectState.NEW if row[0] == token else EffectState.UNKNOWN)


def finish(db: sqlite3.Connection, now: float, subject: SubjectId, key: str, result: str) -> None:
    """See :meth:`LaneStore.effect_finish`."""
    db.execute(
        "INSERT INTO effect (subject, key, token, at, result) VALUES (?1, ?2, '', ?3, ?4)"
        " ON CONFLICT (subject, key) DO UPDATE SET result = ?4, at = ?3 WHERE result IS NULL",
        (subject, key, now, result),
    )


def known(db: sqlite3.Connection, subject: SubjectId, key: str) -> bool:
    """See :meth:`LaneStore.effect_known`."""
    return db.execute("SELECT 1 FROM effect WHERE subject = ? AND key = ?", (subject, key)).fetchone() is not None
