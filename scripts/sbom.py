"""Write the bill of materials of a release: every package that serves, from requirements.lock (CycloneDX 1.6, JSON).

    python scripts/sbom.py > dist/tandem-gateway.cdx.json       # make sbom

The same lock file makes the same bytes. Licences are not in a lock file, so none are claimed.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tandem

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
SPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "cyclonedx.tandem-gateway")
_PIN = re.compile(r"^([\w.-]+)==([^\s\\]+)", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_VIA = re.compile(r"# via (.+)")


@dataclass(frozen=True, slots=True)
class Pin:
    """A package of the lock file. ``via``: who needs it; the product itself by its name."""

    name: str
    version: str
    hashes: Sequence[str] = field(default_factory=tuple)
    via: Sequence[str] = field(default_factory=tuple)

    @property
    def purl(self) -> str:
        """Package URL (github.com/package-url/purl-spec); the type names the ecosystem, not a host."""
        return f"pkg:pypi/{self.name.lower().replace('_', '-')}@{self.version}"


def pins(lock: str) -> Sequence[Pin]:
    """Return every package of a lock file."""
    starts = [*_PIN.finditer(lock)]
    found = []
    for start, following in zip(starts, [*(one.start() for one in starts[1:]), len(lock)], strict=True):
        block = lock[start.start() : following]
        via = [name.strip().partition(" (")[0] for line in _VIA.findall(block) for name in line.split(",")]
        found.append(Pin(start[1], start[2], tuple(_HASH.findall(block)), tuple(via)))
    return found


def bill(lock: str, name: str, version: str, description: str) -> dict[str, Any]:
    """Return the bill of materials of a release with these packages."""
    found = pins(lock)
    product = f"pkg:pypi/{name}@{version}"
    refs = {name: product, **{one.name: one.purl for one in found}}
    needs: dict[str, list[str]] = {ref: [] for ref in refs.values()}
    for one in found:
        for who in one.via:
            needs[refs[who]].append(one.purl)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(SPACE, f'{version} {lock}')}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application", "bom-ref": product, "name": name, "version": version, "purl": product,
                "description": description, "licenses": [{"license": {"id": "MIT"}}],
            }
        },
        "components": [_component(one) for one in found],
        "dependencies": [{"ref": ref, "dependsOn": sorted(of)} for ref, of in sorted(needs.items())],
    }  # fmt: skip


def _component(one: Pin) -> Mapping[str, Any]:
    return {
        "type": "library",
        "bom-ref": one.purl,
        "name": one.name,
        "version": one.version,
        "purl": one.purl,
        # One of each file of the version that may be installed: which one depends on the machine.
        "hashes": [{"alg": "SHA-256", "content": content} for content in one.hashes],
    }


def main() -> int:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    told = bill(LOCK.read_text("utf-8"), project["name"], tandem.__version__, project["description"])
    json.dump(told, sys.stdout, indent=1)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
