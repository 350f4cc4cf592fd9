"""Methods of a store, made of the functions that its modules have: each takes the store's handle first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
H = TypeVar("H")


class Handled(Protocol[H]):
    """A store with the one thing that its operations work on: connections to a server."""

    handle: H


def operation(
    function: Callable[Concatenate[H, P], Awaitable[T]],
) -> Callable[Concatenate[Handled[H], P], Coroutine[Any, Any, T]]:
    """Return a method that calls ``function`` with the store's handle; it has the function's other parameters."""

    @wraps(function)
    async def method(self: Handled[H], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await function(self.handle, *args, **kwargs)

    return method
