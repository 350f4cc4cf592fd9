"""The files in ``deploy/`` fit the program: names of settings, ports, times, users and paths."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tandem.settings import Settings

from .tree import ROOT

DEPLOY = ROOT / "deploy"
DRAINED = int(Settings().drain_seconds) + 45
"""Seconds after which a stop may be ended by force; docs/operations.md says so."""
pytestmark = pytest.mark.promise("X2")

NO_SETTINGS = {"PATH", "PYTHONUNBUFFERED", "POSTGRES_DB"}
FILES = {str(path.relative_to(DEPLOY)): path.read_text("utf-8") for path in DEPLOY.rglob("*") if path.is_file()}
COMPOSED = [name for name in FILES if name.startswith("compose")]


def test_every_name_that_is_set_is_a_setting() -> None:
    named = {name for text in FILES.values() for name in re.findall(r"\b([A-Z][A-Z_]{3,})(?:=|: )", text)}
    assert {"HOST", "PORT", "METRICS_PORT", "PERSISTENCE_ADAPTER"} <= named
    assert named - Settings.variables().keys() - NO_SETTINGS == set()


def test_a_stop_waits_until_the_gateway_has_drained() -> None:
    assert re.findall(r"^TimeoutStopSec=(\d+)$", FILES["tandem.service"], re.MULTILINE) == [str(DRAINED)]
    for name in COMPOSED:
        assert re.findall(r"stop_grace_period: (\w+)", FILES[name]) == [f"{DRAINED}s"]


def test_the_image_runs_as_nobody_and_as_the_first_process() -> None:
    image = FILES["Dockerfile"]
    assert re.findall(r"^USER (\w+)$", image, re.MULTILINE) == ["tandem"]
    assert image.index("\nUSER ") > image.rindex("\nRUN ")
    assert 'ENTRYPOINT ["tandem"]\nCMD ["serve"]' in image  # no shell in between, which would keep SIGTERM for itself
    assert "STOPSIGNAL SIGTERM" in image
    assert "--require-hashes" in image
    assert f"EXPOSE {Settings().port}\n" in image


def test_the_image_copies_what_is_there_and_what_docker_is_shown() -> None:
    copied = {
        name
        for line in re.findall(r"^COPY (?!--from)(.+) \S+$", FILES["Dockerfile"], re.MULTILINE)
        for name in line.split()
    }
    shown = set(re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text("utf-8"), re.MULTILINE))
    assert copied == shown
    assert {name for name in copied if not (ROOT / name).exists()} == set()


def test_the_probe_of_the_image_is_valid_python_and_asks_what_exists() -> None:
    (probe,) = re.findall(r'CMD \["python", "-c", "(.*)"\]', FILES["Dockerfile"])
    code = probe.replace('\\"', '"')
    compile(code, "probe", "exec")
    assert "/health'" in code
    assert 'Route("/health", ' in (ROOT / "src/health.py").read_text("utf-8")


def test_three_replicas_are_named_alike_everywhere() -> None:
    replicas = re.findall(r"^  (gateway-\d): \*gateway$", FILES["compose.replicas.yaml"], re.MULTILINE)
    assert len(replicas) == 3
    (metrics,) = re.findall(r'METRICS_PORT: "(\d+)"', FILES["compose.replicas.yaml"])
    for replica in replicas:
        assert f"server {replica}:{Settings().port} " in FILES["proxies/nginx.conf"]
        assert f'"{replica}:{metrics}"' in FILES["prometheus.yml"]
    assert re.findall(r'ports: \["(?!127\.0\.0\.1:)', FILES["compose.replicas.yaml"]) == []


@pytest.mark.parametrize("unit", [name for name in FILES if name.endswith((".service", ".timer"))])
def test_systemd_reads_the_unit(unit: str, tmp_path: Path) -> None:
    verify = shutil.which("systemd-analyze")
    if verify is None:
        pytest.skip("systemd-analyze is not installed here")
    program = tmp_path / "tandem"
    program.touch(mode=0o755)
    for name in FILES:
        if name.endswith((".service", ".timer")):
            (tmp_path / name).write_text(FILES[name].replace("/usr/local/lib/tandem/bin/tandem", str(program)), "utf-8")
    done = subprocess.run([verify, "verify", tmp_path / unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_units_start_commands_that_exist() -> None:
    started = {
        command for text in FILES.values() for command in re.findall(r"^ExecStart=\S+ (\w+)", text, re.MULTILINE)
    }
    assert started == {"serve", "cleanup"}
