"""Who may import whom, who may read the environment, and how long a module may be."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from ..kit.tables import each
from .tree import ROOT, SRC, modules

ROOMS = (
    ("errors", "meter"),
    ("model", "own_code"),
    ("entries", "events"),
    ("telemetry", "web"),
    ("guardrails", "identity", "persistence"),
    ("knowledge", "shop"),
    ("conversation",),
    ("agents",),
    ("channels",),
    ("health", "simulator", "staff"),
    ("settings",),
    ("wiring",),
    ("app",),
    ("evaluation",),
    ("commands",),
    ("__main__",),
)
"""Lowest first. A room may import itself and the rooms of the lines above its own."""

HEIGHT = {room: height for height, rooms in enumerate(ROOMS) for room in rooms}
SDK = {"agents", "openai"}
TEST_TOOLS = {"hypothesis", "mypy", "pytest", "tests", "unittest"}
KNOWS_THE_SETTINGS = {"app", "commands", "evaluation", "wiring"}
KNOWS_THE_SIMULATOR = {"commands", "evaluation", "wiring"}
LONGEST_MODULE = 320


def room_of(module: Path) -> str:
    return module.parts[0] if len(module.parts) > 1 else module.stem


def imports(module: Path, tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield how many levels up an import looks (0: absolute) and what it names, one by one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield node.level, f"{node.module}.{alias.name}" if node.module else alias.name


def broken_rules(module: Path, source: str) -> list[str]:
    """Return what a module does that it must not."""
    room, tree, broken = room_of(module), ast.parse(source), []
    for level, name in imports(module, tree):
        first = name.split(".")[0]
        if level == 0:
            if first == "tandem":
                broken.append(f"imports {name} absolutely")
            if first in TEST_TOOLS:
                broken.append(f"imports the test tool {name}")
            if first in SDK and room != "agents":
                broken.append(f"imports the SDK: {name}")
            continue
        climbs = len(module.parts) - level
        if climbs < 0:
            broken.append(f"imports from above the package: {name}")
            continue
        target = module.parts[0] if climbs > 0 else first
        if target == room or target == "__version__":
            continue
        if target not in HEIGHT:
            broken.append(f"imports the unknown room {target}")
        elif HEIGHT[target] >= HEIGHT.get(room, -1):
            broken.append(f"imports {target}, which is not below {room}")
        elif target == "settings" and room not in KNOWS_THE_SETTINGS:
            broken.append("imports the settings")
        elif target == "simulator" and room not in KNOWS_THE_SIMULATOR:
            broken.append("imports the simulator")
    if module != Path("settings/loading.py") and reads_environment(tree):
        broken.append("reads the environment")
    if (lines := source.count("\n")) > LONGEST_MODULE:
        broken.append(f"has {lines} lines; {LONGEST_MODULE} are enough")
    return broken


def reads_environment(tree: ast.AST) -> bool:
    names = {"environ", "environb", "getenv", "getenvb", "putenv"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in names and ast.unparse(node.value) == "os":
            return True
        if isinstance(node, ast.ImportFrom) and node.module == "os" and names & {alias.name for alias in node.names}:
            return True
    return False


def test_every_module_keeps_the_rules() -> None:
    broken = {module: broken_rules(module, (SRC / module).read_text(encoding="utf-8")) for module in modules()}
    assert len(broken) > len(HEIGHT)
    assert {module: rules for module, rules in broken.items() if rules} == {}


def test_architecture_names_everybody_who_knows_the_settings() -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    (named,) = re.findall(r"^\| (.*) \| .*; the only users of the settings \|$", page, re.MULTILINE)
    assert set(re.findall(r"`(\w+)/?`", named)) == KNOWS_THE_SETTINGS


def test_every_module_is_in_a_known_room() -> None:
    assert {module for module in modules() if room_of(module) not in {*HEIGHT, "__init__"}} == set()


@each(
    ("module", "source"),
    [
        ("conversation/engine.py", "from ..agents.runner import Runner"),
        ("conversation/engine.py", "from .. import agents"),
        ("persistence/base.py", "from ..identity import phone"),
        ("agents/tools/order.py", "from ...channels import sms"),
        ("model.py", "from .telemetry import logs"),
        ("channels/sms/webhooks.py", "from ...settings import Settings"),
        ("staff/approvals_api.py", "def late():\n    from ..app import create_app"),
        ("channels/sms/webhooks.py", "import agents"),
        ("guardrails/pii.py", "from openai.types import Model"),
        ("app.py", "from tandem.model import Entry"),
        ("app.py", "import pytest"),
        ("app.py", "import os\nos.environ['PORT']"),
        ("commands/cli.py", "from os import getenv"),
        ("app.py", "from .simulator.phone import PhoneLine"),
        ("app.py", "from .evaluation.world import open_world"),
        ("app.py", "\n" * (LONGEST_MODULE + 1)),
        ("app.py", "from .. import other"),
        ("app.py", "from .attic import thing"),
    ],
)
def test_rules_notice(module: str, source: str) -> None:
    assert len(broken_rules(Path(module), source)) == 1


@each(
    ("module", "source"),
    [
        ("conversation/engine.py", "from ..persistence.base import LaneStore\nfrom .lane_worker import LaneWorker"),
        (
            "agents/tools/order.py",
            "from agents import Tool\nfrom ..caller_context import CallerContext\nfrom ...model import Entry",
        ),
        ("app.py", "from .settings import Settings\nfrom . import __version__"),
        ("settings/loading.py", "import os\nos.environ"),
        ("wiring.py", "from .simulator.twilio_simulator import TwilioSimulator"),
        ("evaluation/world.py", "from ..simulator.call import SimulatedCall\nfrom ..app import open_gateway"),
    ],
)
def test_rules_allow(module: str, source: str) -> None:
    assert broken_rules(Path(module), source) == []


def test_a_class_name_stands_for_one_thing() -> None:
    found: dict[str, list[str]] = {}
    for module in modules():
        for node in ast.walk(ast.parse((SRC / module).read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(str(module))
    assert {name: places for name, places in found.items() if len(places) > 1} == {}


RIDDLES = re.compile(r"(What|Who|Whoever|Whom|Whose|Which|Where|Whether|How|Nobody|Somebody|Anybody|Everybody)\b")


def riddles(source: str) -> list[str]:
    """Return the first lines of docstrings that ask instead of saying what a thing is."""
    documented = ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef
    lines = [ast.get_docstring(node) or "" for node in ast.walk(ast.parse(source)) if isinstance(node, documented)]
    return [line.splitlines()[0] for line in lines if RIDDLES.match(line)]


def test_first_lines_of_docstrings_say_what_a_thing_is() -> None:
    found = {module: riddles((SRC / module).read_text(encoding="utf-8")) for module in modules()}
    assert {module: lines for module, lines in found.items() if lines} == {}


def test_a_riddle_is_noticed() -> None:
    assert riddles('"""Lanes."""\ndef f():\n    """Who may do it."""') == ["Who may do it."]
