"""The voice of a turn says what passes its filter, and nothing once nobody listens."""

from tandem.conversation.speech_stream import SpeechStream
from tandem.model import SubjectId


def voice() -> tuple[SpeechStream, list[str]]:
    sent: list[str] = []
    speech = SpeechStream(SubjectId("s"), sent.append, lambda: sent.append("<end>"), first_token_timeout=1)
    return speech, sent


def test_what_is_held_back_goes_out_before_the_end() -> None:
    speech, sent = voice()
    speech.say("The number is 4567")
    speech.finish()
    assert sent == ["The number is ", "4567", "<end>"]
    assert speech.said == "The number is 4567"


def test_what_is_held_back_goes_out_in_a_pause_and_more_may_follow() -> None:
    speech, sent = voice()
    speech.say("Order 4567")
    speech.pause()
    speech.say(" is sold.")
    assert sent == ["Order ", "4567", " is sold."]


def test_what_is_held_back_counts_as_begun() -> None:
    speech, sent = voice()
    assert not speech.begun
    speech.say("One")
    assert speech.begun
    assert sent == []


def test_said_is_what_went_out_and_not_what_the_model_wrote() -> None:
    speech, sent = voice()
    speech.say("It is 4111 1111 1111 1111, damn")
    speech.finish()
    assert speech.said == "".join(sent[:-1]) == "It is [card number removed, ends in 1111], very"
    assert (speech.filter.found, speech.filter.replaced) == (("card",), ("damn",))


def test_an_interruption_drops_what_is_held_back() -> None:
    speech, sent = voice()
    speech.say("It is 4111 1111")
    speech.interrupt("It")
    speech.say(" and more")
    speech.finish()
    assert sent == ["It is "]


def test_a_lost_call_drops_what_is_held_back() -> None:
    speech, sent = voice()
    speech.say("It is 4111 1111")
    speech.lose("It", back=False)
    speech.finish()
    assert sent == ["It is "]


def test_markup_is_not_said_however_it_is_cut() -> None:
    speech, sent = voice()
    for token in ("*", "*Hi** [tr", "ack](https://x", ".example) ", "🎉 you", "."):
        speech.say(token)
    speech.finish()
    assert "".join(sent[:-1]) == speech.said == "Hi track you."
