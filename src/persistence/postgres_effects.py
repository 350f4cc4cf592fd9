"""The effect ledger in the Postgres store: each side effect is begun at most once."""

from __future__ import annotations

from ..model import SubjectId
from .postgres_database import Database
from .postgres_names import short
from .values import Effect, EffectState


async def begin(db: Database, subject: SubjectId, key: str, token: str) -> Effect:
    """See :meth:`LaneStore.effect_begin`."""
    ((state, result),) = await db.call("effect_begin", {"subject": short(subject), "key": short(key), "token": token})
    return Effect(EffectState(state), result)


async def finish(db: Database, subject: SubjectId, key: str, result: str) -> None:
    """See :meth:`LaneStore.effect_finish`."""
    await db.call("effect_finish", {"subject": short(subject), "key": short(key), "result": result})


async def known(db: Database, subject: SubjectId, key: str) -> bool:
    """See :meth:`LaneStore.effect_known`."""
    return bool(
        await db.fetch(
            "SELECT 1 FROM conversation_states_effect WHERE subject = $1 AND key = $2", short(subject), short(key)
        )
    )
