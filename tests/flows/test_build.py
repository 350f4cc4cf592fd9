"""What is released: the same bytes from the same sources, and a list of everything that is in it."""

from __future__ import annotations

import io
import json
import re
import tarfile
import uuid
import zipfile
from pathlib import Path

import pytest

import tandem
from scripts import sbom
from scripts.build import build

from ..kit.wheel import EPOCH, copied, released

pytestmark = pytest.mark.promise("X1")


@pytest.mark.heavy
def test_two_machines_build_the_same_bytes(tmp_path: Path) -> None:
    folder, first = released()
    second = build(copied(tmp_path / "a longer path", umask=0o077, touched=EPOCH + 2e6), tmp_path / "second", EPOCH)
    assert first == second
    assert sorted(name.rpartition(".")[2] for name in first) == ["gz", "whl"]
    wheel, source = (next(folder.glob(f"*.{suffix}")) for suffix in ("whl", "tar.gz"))
    with zipfile.ZipFile(wheel) as archive:
        assert archive.testzip() is None
        assert {entry.date_time for entry in archive.infolist()} == {(2023, 11, 14, 22, 13, 20)}
        assert "tandem/py.typed" in archive.namelist()
    with tarfile.open(fileobj=io.BytesIO(source.read_bytes())) as archive:
        assert {(one.mtime, one.uid, one.uname) for one in archive.getmembers()} == {(EPOCH, 0, "")}


def test_the_bill_of_materials_names_everything_that_is_locked_once() -> None:
    lock = sbom.LOCK.read_text("utf-8")
    told = sbom.bill(lock, "tandem-gateway", tandem.__version__, "")
    assert told == json.loads(json.dumps(sbom.bill(lock, "tandem-gateway", tandem.__version__, "")))
    assert (told["bomFormat"], told["specVersion"]) == ("CycloneDX", "1.6")
    assert uuid.UUID(told["serialNumber"].removeprefix("urn:uuid:")).version == 5
    locked = dict(re.findall(r"^([\w.-]+)==(\S+) ", lock, re.MULTILINE))
    components = {one["name"]: one for one in told["components"]}
    assert {name: one["version"] for name, one in components.items()} == locked
    assert sum(len(one["hashes"]) for one in components.values()) == lock.count("--hash=")
    refs = {one["bom-ref"] for one in told["components"]} | {told["metadata"]["component"]["bom-ref"]}
    assert len(refs) == len(locked) + 1
    assert {one["ref"] for one in told["dependencies"]} == refs
    named = {needed for one in told["dependencies"] for needed in one["dependsOn"]}
    assert named == refs - {told["metadata"]["component"]["bom-ref"]}
    own = next(one for one in told["dependencies"] if one["ref"].startswith("pkg:pypi/tandem-gateway@"))
    assert f"pkg:pypi/openai-agents@{locked['openai-agents']}" in own["dependsOn"]
