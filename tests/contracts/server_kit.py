"""What the kits of stores with a server share: a relay that loses answers, handles on the side, one clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import ClassVar, TypeVar

from tandem.persistence.base import LaneStore

from ..kit.cutting_proxy import CuttingProxy

T = TypeVar("T")


class ServerKit:
    """A store behind a relay; ``beside`` opens another handle that reaches the server directly."""

    written: ClassVar[bytes]
    """What a request that runs something holds, and no other."""
    asked: ClassVar[bytes]
    """What every request holds."""

    def __init__(
        self,
        store: LaneStore,
        proxy: CuttingProxy,
        stack: AsyncExitStack,
        beside: Callable[[float], AbstractAsyncContextManager[LaneStore]],
    ) -> None:
        self.store = store
        self._proxy = proxy
        self._stack = stack
        self._beside = beside
        self._handles = [store]

    async def second(self) -> LaneStore:
        store = await self._stack.enter_async_context(self._beside(self._handles[0].clock_offset))
        self._handles.append(store)
        return store

    def advance(self, seconds: float) -> None:
        for handle in self._handles:
            handle.clock_offset += seconds

    def cut_after(self, request: bytes) -> None:
        """Lose the answer of the next request that holds these bytes."""
        self._proxy.cut_after(request)

    async def repeat(self, write: Callable[[], Awaitable[T]]) -> T:
        return await self._repeated(write, self.written)

    async def reread(self, read: Callable[[], Awaitable[T]]) -> T:
        return await self._repeated(read, self.asked)

    async def _repeated(self, step: Callable[[], Awaitable[T]], request: bytes) -> T:
        before = self._proxy.cuts
        self.cut_after(request)
        answer = await step()  # the store repeats by itself
        assert self._proxy.cuts == before + 1
        return answer
