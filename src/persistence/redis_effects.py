"""The effect ledger in the Redis store: each side effect is begun at most once."""

from __future__ import annotations

from ..model import SubjectId
from .redis_link import RedisLink
from .values import Effect, EffectState


async def begin(link: RedisLink, subject: SubjectId, key: str, token: str) -> Effect:
    """See :meth:`LaneStore.effect_begin`."""
    state, result = await link.run("effect_begin", link.lane(subject), key, token)
    known = EffectState(state.decode())
    return Effect(known, result.decode() if known is EffectState.DONE else None)


async def finish(link: RedisLink, subject: SubjectId, key: str, result: str) -> None:
    """See :meth:`LaneStore.effect_finish`."""
    await link.run("effect_finish", link.lane(subject), key, result)


async def known(link: RedisLink, subject: SubjectId, key: str) -> bool:
    """See :meth:`LaneStore.effect_known`."""
    return bool(await link.ask("HEXISTS", f"{link.lane(subject).lane}:effects", key))
