"""The company's files: what they may say, how each fault is named, and when they are read again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tandem.channels.voice.voice_options import VoiceOptions
from tandem.conversation import phrases
from tandem.errors import ConfigurationError
from tandem.settings import load_settings
from tandem.settings.company import CompanyFile, read_company
from tandem.settings.toml_file import line_of

from ..kit.tables import each
from .test_check import Lines

pytestmark = pytest.mark.promise("G9")


def said(folder: Path, text: str | bytes, voice: VoiceOptions | None = None) -> tuple[str, ...]:
    """Return what is wrong with a file, without its place."""
    path = folder / "company.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigurationError) as refused:
        read_company(path, None, voice or VoiceOptions())
    return tuple(sentence.removeprefix(str(path)) for sentence in refused.value.problems)


@each(
    ("text", "sentence"),
    [
        ('name = "A"\n\nname = "B"\n', ", line 3: Cannot overwrite a value."),
        ('name = "A\n', ", line 1: Illegal character '\\n'."),
        ('name = "A"\nhours = "always"\n', ", line 2: hours must be days and hours such as Mon-Fri 09:00-17:30, Sat"),
        ('zone = "Mars/Base"\n', ", line 1: zone must be a time zone such as Europe/Berlin"),
        ("name = 5\n", ", line 1: name: input should be a valid string."),
        ('greeting = """\nHello!\nHi!"""\n', ", line 1: greeting must be words on one line."),
        ('[escalation]\ntransfer = ""\n', ", line 2: escalation.transfer must be words on one line."),
        ('# greeting\ngreting = "Hi"\n', ", line 2: greting is not known; greeting may be meant."),
        ('[escalation]\ncall_bak = "Hi"\n', ", line 2: escalation.call_bak is not known; call_back may be meant."),
        ("[staff]\nname = 1\n", ", line 1: staff is not known."),
        ('[voice]\nlanguage = "german"\n', ", line 2: voice.language must be a language such as en-US"),
        ('[voice]\nwelcomegreeting = "Hi"\n', ", line 2: voice.welcomegreeting is not known"),
        ("[voice]\ninterruptible = true\n", ", line 2: voice.interruptible: input should be 'none', 'dtmf', "),
        ('[voice]\nlanguage = "multi"\ntts_provider = "Google"\n', ", line 1: Only ElevenLabs speaks multi (VOICE_TTS"),
        ('voice = "alloy"\n', ", line 1: voice must be a table, [voice]."),
        ('name = "ä"\n'.encode("latin-1"), ", line 1: it is no UTF-8 text."),
        (f"name = {'[' * 5000}", ": it is nested too deep."),
        (f"name = {'1' * 5000}", ", line 1: Exceeds the limit"),
        ('[["]"]]\nname = 1\n', ", line 1: ] is not known."),
    ],
)
def test_each_fault_has_its_line_and_reason(tmp_path: Path, text: str | bytes, sentence: str) -> None:
    (found,) = said(tmp_path, text)
    assert found.startswith(sentence)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    text = 'nam = "A"\n[voice]\nhint = "x"\n[escalation]\nclosed = 1\n'
    assert [one.split(":")[0] for one in said(tmp_path, text)] == [", line 3", ", line 5", ", line 1"]


def test_a_file_that_is_not_there_or_too_large_is_named(tmp_path: Path) -> None:
    assert said(tmp_path, b"#" * 200_001) == (" has more than 200000 bytes.",)
    with pytest.raises(ConfigurationError, match=r"none\.toml cannot be read \(No such file or directory\)"):
        read_company(tmp_path / "none.toml", None, VoiceOptions())
    with pytest.raises(ConfigurationError, match="cannot be read") as both:
        read_company(tmp_path / "none.toml", tmp_path / "none.md", VoiceOptions())
    assert len(both.value.problems) == 2


def test_options_of_calls_are_checked_together_with_those_of_the_settings(tmp_path: Path) -> None:
    path = tmp_path / "company.toml"
    path.write_text("[voice]\neot_threshold = 0.6\n", "utf-8")
    flux = VoiceOptions(speech_model="flux", hints="Tandem")
    voice = read_company(path, None, flux).voice
    assert (voice.eot_threshold, voice.speech_model, voice.hints) == (0.6, "flux", "Tandem")
    (found,) = said(tmp_path, "[voice]\neot_threshold = 0.6\n")
    assert "VOICE_SPEECH_MODEL=flux" in found


def test_own_words_are_in_the_language_of_the_line(tmp_path: Path) -> None:
    path = tmp_path / "company.toml"
    path.write_text('greeting = "Guten Tag!"\n[voice]\nlanguage = "de-DE"\n', "utf-8")
    assert read_company(path, None, VoiceOptions()).sentences == ("de", {phrases.GREETING: "Guten Tag!"})


@each(
    ("where", "line"),
    [
        (("name",), 1),
        (("text",), 2),
        (("agents", "two"), 6),
        (("agents", "two", "model"), 7),
        (("agents", "two", "path"), 6),
        (("agents", "dotted.one", "x"), 9),
        (("rules", 1, "agent"), 13),
        (("rules", 1, "number"), 12),
        (("rules", 0), 10),
        (("unknown",), 1),
    ],
)
def test_lines_are_found(where: tuple[str | int, ...], line: int) -> None:
    text = (
        'name = "a"\ntext = """\n[agents.two]\nmodel = "x"\n"""\n[agents.two]\nmodel = "m"\n'
        '[agents."dotted.one"]\nx.y = 1\n[[rules]]\nagent = "a"\n[[rules]]\nagent = "b"\n'
    )
    assert line_of(text, where) == line


def test_a_change_is_read_when_it_has_rested_and_at_most_once_a_second(tmp_path: Path) -> None:
    path, now = tmp_path / "company.toml", [0.0]
    path.write_text('name = "One"\n', "utf-8")
    company = CompanyFile(path, None, VoiceOptions(), clock=lambda: now[0])

    def name_at(*moments: float) -> list[str | None]:
        found = []
        for now[0] in moments:
            found.append(company.current().name)
        return found

    path.write_text("name = ", "utf-8")  # half written
    assert name_at(0.5, 1.0, 1.9) == ["One"] * 3
    path.write_text('name = "Second"\n', "utf-8")
    assert name_at(2.0, 2.9, 3.0) == ["One", "One", "Second"]
    assert company.problem is None


async def test_check_tells_of_the_company_and_of_what_is_wrong_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = Lines(capsys)
    (tmp_path / "company.toml").write_text('name = "Acme"\nhours = "Mon 09:00-10:00"\n[voice]\nhints = "x"\n', "utf-8")
    found = await lines.of({"COMPANY_FILE": "company.toml", "HUMAN_TRANSFER_NUMBER": "+15550007777"})
    assert (lines.code, found["company"]) == (0, ("ok", "Acme, hours"))
    assert "hints=x" in found["voice"][1]
    assert found["a person"] == ("ok", "callers are put through to …7777, Mon 09:00-10:00 (UTC)")
    (tmp_path / "company.toml").write_text("name = Acme\n", "utf-8")
    found = await lines.of({"COMPANY_FILE": "company.toml"})
    assert (lines.code, found["company"]) == (1, ("problem", "company.toml, line 1: Invalid value."))


def test_what_reaches_the_built_in_agent_alone_is_noticed() -> None:
    settings = load_settings({"INSTRUCTIONS_FILE": "more.md", "AGENT_PATH": "a:b"}, env_file=None)
    assert settings.notices == ("INSTRUCTIONS_FILE is for the built-in agent and changes nothing with AGENT_PATH.",)
