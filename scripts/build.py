"""Build the wheel and the source distribution, byte for byte the same from the same sources.

    python scripts/build.py              # make build: from the last commit, into dist/, twice, and compares
    python scripts/build.py --out FOLDER

Times in the archives are those of ``SOURCE_DATE_EPOCH``, else of the commit (reproducible-builds.org). The build tools
are those of the lock file (--no-isolation).
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EARLIEST = 315_619_200
"""1 January 1980 and a day: a zip file knows no earlier time."""


def build(source: Path, out: Path, epoch: int) -> Mapping[str, str]:
    """Build what is in a folder; return the SHA-256 of each file that was made, by its name."""
    with tempfile.TemporaryDirectory(prefix="tandem-build-") as place:
        command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", place, str(source)]
        done = subprocess.run(  # noqa: S603 (our own words)
            command, capture_output=True, text=True, check=False,
            env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "PYTHONHASHSEED": "0"},
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
        out.mkdir(parents=True, exist_ok=True)
        for file in sorted(Path(place).iterdir()):
            settled = settle_wheel if file.suffix == ".whl" else settle_source
            (out / file.name).write_bytes(settled(file.read_bytes(), epoch))
        return {file.name: _hash(out / file.name) for file in sorted(Path(place).iterdir())}


def settle_wheel(data: bytes, epoch: int) -> bytes:
    """Return a wheel with its files in order, of one time, and readable by everybody whatever the umask was."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as before, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as after:
        for name in sorted(before.namelist()):
            entry = zipfile.ZipInfo(name, time.gmtime(max(epoch, EARLIEST))[:6])
            entry.external_attr, entry.compress_type = 0o100644 << 16, zipfile.ZIP_DEFLATED
            after.writestr(entry, before.read(name))
    return out.getvalue()


def settle_source(data: bytes, epoch: int) -> bytes:
    """Return a source distribution with its files in order, of one time, nobody's, and no time in its gzip."""
    out = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(data)) as before,
        gzip.GzipFile(fileobj=out, mode="wb", mtime=0, filename="") as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as after,
    ):
        for member in sorted(before.getmembers(), key=lambda one: one.name):
            member.mtime, member.uid, member.gid, member.uname, member.gname = epoch, 0, 0, "", ""
            member.mode, member.pax_headers = 0o755 if member.isdir() else 0o644, {}
            after.addfile(member, before.extractfile(member) if member.isfile() else None)
    return out.getvalue()


def _hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _commit(*arguments: str) -> bytes:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout  # noqa: S603 (our own words)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    chosen = parser.parse_args()
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or _commit("log", "-1", "--format=%ct"))
    made = []
    for out in (chosen.out, None):
        with tempfile.TemporaryDirectory(prefix="tandem-source-") as place:
            with tarfile.open(fileobj=io.BytesIO(_commit("archive", "HEAD"))) as archive:
                archive.extractall(place, filter="data")
            made.append(build(Path(place), out or Path(place, "dist"), epoch))
    for name, digest in made[0].items():
        print(f"{digest}  {name}")
    if made[0] != made[1]:
        print(f"The second build made something else: {made[1]}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
