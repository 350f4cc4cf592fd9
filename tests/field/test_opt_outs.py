"""Met in the field, "Stopping": whoever wants no more texts gets none, however they spell it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tandem.conversation import phrases
from tandem.conversation.opt_out import asks_to_stop, may_ask_to_stop
from tandem.conversation.translations import load_translations
from tandem.model import Channel

from ..flows.test_voice import committed, dial, echo
from ..kit.gateway import JOHN, OURS, Running, running
from ..kit.model_server import Answer, ModelServer
from ..kit.tables import each
from .test_stopping_machines_floods import exchange

pytestmark = pytest.mark.promise("F2", "F6")

WORDS = load_translations()
TEXTED = (Channel.RCS, Channel.SMS, Channel.WHATSAPP)
SPELLED = [
    "S.T.O.P.", "ＳＴＯＰ", "s t o p", "S-T-O-P", "STOP!!!", "stop.", "Stoooop", "𝐒𝐓𝐎𝐏", "STO\u200bP",
    "s.t.o.p. texting me",    "QUIT.", "Unsubscribe!", "Unsuscribe", "unsubcribe", "End.", "opt me out",
    "remove my number", "take me off your list", "take my number off the list", "lose my number",
    "cancel all messages", "cancel my messages", "stop texting me", "unsubscribe me", "do not contact me",
    "Hi there, please do not contact me again", "dont msg me anymore", "I want you to stop texting me",
    "🛑", "🛑🛑", "ST0P", "<b>STOP</b>", "$TOP",
    # Found by trying, not reported.
    "Wrong person, stop texting me", "I never signed up for this. Unsubscribe", "Stop2End", "please delete my number",
    "Who is this? Stop texting me.", "Not interested, remove me from your list", "stop texting me and refund my order",
    "Please opt me out of all future texts", "🇸🇹🇴🇵", "🆂🆃🅾🅿", "ЅТОР", "<p>Please unsubscribe me.</p>", "5T0P!!",
    "stop texting me you're annoying", "Stop texting me or I'll report you", "stop texting me I’m not Bob",
    "Reply STOP", "text stop", "please stop messaging me this is harassment", "stop contacting me you creeps",
    "Reply \"STOP\"",
    # Plain words, signatures and quotes around them.
    "opt out", "Opt-out.", "STOP ALL", "stop all messages", "Please stop texting me!", "Stop sending me texts",
    "don't text me anymore", "Do not message me again.", "no more texts please", "please unsubscribe me from this list",
    "I no longer want texts", "I want to opt out", "i would like to opt out of all messages", "\u201cStop\u201d",
    "Stop stop stop", "leave me alone", "STOP 🛑", "STOP. Sent from my iPhone", "stop - John Doe",
    "wrong number, stop texting me", "Remove me", "stop texting this number", "UNSUBSCRIBE ALL",
    "Can you stop texting me?", "could you please stop sending me messages", "I want to stop receiving messages",
    "STOP\n\nSent from my iPhone", "Stop\n--\nJohn Doe\nAcme Ltd, 12 Main St", "STOP\nJohn Doe", "stop\n- John",
    "unsubscribe\nBest regards,\nJohn Doe\n+1 555 123 4567", "Stop texting me\nJ. Doe",
    "OPT OUT ALL", "I withdraw consent", "I revoke all consent.", "Please STOP all communications",
    "STOP❤️", "*STOP*", "stop\u200f",
]  # fmt: skip
FOREIGN = {
    "fr": [
        "je ne veux plus recevoir de SMS",
        "Arrêtez de m'écrire",
        "ARRÊT",
        "ARRET SMS",
        "arret",
        "Arrêtez",
        "ARRETE",
        "désabonnez-moi",
        "plus de messages",
        "Arrêtez de m'embêter !",
        "laissez-moi tranquille",
        "Retirez-moi de votre liste",
        "ne m'envoyez plus de SMS",
        "Supprimez mon numéro svp",
    ],
    "es": [
        "ya no quiero recibir mensajes",
        "cancelar suscripción",
        "baja",
        "BAJA",
        "quiero darme de baja",
        "no más mensajes",
        "FIN",
        "dejen de molestar",
        "¡Dejen de escribirme ya no me interesa, dejen de molestarme!",
        "no me escriban más",
        "sáquenme de su lista",
        "dejen de mandar mensajes",
        "Borren mi número por favor",
    ],
    "de": [
        "Kein Interesse, bitte keine SMS mehr",
        "Abmeldung",
        "Bitte löschen Sie meine Nummer",
        "stopp",
        "Abmelden",
        "keine SMS mehr",
        "Hört auf mir zu schreiben!",
        "Lasst mich in Ruhe",
        "Schreiben Sie mir nicht mehr",
        "Bitte streichen Sie mich von Ihrer Liste",
    ],
    "pt": [
        "não envie mais mensagens",
        "sair",
        "não quero mais mensagens",
        "parar de enviar mensagens",
        "Sair da lista",
        "Parem de me incomodar",
        "não quero mais receber mensagens",
        "pare de me mandar mensagem",
        "Número errado, me tirem dessa lista",
    ],
    "nl": ["Laat me met rust", "stuur me geen berichten meer"],
    "sv": ["avsluta"],
    "id": ["berhenti kirim sms"],
    "tr": ["beni rahatsız etmeyin"],
    "vi": ["đừng nhắn tin cho tôi nữa"],
    "it": ["non inviatemi più messaggi", "disiscrivimi", "basta messaggi", "smettetela di scrivermi"],
    "ru": ["СТОП", "Стоп!", "не пишите мне больше", "Хватит писать", "оставьте меня в покое"],
    "pl": ["nie pisz do mnie", "Przestańcie do mnie pisać"],
    "zh": ["退订回T", "停止", "退订", "TD", "不要再发短信了", "请不要再打扰我", "停止发送短信"],
    "ja": ["配信を停止してください", "配信停止", "やめて", "もうやめてください", "連絡しないで"],
    "ko": ["그만 보내세요", "중지", "수신거부", "그만해주세요", "연락하지 마세요"],
    "hi": ["बंद करो", "मैसेज मत भेजो"],
    "ar": ["إيقاف"],
    "he": ["הסר"],
    "el": ["ΣΤΟΠ"],
}


@each("text", SPELLED)
async def test_a_wish_is_understood_however_it_is_spelled_and_confirmed_once(it: Running, text: str) -> None:
    model = it.another(echo)
    assert await exchange(it, [text, "hello?", text]) == [phrases.OPTED_OUT]
    assert (await it.conversation()).opted_out == (Channel.SMS,)
    assert model.requests == []


@each(("language", "text"), [(one, text) for one, texts in FOREIGN.items() for text in texts])
async def test_a_wish_in_another_language_is_confirmed_in_it_where_it_has_sentences(
    it: Running, language: str, text: str
) -> None:
    it.another(echo)
    assert await exchange(it, [text, "hello?"]) == [WORDS.say(phrases.OPTED_OUT, language).text]
    assert (await it.conversation()).opted_out == (Channel.SMS,)
    assert asks_to_stop(text) == language


async def test_the_way_back_and_the_way_out_are_told_in_the_language_of_the_words(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer(echo)) as it:
        heard = await exchange(it, ["baja", "alta", "basta ya"])
    told = [WORDS.say(one, "es").text for one in (phrases.OPTED_OUT, phrases.OPTED_IN, phrases.HOW_TO_STOP)]
    assert heard == [*told[:2], "You said: basta ya", told[2]]


SPOKEN = [
    ("stop texting me", True), ("Please stop sending me text messages.", True), ("no más mensajes", True),
    ("I don't want any more messages", True), ("unsubscribe me from these texts", True),
    ("stop", False), ("stop it", False), ("stop calling me", False), ("leave me alone", False),
    ("did you stop texting me", False), ("stop texting me the wrong order", False),
]  # fmt: skip


@each(("said", "wished"), SPOKEN)
async def test_a_caller_who_wants_no_more_texts_gets_none_and_is_told(it: Running, said: str, wished: bool) -> None:
    model = it.another(echo)
    async with dial(it) as call:
        told = await call.ask(said)
        conversation = await committed(it, 1)
        assert (await exchange(it, ["START", "hello"]))[-1] == "You said: hello"
    assert told == (phrases.NO_MORE_TEXTS if wished else f"You said: {said}")
    assert sorted(conversation.opted_out) == (sorted(TEXTED) if wished else [])
    assert len(model.requests) == (1 if wished else 3)


@pytest.mark.parametrize("to", ["me", JOHN])
async def test_a_caller_who_wants_no_more_texts_is_promised_none(tmp_path: Path, to: str) -> None:
    calls = [("send_sms", {"to": to, "message": "The link"})]
    answers = iter([Answer(calls=calls), Answer("I cannot text you."), Answer(calls=calls)])
    model = ModelServer(lambda _: next(answers, Answer("I have texted it.")))
    async with running(tmp_path, model) as it:
        assert await exchange(it, ["STOP"]) == []
        async with dial(it) as call:
            assert await call.ask("text me the link") == "I cannot text you."
            await committed(it, 1)
        assert await exchange(it, ["START", "text me the link"]) == ["The link", "I have texted it."]
    assert "Nothing was sent" in str(model.inputs[1][-1]["output"])
    assert ["Promise no text" in str(given) for given in model.inputs] == [True, True, False, False]


async def test_a_caller_without_a_number_opts_no_one_out(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer(echo)) as it:
        async with it.twilio.call("anonymous", to=OURS, chars_per_second=1e6) as call:
            assert await call.ask("stop texting me") == "You said: stop texting me"
        assert await it.ask("hello") == "You said: hello"


@each("text", ["S.T.O.P.", "ＳＴＯＰ", "remove my number", "🛑", "ST0P"])
async def test_on_whatsapp_it_is_understood_too(it: Running, text: str) -> None:
    it.another(echo)
    assert await exchange(it, [text, "hm?"], f"whatsapp:{it.who}", f"whatsapp:{OURS}") == [phrases.OPTED_OUT]


UNSURE = ["please stop", "STOP PLEASE", "can you stop?", "stop it", "cancel everything", "go away", "no texts",
          "I said stop", "stop calling me", "Stop!!! I mean it", "I need you to stop",
          "Nope, stop", "thanks but stop", "stop sending me this", "how do I stop these texts?", "How do I opt out?",
          "how do I stop receiving texts?",
          "Stop promotions", "STOP MARKETING", "no more ads", "opt out of marketing", "unsubscribe from promotions",
          "Detener promociones", "Arrêter les promotions", "Keine Werbung", "Parar promoções", "Interrompi promozioni",
          "parar", "cancelar", "alto", "🚫", "✋", "aufhören", "annuler", "rezygnuję"]  # fmt: skip


@each("text", UNSURE)
async def test_who_may_want_no_more_texts_is_answered_and_told_the_way(it: Running, text: str) -> None:
    it.another(echo)
    heard = await exchange(it, [text])
    assert heard == [f"You said: {text}", WORDS.say(phrases.HOW_TO_STOP, may_ask_to_stop(text) or "").text]
    assert (await it.conversation()).opted_out == ()
    assert await exchange(it, ["STOP", "hello?"]) == heard


OTHER = [
    "Liked “If you want no more texts from us, reply STOP.”", "Disliked “Reply STOP to unsubscribe”",
    "👍 to “You will get no more texts from us here.”", "Reacted 👍 to “Reply STOP to end these messages”",
    "please stop the refund", "stop by tomorrow?", "cancel all my orders", "is there a bus stop", "cancel my order",
    "cancel the message to Bob", "remove my number from order 12345", "stop order 12345", "don't bother", "full stop",
    "the end", "no", "I don't want you to stop texting me",
    "please cancel it", "ok, cancel that", "end of message", "baja el precio",
    "how do I unsubscribe from the newsletter?", "a b c",
    "5 stops", "top 0", "thanks ✋", "我的包裹停止了吗", "не пишите на коробке", "$5", "the fin", "St. Op", "100",
    "If I reply STOP, will you stop texting me?", "no more text, please just the logo",
    "Cancel it, and stop the refund",
    "my husband asked, did you stop texting me?", "I contacted you. No answer. Do not contact FedEx",
    "how do I stop my subscription", "stop the order", 'The text says "Reply STOP to end"', "it said reply stop",
    "I replied STOP and still got this order", "reply stop to what", "stop texting me your codes by WhatsApp",
    "don't text me because I'm driving", "stop texting my wife", "send stop watch", "dejen el paquete en la puerta",
    "dejen de molestar a mi vecino", "dejen de cobrarme", "no me escriban el nombre", "borren mi pedido",
    "salir de casa", "sair da loja", "quero sair mais cedo", "parar de enviar o pedido 12345", "me tirem uma dúvida",
    "listas de precios", "laissez-moi un message", "retirez-moi du panier", "Lasst mich rein",
    "Schreiben Sie mir nicht mehr als das",
    "注文をやめて", "やめておきます", "停止发货", "그만두면 어떻게 되나요", "хватит ли денег", "मत भेजो अभी",
    "stop promotions code", "no promo code works", "is the promotion over?",
    "my parcel has stopped moving", "stopwatch", "Arrêt de bus?", "I need a start date",
    "stop sending the wrong size", "stop by your shop", "stop the refund, I changed my mind",
    "how do I stop the washing machine?", "I want to opt out of the warranty plan", "Stop - I have a question",
    "Stop\nI have one more question", "Cancel\nJohn", "don't text me the code, email it",
    "my order should stop at my neighbour", "can you take me off the waiting list for order 12345?",
]  # fmt: skip


@each("text", OTHER)
def test_what_only_sounds_like_it_is_none(text: str) -> None:
    assert (asks_to_stop(text), may_ask_to_stop(text)) == (None, None)


async def test_what_only_sounds_like_it_reaches_the_agent_alone(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer(echo), RATE_LIMIT_PER_MINUTE="0") as it:
        texts = OTHER[:4] + OTHER[-4:]
        assert await exchange(it, texts) == [f"You said: {text}" for text in texts]


BACK = [
    "Start.",
    "ｓｔａｒｔ",
    "s t a r t",
    "UNSTOP!",
    "alta",
    "opt in",
    "opt me back in",
    "resubscribe",
    "text me again",
]


@each("text", BACK)
async def test_the_way_back_is_found_however_it_is_spelled(it: Running, text: str) -> None:
    it.another(echo)
    heard = await exchange(it, ["stop texting me", text, "hello"])
    assert (await it.conversation()).opted_out == ()
    told = WORDS.say(phrases.OPTED_IN, "es" if text == "alta" else "en").text
    assert heard == [phrases.OPTED_OUT, told, "You said: hello"]


@each("text", ["starting tomorrow", "start a return", "subscribe to socks", "what is new?"])
async def test_what_only_sounds_like_the_way_back_is_none(it: Running, text: str) -> None:
    it.another(echo)
    assert await exchange(it, ["stop texting me", text]) == [phrases.OPTED_OUT]
    assert (await it.conversation()).opted_out == (Channel.SMS,)
