"""What is in the checkout is also in the wheel: a forgotten folder would only be missed by those who install it."""

import re
import tomllib
import zipfile
from pathlib import Path

import pytest

from ..kit.wheel import released
from .tree import ROOT, SRC

pytestmark = pytest.mark.promise("X1")


def folders_with_modules() -> set[str]:
    folders = {path.parent.relative_to(SRC) for path in SRC.rglob("*.py")}
    return {".".join(("tandem", *folder.parts)) for folder in folders}


def test_list_of_packages_equals_the_folders() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert sorted(project["tool"]["setuptools"]["packages"]) == sorted(folders_with_modules())


def test_every_folder_is_a_package() -> None:
    folders = {package: SRC.joinpath(*package.split(".")[1:]) for package in folders_with_modules()}
    assert [package for package, folder in folders.items() if not (folder / "__init__.py").is_file()] == []


@pytest.mark.heavy
def test_wheel_holds_every_file_and_nothing_else() -> None:
    (wheel,) = released()[0].glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"tandem/{path.relative_to(SRC).as_posix()}" for path in SRC.rglob("*") if _shipped(path)} - names == set()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"tandem"}


def _shipped(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts


def locked(name: str) -> dict[str, tuple[str, int]]:
    """Return version and number of hashes of every package of a lock file."""
    text = (ROOT / name).read_text(encoding="utf-8")
    pins = re.findall(r"^([\w.-]+)==(\S+)((?: \\\n    --hash=sha256:[0-9a-f]{64})*)", text, re.MULTILINE)
    return {package: (version, hashes.count("sha256")) for package, version, hashes in pins}


LOCKS = {"requirements.lock": ("dependencies",), "requirements-dev.lock": ("dependencies", "dev")}


@pytest.mark.parametrize("name", LOCKS)
def test_lock_holds_every_dependency(name: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lists = {"dependencies": project["project"]["dependencies"], **project["project"]["optional-dependencies"]}
    wanted = {re.split(r"[\[=<>~ ]", entry)[0] for part in LOCKS[name] for entry in lists[part]}
    assert wanted | {"setuptools"} <= locked(name).keys()


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_allows_wheel_and_source(name: str) -> None:
    """One hash alone would be the file of one machine."""
    assert {package for package, (_, hashes) in locked(name).items() if hashes < 2} == set()


def test_developers_run_the_versions_that_are_served() -> None:
    assert locked("requirements.lock").items() <= locked("requirements-dev.lock").items()
