"""Settings of the gateway, read once from the environment and ``.env``."""

from .env_file import written
from .fields import Settings
from .loading import RETIRED, load_settings

__all__ = ["RETIRED", "Settings", "load_settings", "written"]
