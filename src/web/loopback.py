"""Tells requests of this machine from those that came through a tunnel or proxy. Pure."""

from __future__ import annotations

from starlette.requests import HTTPConnection

FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "cf-connecting-ip")
"""What tunnels and proxies add."""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]", "::1"})


def from_outside(request: HTTPConnection) -> bool:
    """Tell whether a request came through a tunnel or proxy: a development server is often exposed by one."""
    return not on_loopback(request.headers.get("host", "")) or any(name in request.headers for name in FORWARDED)


def on_loopback(host: str) -> bool:
    """Tell whether a Host header names this machine from within."""
    return (host.rpartition(":")[0] or host) in LOOPBACK
