"""Fixed sentences in the languages of callers: each language has all of them, whatever has none is told in English."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tandem
from tandem.channels.voice.call_language import CallLanguage
from tandem.channels.voice.voice_options import LanguageOptions, VoiceOptions
from tandem.conversation import phrases
from tandem.conversation.translations import OPTIONAL, SPOKEN, Phrase, Translations, load_translations
from tandem.errors import ConfigurationError
from tandem.model import ApprovalStatus
from tandem.settings import load_settings

from ...kit.tables import each

pytestmark = pytest.mark.promise("V22")

SHIPPED = ("es", "fr", "de", "pt")
ALL = load_translations()
DUTCH = "\n".join(f'{name} = "zin {name}"' for name in SPOKEN)


def english(name: str) -> str:
    return str(getattr(phrases, name))


@each("language", SHIPPED)
@each("name", [*SPOKEN, *OPTIONAL])
def test_each_language_has_all_sentences(language: str, name: str) -> None:
    text, spoken = ALL.say(english(name), f"{language}-XX")
    assert (spoken, text.strip() == text, text != english(name)) == (language, True, True)


@each("language", SHIPPED)
def test_no_two_sentences_of_a_language_are_the_same(language: str) -> None:
    assert len({ALL.say(english(name), language).text for name in SPOKEN}) == len(SPOKEN)


def test_whatever_a_call_says_has_its_name_among_them() -> None:
    folder = Path(str(tandem.__file__)).parent / "channels/voice"
    said = {name for path in folder.glob("*.py") for name in re.findall(r"phrases\.([A-Z_]+)", path.read_text("utf-8"))}
    assert len(said) > 10
    assert said - set(SPOKEN) == set()


TEXTED = {"PICTURE", "FILE", "SLOWER", "REPEATED", "RATING", "RATED"}
"""Sentences that only an answer to a text has; texts have no language of their own."""


def test_every_fixed_sentence_is_one_that_callers_hear_in_their_language_or_one_for_texts() -> None:
    sentences = {name for name, value in vars(phrases).items() if name.isupper() and isinstance(value, str)}
    assert {name for name in sentences if not name.startswith("_")} == {*SPOKEN, *OPTIONAL, *TEXTED}


@each("language", SHIPPED)
@each("status", phrases.OUTCOMES)
def test_what_became_of_a_request_is_told_in_each_language(language: str, status: ApprovalStatus) -> None:
    told = " ".join(ALL.say(one, language).text for one in (phrases.OUTCOMES[status], phrases.REASON))
    assert set(told.split()).isdisjoint({"your", "request", "Your", "Reason:"})


def test_what_has_no_words_is_told_in_english() -> None:
    assert ALL.say(phrases.STILL_THERE, "nl-NL") == Phrase(phrases.STILL_THERE, "en")
    assert ALL.say("Your order has shipped.", "es") == Phrase("Your order has shipped.", "en")


def test_a_caller_is_greeted_by_name_in_each_language() -> None:
    hellos = [phrases.greeting("Anna Smith", ALL.say(phrases.GREETING, one).text) for one in ("en", *SHIPPED)]
    assert [hello.partition("Anna")[0] for hello in hellos] == ["Hello ", "¡Hola ", "Bonjour ", "Guten Tag ", "Olá "]
    assert hellos[2].startswith("Bonjour Anna ! Je suis")
    assert phrases.greeting("Anna", "Welcome to Acme.") == "Welcome to Acme."


def test_further_languages_are_files_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "nl.toml").write_text(DUTCH, encoding="utf-8")
    settings = load_settings({"PHRASES_DIR": str(tmp_path)}, env_file=None)
    found = load_translations(settings.phrases_dir)
    assert found.languages == {"en", "nl", *SHIPPED}
    assert found.say(phrases.STILL_THERE, "nl-BE") == Phrase("zin STILL_THERE", "nl")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (DUTCH.replace("MOVING", "MOVED"), "nl.toml lacks MOVING."),
        (DUTCH.replace("MOVING", "MOVED"), "nl.toml has MOVED, which is none of ours."),
        (DUTCH.replace('"zin HELD"', '" "'), "nl.toml has no words for HELD."),
        (DUTCH.replace('"zin HELD"', "3"), "nl.toml has no words for HELD."),
        ("x", "nl.toml is no TOML"),
    ],
)
def test_a_file_that_is_not_complete_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "nl.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as raised:
        load_translations(tmp_path)
    assert any(one.startswith(f"PHRASES_DIR: {reason}") for one in raised.value.problems)


def test_a_folder_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        load_translations(tmp_path / "none")


# --- the language of a call ---------------------------------------------------------------------------------


def spoken(*codes: str, **options: str) -> CallLanguage:
    return CallLanguage(VoiceOptions(languages=tuple(LanguageOptions(code=code) for code in codes), **options), ALL)


def test_a_line_speaks_its_own_language_from_the_beginning() -> None:
    line = spoken(language="de-DE")
    assert line.say(phrases.STILL_THERE) == Phrase("Sind Sie noch da?", "de")
    assert (line.tag(), line.hear("de-DE")) == (None, "de-DE")


def test_plain_english_is_nothing_to_tell_the_agent_and_the_way_back_to_it_is() -> None:
    line = spoken(language="multi")
    assert [line.hear(one) for one in ("en", "es", "es", "en", "en", "")] == ["", "es", "es", "en", "", ""]


@each(
    ("line", "heard", "tag"),
    [
        (spoken(), "en-US", None),
        (spoken(language="multi"), "es", None),  # a voice of all languages finds out by itself
        (spoken("es-MX", "fr-FR", language="multi"), "es", "es-MX"),
        (spoken(tts_language="en-US", transcription_language="multi"), "pt", "pt-BR"),
        (spoken("fr-CA", tts_language="en-US", transcription_language="multi"), "fr", "fr-CA"),
        (spoken(tts_language="en-US", transcription_language="multi"), "en", None),
    ],
)
def test_a_text_names_its_language_where_the_voice_would_take_another(line: CallLanguage, heard: str, tag: str) -> None:
    line.hear(heard)
    assert line.tag() == tag


def test_an_english_sentence_to_a_caller_without_any_is_spoken_as_english() -> None:
    line = CallLanguage(VoiceOptions(language="nl-NL"), Translations({}))
    phrase = line.say(phrases.ONE_MOMENT)
    assert (phrase.text, line.tag(phrase.language)) == (phrases.ONE_MOMENT, "en-US")
