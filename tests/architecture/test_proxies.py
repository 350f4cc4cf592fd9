"""The proxy recipes, as far as they can be told right without their programs; make proxies runs them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from scripts import proxies, smoke
from tandem.channels.twilio import BODY_LIMIT
from tandem.settings import Settings

from .tree import ROOT

pytestmark = pytest.mark.promise("X3")

FOLDER = ROOT / "deploy/proxies"
TEXTS = {name: (FOLDER / recipe.file).read_text("utf-8") for name, recipe in proxies.RECIPES.items()}
CHECKS = {
    "nginx": ("nginx", "-t", "-p", "{folder}", "-c", "{file}", "-g", "pid {folder}/pid; error_log stderr;"),
    "haproxy": ("haproxy", "-c", "-f", "{file}"),
    "caddy": ("caddy", "validate", "--adapter", "caddyfile", "--config", "{file}"),
}
HAPROXY = {
    "global": {"maxconn"},
    "defaults": {"mode", "timeout", "retries", "option", "retry-on"},
    "frontend": {"bind", "stick-table", "tcp-request", "http-request", "default_backend"},
    "backend": {"balance", "option", "http-check", "default-server", "server"},
}
"""Keywords of its sections (docs.haproxy.org/2.6/configuration.html)."""


def lines(name: str) -> list[str]:
    stripped = (line.strip() for line in TEXTS[name].splitlines())
    return [line for line in stripped if line and not line.startswith("#")]


def test_every_recipe_is_run() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {one.file for one in proxies.RECIPES.values()}
    assert smoke.PLACES.keys() == {"clone", "wheel", *proxies.RECIPES}


@pytest.mark.parametrize("name", TEXTS)
def test_it_names_the_three_gateways_and_can_be_pointed_at_others(name: str, tmp_path: Path) -> None:
    for fault in (None, *((before, after) for _, before, after in proxies.FAULTS[name])):
        file = proxies.written(proxies.RECIPES[name], tmp_path, 8081, [9001, 9002, 9003], fault)
        text = file.read_text("utf-8")
        assert re.findall(r"gateway-\d:", text) == []
        assert [f"127.0.0.1:{port}" in text for port in (8081, 9001, 9002, 9003)] == [True] * 4
    assert set(re.findall(r"gateway-\d:(\d+)", TEXTS[name])) == {str(Settings().port)}


def test_nginx_has_a_semicolon_or_a_block_behind_everything() -> None:
    text = re.sub(r"#.*", "", TEXTS["nginx"])
    assert text.count("{") == text.count("}")
    for line in lines("nginx"):
        assert line.endswith((";", "{", "}")), line


def test_haproxy_knows_every_keyword_in_its_section() -> None:
    section, seen = "", []
    for line in lines("haproxy"):
        word = line.split()[0]
        if word in HAPROXY:
            section = word
            seen.append(word)
        else:
            assert word in HAPROXY[section], line
    assert seen == list(HAPROXY)


def test_caddy_opens_and_closes_blocks() -> None:
    depth = 0
    for line in lines("caddy"):
        depth += line.endswith("{") - (line == "}")
        assert depth >= 0, line
        assert line in ("}", re.sub(r"\}$", "", line)), line
    assert depth == 0


def test_calls_outlive_every_timeout() -> None:
    longest = Settings().call_max_seconds
    hours = [
        *re.findall(r"proxy_(?:read|send)_timeout (\d+)h;", TEXTS["nginx"]),
        *re.findall(r"timeout tunnel (\d+)h", TEXTS["haproxy"]),
    ]
    assert len(hours) == 3
    assert all(int(number) * 3600 > longest for number in hours)
    assert "read_timeout" not in TEXTS["caddy"]  # none is its default


def test_a_body_may_be_no_larger_than_the_gateway_takes() -> None:
    assert BODY_LIMIT <= 1024 * 1024
    assert "client_max_body_size 1m;" in TEXTS["nginx"]
    assert "gt 1048576 }" in TEXTS["haproxy"]
    assert "max_size 1MB" in TEXTS["caddy"]


def test_nothing_is_written_down_that_holds_numbers() -> None:
    assert "access_log off;" in TEXTS["nginx"]
    assert [line for line in lines("haproxy") if line.split()[0] == "log"] == []
    assert [line for line in lines("caddy") if line.split()[0] == "log"] == ["log {"]
    assert "exclude http.log.error" in lines("caddy")


def test_no_post_is_repeated() -> None:
    assert "non_idempotent" not in TEXTS["nginx"]
    assert "retry-on conn-failure" in lines("haproxy")
    assert "lb_retry_match" not in TEXTS["caddy"]


def test_nobody_can_take_the_gateways_away_by_requests_that_fail() -> None:
    """Caddy counts a body that it refuses itself as a failure of the gateway behind it."""
    assert "fail_duration" not in [line.split()[0] for line in lines("caddy")]


@pytest.mark.parametrize("name", TEXTS)
def test_the_program_itself_takes_it_where_it_is_installed(name: str, tmp_path: Path) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed here")
    file = proxies.written(proxies.RECIPES[name], tmp_path, 8081, [9001, 9002, 9003], None)
    command = [part.format(folder=tmp_path, file=file) for part in CHECKS[name]]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
