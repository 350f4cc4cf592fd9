"""Settings of the gateway, read once from the environment and ``.env``."""

from .env_file import written
from .loading import RETIRED, load_settings
from .settings import Settings

__all__ = ["RETIRED", "Settings", "load_settings", "written"]
