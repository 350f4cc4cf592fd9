from __future__ import annotations

import re
import sys
from importlib import resources
from pathlib import Path

import pytest
from agents import Agent, RunContextWrapper

from tandem.agents.support import build_support_agent, load_agent
from tandem.agents.tools import support_tools
from tandem.errors import ConfigurationError
from tandem.model import Channel

from ...kit.callers import JOHN, caller_of
from ...kit.tables import each

TEXT = resources.files("tandem.agents").joinpath("instructions.md").read_text("utf-8")


@pytest.mark.promise("A1", "A12")
def test_there_is_one_agent_with_a_name_from_the_settings():
    assert build_support_agent(None, name="Desk").name == "Desk"


@pytest.mark.promise("A1")
def test_its_usual_name():
    assert build_support_agent(None).name == "Customer Service Agent"


@pytest.mark.promise("A12")
def test_its_model_comes_from_the_settings():
    assert build_support_agent("gpt-x").model == "gpt-x"


def test_its_tools_have_the_names_and_arguments_of_the_contract():
    schemas = {tool.name: list(tool.params_json_schema["properties"]) for tool in build_support_agent(None).tools}
    assert schemas == {
        "lookup_customer": ["identifier", "type"],
        "classify_intent": ["customer_message"],
        "lookup_order": ["order_id"],
        "order_status": ["order_id"],
        "get_tracking_info": ["order_id"],
        "process_refund": ["order_id", "amount", "reason"],
        "escalate_to_human": ["reason", "priority", "summary"],
        "create_ticket": ["customer_id", "subject", "description", "priority"],
        "ticket_status": ["ticket_id"],
        "reply_to_ticket": ["ticket_id", "message"],
        "send_sms": ["to", "message"],
        "search_knowledge_base": ["query", "category", "max_results"],
        "remember_preference": ["preference", "value"],
        "schedule_follow_up": ["minutes", "about"],
        "withdraw_request": ["approval_id"],
    }


def test_no_tool_has_a_defaulted_argument():
    """AGENTS_SDK.md: approval rules of tools with defaults are skipped."""
    for tool in support_tools(refund_threshold_cents=10_000):
        assert tool.params_json_schema["required"] == list(tool.params_json_schema["properties"])


@pytest.mark.promise("A1")
@each("subject", ["Billing", "Orders", "Technical", "General", "person"])
def test_there_is_guidance_for_every_subject(subject: str):
    assert subject in TEXT


def test_the_instructions_name_only_tools_that_exist():
    assert set(re.findall(r"`(\w+)`", TEXT)) <= {tool.name for tool in support_tools(refund_threshold_cents=10_000)}


async def _instructions(shop, channel: Channel) -> str:
    agent = build_support_agent(None)
    context = RunContextWrapper(caller_of(shop, JOHN, channel=channel))
    return str(await agent.get_system_prompt(context))


async def test_what_changes_between_turns_stands_last(shop):
    """So that prompt caches keep the long part."""
    assert (await _instructions(shop, Channel.SMS)).startswith(TEXT.strip())


async def test_the_agent_knows_that_it_speaks(shop):
    assert "on the phone. Today is" in await _instructions(shop, Channel.VOICE)


async def test_the_agent_knows_that_it_writes(shop):
    assert "by text message. Today is" in await _instructions(shop, Channel.WHATSAPP)


# --- AGENT_PATH --------------------------------------------------------------------------------------------

MODULE = """
from agents import Agent

ready = Agent(name="Ready")
nothing = 42

def build():
    return Agent(name="Built")

def needs(argument):
    return Agent(name="Never")

def breaks():
    raise ValueError("no luck")

def wrong():
    return "an agent, honestly"

async def later():
    return Agent(name="Never")
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    for name in ("my_agents", "broken_agents", "needy_agents"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    (tmp_path / "my_agents.py").write_text(MODULE)
    (tmp_path / "broken_agents.py").write_text("1 / 0")
    (tmp_path / "needy_agents.py").write_text("import a_package_nobody_has")
    return tmp_path


@pytest.mark.promise("A15")
@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("attribute", "name"), [("ready", "Ready"), ("build", "Built")])
def test_another_agent_is_loaded_from_the_working_folder(attribute: str, name: str):
    agent = load_agent(f"my_agents:{attribute}")
    assert isinstance(agent, Agent)
    assert agent.name == name


@pytest.mark.promise("A15", "O6")
@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("", "must look like module:attribute"),
        ("my_agents", "must look like module:attribute"),
        ("my_agents:", "must look like module:attribute"),
        (":ready", "must look like module:attribute"),
        ("nowhere_agents:ready", "names the module 'nowhere_agents', which cannot be found from"),
        ("my_agents.inner:ready", "names the module 'my_agents.inner', which cannot be found from"),
        ("needy_agents:ready", "names a module that needs 'a_package_nobody_has', which is not installed"),
        ("broken_agents:ready", "fails while it is imported (ZeroDivisionError: division by zero)"),
        (".my_agents:ready", "fails while it is imported"),
        ("my_agents:absent", "names 'absent', which the module 'my_agents' does not have"),
        ("my_agents:nothing", "gives a int, not an agents.Agent"),
        ("my_agents:wrong", "gives a str, not an agents.Agent"),
        ("my_agents:needs", "names something that needs arguments"),
        ("my_agents:breaks", "fails when it is called (ValueError: no luck)"),
        ("my_agents:later", "names an async function"),
    ],
)
def test_every_way_to_be_wrong_has_its_sentence(path: str, sentence: str):
    with pytest.raises(ConfigurationError) as caught:
        load_agent(path)
    assert caught.value.problems[0].startswith(f"AGENT_PATH={path} ")
    assert sentence in caught.value.problems[0]


def test_a_file_of_the_working_folder_hides_no_installed_package(folder: Path):
    (folder / "openai_nothing.py").write_text("")
    load_agent("my_agents:ready")
    assert sys.path[-1] == str(folder)
