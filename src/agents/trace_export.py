"""Traces of runs: to OpenAI only when asked for, and only with a key that is OpenAI's."""

from __future__ import annotations

from urllib.parse import urlsplit

from agents import set_trace_processors, set_tracing_disabled, set_tracing_export_api_key

from .models import told_plainly

OPENAI = "openai.com"


def set_up_tracing(*, enabled: bool, api_key: str | None, base_url: str | None) -> None:
    """Decide where the traces of this process go; before an agent is loaded, which may add a way of its own.

    The SDK's exporter takes the key from the environment when it is given none, whatever service that key is for. It
    opens a client also when it is to send nothing. Raises ConfigurationError.
    """
    with told_plainly():
        set_tracing_disabled(not (enabled and api_key))
    if not (enabled and api_key):
        return
    if at_openai(base_url):
        set_tracing_export_api_key(api_key)
    else:
        set_trace_processors([])


def at_openai(base_url: str | None) -> bool:
    """Tell whether a model service is OpenAI's own."""
    host = urlsplit(base_url).hostname if base_url else OPENAI
    return host == OPENAI or (host or "").endswith(f".{OPENAI}")
