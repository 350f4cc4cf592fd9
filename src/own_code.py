"""Operators' own code, which settings name as ``module:attribute``: an agent, a store, a resolver, a function."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Callable
from pkgutil import resolve_name
from typing import Any

from .errors import ConfigurationError


def load(setting: str, path: str) -> Any:
    """Return what a setting names. Raises ConfigurationError with a sentence for each way to be wrong.

    The working folder is importable, after all that is installed: none of its files hides an installed package.
    """
    module, _, attribute = path.strip().partition(":")
    if not (module and attribute):
        raise wrong(setting, path, "must look like module:attribute, for example my_agents:support")
    if (folder := os.getcwd()) not in sys.path and "" not in sys.path:
        sys.path.append(folder)
    importlib.invalidate_caches()
    try:
        return resolve_name(path.strip())
    except ModuleNotFoundError as error:
        if error.name and f"{module}.".startswith(f"{error.name}."):
            raise wrong(setting, path, f"names the module {module!r}, which cannot be found from {folder}") from error
        raise wrong(setting, path, f"names a module that needs {error.name!r}, which is not installed") from error
    except Exception as error:  # a module may fail in any way while it is imported
        if module in sys.modules:
            raise wrong(setting, path, f"names {attribute!r}, which the module {module!r} does not have") from error
        raise wrong(setting, path, f"names a module that fails while it is imported ({_short(error)})") from error


def call(setting: str, path: str, function: Callable[..., Any], *given: Any) -> Any:
    """Return what a loaded function or class makes. Raises ConfigurationError where it fails."""
    try:
        return function(*given)
    except Exception as error:  # it may fail in any way
        raise wrong(setting, path, f"fails when it is called ({_short(error)})") from error


def takes(function: Callable[..., Any], *given: Any, **named: Any) -> bool:
    """Tell whether a function can be called with these."""
    try:
        inspect.signature(function).bind(*given, **named)
    except (TypeError, ValueError):
        return False
    return True


def wrong(setting: str, path: str, why: str) -> ConfigurationError:
    """Return the error that says why what a setting names cannot be used."""
    return ConfigurationError([f"{setting}={path} {why}."])


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
