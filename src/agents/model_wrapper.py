"""Base of the models that stand around another one."""

from __future__ import annotations

from agents import Model


class ModelWrapper(Model):
    """A model around another one; subclasses say what they change."""

    def __init__(self, inner: Model) -> None:
        self._inner = inner

    async def close(self) -> None:
        """Close the inner model."""
        await self._inner.close()
