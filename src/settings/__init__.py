"""Settings of the gateway, read once from the environment and ``.env``."""

from .env_file import written
from .loading import hand_down, load_settings
from .notices import RETIRED
from .settings import Settings

__all__ = ["RETIRED", "Settings", "hand_down", "load_settings", "written"]
