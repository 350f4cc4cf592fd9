"""The resolver that the settings name, or a user's own."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tandem.errors import ConfigurationError
from tandem.identity.caching_resolver import CachingResolver
from tandem.identity.factory import SOURCES, open_identity, source_place
from tandem.identity.phone import PhoneResolver
from tandem.model import Address
from tandem.settings import Settings, load_settings

from ...kit.tables import each

pytestmark = pytest.mark.promise("I3")

CALLER = Address("tel", "+14155550100")
OWN = """
from contextlib import asynccontextmanager
from tandem.identity.base import Resolution

class Accounts:
    def __init__(self, settings):
        self.region = settings.default_region
    async def resolve(self, address, *, session, metadata):
        return Resolution(f"account_{self.region}_{metadata.get('account', 'none')}")

class Opened(Accounts):
    closed = 0
    async def __aenter__(self):
        return self
    async def __aexit__(self, *error):
        Opened.closed += 1

@asynccontextmanager
async def accounts(settings):
    yield Accounts(settings)

class Broken:
    def __init__(self, settings):
        raise RuntimeError("no licence")

def nothing(settings):
    return 5

class Plain:
    def __init__(self, settings): ...
    def resolve(self, address, *, session, metadata): ...

class Other:
    def __init__(self, settings): ...
    async def resolve(self, number): ...
"""

_modules = (f"own_resolver_{number}" for number in itertools.count(1))
CRM = {"CRM_BASE_URL": "https://crm.example/", "CRM_API_KEY": "hush-hush"}
SEGMENT = {"SEGMENT_PROFILE_API_TOKEN": "hush-hush", "SEGMENT_SPACE_ID": "spa_1"}


def load(**env: str) -> Settings:
    return load_settings(env, env_file=None)


def problems(**env: str) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        load(**env)
    return caught.value.problems


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a user's module in the working folder."""
    name, before = next(_modules), list(sys.path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"{name}.py").write_text(OWN, encoding="utf-8")
    yield name
    sys.path[:] = before
    sys.modules.pop(name, None)


async def test_the_number_unless_told_otherwise() -> None:
    async with open_identity(load()) as identity:
        assert isinstance(identity, PhoneResolver)
    assert source_place(load()) == "the telephone number alone"


@each(
    ("env", "place"),
    [
        ({"SUBJECT_RESOLVER": "CRM", **CRM}, "the CRM at https://crm.example"),
        (
            {"SUBJECT_RESOLVER": "segment", **SEGMENT},
            "Segment at https://profiles.segment.com, space spa_1",
        ),
        (
            {"SUBJECT_RESOLVER": "segment", "SEGMENT_REGION": "EU", **SEGMENT},
            "Segment at https://profiles.euw1.segment.com, space spa_1",
        ),
        (
            {"SUBJECT_RESOLVER": "segment", "SEGMENT_PROFILE_API_URL": "http://127.0.0.1:1", **SEGMENT},
            "Segment at http://127.0.0.1:1, space spa_1",
        ),
    ],
)
async def test_a_source_is_guarded_and_its_place_shows_no_key(env: dict[str, str], place: str) -> None:
    settings = load(**env)
    async with open_identity(settings) as identity:
        assert isinstance(identity, CachingResolver)
    assert source_place(settings) == place


@each("name", sorted(SOURCES))
def test_a_missing_key_stops_the_start_with_one_sentence_each(name: str) -> None:
    expected = tuple(f"{need} must be set with SUBJECT_RESOLVER={name}." for need in SOURCES[name].needs)
    assert problems(SUBJECT_RESOLVER=name.upper()) == expected
    assert problems(SUBJECT_RESOLVER=name, PORT="x")[1:] == expected


@each("name", ["hubspot", "module:", ":Class", "a b:c"])
def test_an_unknown_name_stops_the_start(name: str) -> None:
    (said,) = problems(SUBJECT_RESOLVER=name)
    assert said == f"SUBJECT_RESOLVER must be phone, segment, crm or module:Class, not {name!r}."


def test_keys_that_change_nothing_are_told() -> None:
    assert load(**CRM).notices == ("CRM_BASE_URL changes nothing with SUBJECT_RESOLVER=phone.",)
    assert load(SUBJECT_RESOLVER="crm", **CRM, **SEGMENT).notices == (
        "SEGMENT_PROFILE_API_TOKEN changes nothing with SUBJECT_RESOLVER=crm.",
    )


@pytest.mark.promise("I4")
@pytest.mark.parametrize("name", ["Accounts", "Opened", "accounts"])
async def test_a_users_own(module: str, name: str) -> None:
    settings = load(SUBJECT_RESOLVER=f"{module}:{name}", DEFAULT_REGION="GB")
    async with open_identity(settings) as identity:
        found = await identity.resolve(CALLER, session="SM1", metadata={"account": "42"})
    assert (found.subject, found.phone) == ("account_GB_42", "+14155550100")
    assert source_place(settings) == f"{module}:{name}"
    assert sys.modules[module].Opened.closed == (name == "Opened")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("missing", "names 'missing', which the module "),
        ("Broken", "fails when it is called (RuntimeError: no licence)."),
        ("nothing", "gives a int, which has no async method resolve."),
        ("Plain", "gives a Plain, which has no async method resolve."),
        ("Other", "has a method resolve that does not take (address, *, session, metadata)."),
    ],
)
async def test_a_users_own_that_does_not_work_is_told(module: str, name: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        async with open_identity(load(SUBJECT_RESOLVER=f"{module}:{name}")):
            pass
    (said,) = caught.value.problems
    assert said.startswith(f"SUBJECT_RESOLVER={module}:{name} {sentence}")


async def test_a_users_module_that_is_not_there_is_told() -> None:
    with pytest.raises(ConfigurationError, match="names the module 'nowhere_at_all', which cannot be found"):
        async with open_identity(load(SUBJECT_RESOLVER="nowhere_at_all:Resolver")):
            pass
