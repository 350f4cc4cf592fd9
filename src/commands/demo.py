"""``tandem demo``: the made-up shop, as it was at the first start."""

from __future__ import annotations

from typing import Literal

from ..errors import ConfigurationError
from ..settings import Settings
from ..shop.embedded import SHOP_FILE, reset_embedded_shop


async def demo(settings: Settings, *, reset: Literal[True]) -> int:
    """Undo what was refunded in the made-up shop; return the exit code. Raises ConfigurationError."""
    if settings.production or settings.shop_base_url is not None:
        raise ConfigurationError(["tandem demo needs the made-up shop of a development server, without SHOP_BASE_URL."])
    await reset_embedded_shop(SHOP_FILE)
    print(f"{SHOP_FILE.absolute()} is as it was at the first start: nothing is refunded.")
    return 0
