"""Wishes to get no more texts, and to get them again: the carriers' words and plain language. Pure.

Carriers act on their words themselves, for SMS, and confirm them; for RCS the provider says so. Elsewhere those words
are words: "cancel" answers "keep or cancel?". What carriers do not understand, such as "stop texting me", "S.T.O.P." or
"ARRÊT", is confirmed by us, once, in the language of its words. Plain "stop" and "unsubscribe" are that wish on every
channel. What may be it, such as "please stop", goes to the agent, and the way is told beside its answer.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ..entries import TextReceived
from ..model import Channel

STOP_WORDS = frozenset({"stop", "stopall", "unsubscribe", "end", "quit", "revoke", "optout", "cancel"})
"""twilio.com/docs/messaging/tutorials/advanced-opt-out: Twilio answers these itself, and blocks what is sent later."""
START_WORDS = frozenset({"start", "unstop"})
AGREEING_WORDS = frozenset({"yes"})
"""Lift an opt-out where there is one; otherwise they are an answer like any other. A carrier's word, too."""
_LIKE_END: Final = {"fin": "es"}
"""What stands for END in other languages, and by SMS alone, as END does."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Wish to get no more texts (``out``), or to get them again; ``confirmed`` when nobody has to be told of it."""

    out: bool
    confirmed: bool
    language: str = "en"


def read_wish(body: TextReceived, *, opted_out: bool) -> Wish | None:
    """Return the wish that a text is, or None; without an opt-out nothing is to be started again."""
    word = body.text.strip().lower()
    by_carrier = body.route.channel is Channel.SMS
    if body.opt_out == "STOP" or (by_carrier and word in STOP_WORDS):
        return Wish(out=True, confirmed=True)
    if language := asks_to_stop(body.text, by_sms=by_carrier):
        return Wish(out=True, confirmed=opted_out, language=language)
    if not opted_out:
        return None
    if body.opt_out == "START" or (by_carrier and word in START_WORDS):
        return Wish(out=False, confirmed=True)
    starts = _plain(body.text)
    if by_carrier and starts in AGREEING_WORDS:
        return Wish(out=False, confirmed=True)
    language = _language(_RETURN, starts)
    return Wish(out=False, confirmed=False, language=language) if language else None


_TEXTS = r"(?:te?xts?|text messages?|te?xting|messages?|messaging|msgs?|sms|spam|notifications?)"
_ANY = r"(?: (?:any|all|more|future|further|these|those|the|your|such|so many|of))*"
_WHOM = r"(?: me| us| (?:this|my)(?: phone| cell| mobile)? number)"
_NUMBER = r"(?:me|us|my(?: phone| cell| mobile)? number|this number)"
_UNSUBSCRIBE = r"unsu[bs]{1,3}c?ribe"
_WISHES: Final[Mapping[str, tuple[str, ...]]] = {
    "en": (
        r"stop(?: stop)*(?: all(?: communications?| contact)?| everything| it all)?|stop ?all|leave me alone",
        r"(?:(?:reply|text|send|type)(?: with)? )?stop(?: ?(?:2|to) ?(?:end|quit|stop|cancel|opt ?out|unsubscribe))?",
        rf"(?:stop|quit|cease|end)(?: all)? (?:te?xting|messaging|spamming|contacting|bothering){_WHOM}?",
        rf"(?:stop|quit) (?:sending|writing)(?: to)?{_WHOM}?{_ANY} {_TEXTS}",
        rf"stop(?: receiving| getting)?{_ANY} {_TEXTS}|(?:stop|quit) writing(?: to)?{_WHOM}",
        r"(?:cancel|end|quit|revoke)(?: (?:all|any|more|these|those|the|your|my|future|of))*"
        r" (?:te?xts|text messages|te?xting|messages|messaging|msgs|sms|notifications)",
        rf"(?:do not|don't|dont|never) (?:text|txt|message|msg|contact|bother|spam|sms|write|write to){_WHOM}",
        rf"(?:do not|don't|dont|never) send{_WHOM}?{_ANY} {_TEXTS}",
        rf"(?:do not|don't|dont|no longer) (?:want|wish|need)(?: to (?:get|receive|have))?{_ANY} {_TEXTS}",
        rf"no more {_TEXTS}(?: to{_WHOM})?|(?:revoke|withdraw)(?: my| all)* consent",
        rf"opt(?: ?(?:me|us))? ?out(?: all| (?:of|from)(?: this)?{_ANY} (?:{_TEXTS}|list))?",
        rf"(?:unsub|{_UNSUBSCRIBE}){_WHOM}?(?:(?: from)? all)?",
        rf"{_UNSUBSCRIBE}{_WHOM}?(?: (?:of|from)(?: this)?{_ANY}(?: mailing| text)? (?:{_TEXTS}|list|service|number))?",
        rf"(?:remove|lose|delete) {_NUMBER}|take {_NUMBER} off",
        rf"(?:take|remove|delete) {_NUMBER} (?:off|from)(?: of)?(?: this| the| that| your| all)*"
        rf"(?: mailing| texting| text| contact| sms)? (?:{_TEXTS}|lists?|system|database)",
    ),
    "fr": (  # what Twilio blocks for French (docs/proxy/opt-out-keywords), and its neighbours
        r"arret(?:t|e|ez|er)?(?: tout| (?:les )?(?:sms|textos?))?",
        r"(?:me )?(?:desabonner|desinscrire)|(?:desabonnez|desinscrivez) moi|desabonnement|desinscription",
        r"(?:je (?:ne )?(?:veux|souhaite) )?(?:ne )?plus (?:recevoir )?(?:de|vos) (?:messages?|textos?|sms)",
        r"arretez? (?:de m'envoyer|d'envoyer)(?: des| vos| ces| les)? (?:messages?|textos?|sms)|stop (?:sms|textos?)"
        r"|(?:arretez?|cessez) de m'(?:ecrire|embeter|importuner)|(?:laissez|fichez) moi (?:tranquille|la paix)"
        r"|ne m'(?:ecrivez|envoyez) plus(?: (?:rien|de (?:messages?|textos?|sms)))?"
        r"|(?:retirez|enlevez|supprimez|effacez)(?: moi de (?:la|votre|cette) liste| mon numero)",
    ),
    "es": (
        r"cancelar (?:mi )?suscripcion",
        r"baja|(?:(?:quiero|quisiera|deseo) )?dar(?:me|nos) de baja|(?:deme|denme|dame) de baja|desuscribir(?:me)?",
        r"(?:ya )?no(?: quiero| deseo)?(?: recibir)? mas (?:mensajes|textos|sms)"
        r"|ya no (?:quiero|deseo) (?:recibir )?(?:mensajes|textos|sms)"
        r"|no me (?:envien?|envies|manden?|mandes)(?: mas)? (?:mensajes|textos|sms)"
        r"|(?:deja[dn]?|dejen|paren?) de (?:(?:enviar|mandar)(?:me|nos)?(?: mas)? (?:mensajes|textos|sms)"
        r"|(?:molestar|escribir|contactar)(?:me|nos)?)|no (?:quiero que )?me (?:escriban?|molesten?)(?: mas)?"
        r"|(?:saquen|quiten|borren|eliminen|saca|quita)me de (?:la|su|esta) lista|salir de (?:la|esta) lista"
        r"|(?:borren?|eliminen?|quiten?|borrar|eliminar) mi numero",
    ),
    "de": (
        r"stopp|abmeld(?:en|ung)|abbestellen|austragen|(?:bitte )?keine (?:weiteren )?(?:nachrichten|sms|werbung) mehr",
        r"losch(?:en sie|t|e) meine nummer|meine nummer loschen|(?:hort|horen sie|hor) auf mir zu schreiben",
        r"schreib(?:t|en sie|e)? mir nicht(?: mehr)?|mir nicht mehr schreiben|(?:lasst|lassen sie|lass) mich in ruhe",
        r"(?:nehmt|nehmen sie|streicht|streichen sie|loscht) mich (?:von|aus) (?:der|eurer|ihrer) liste",
    ),
    "pt": (
        r"(?:quero )?sair(?: d(?:a|es[st]a) lista)?|descadastrar|descadastre(?: me)?|cancelar (?:a |minha )?inscricao",
        r"(?:nao quero(?: mais)?(?: receber)?(?: mais)?|(?:par(?:em?|ar)|deixem?) de (?:me )?(?:enviar|mandar)(?: me)?"
        r"|nao (?:me )?(?:envie|mande)m?(?: me)? mais) (?:mensage(?:m|ns)|sms|textos?)",
        r"(?:parem?|deixem?) de (?:me )?(?:incomodar|escrever|perturbar)(?: me)?|nao me (?:incomode|escreva|perturbe)m?"
        r"(?: mais)?|me (?:tirem?|removam?|exclua?m?) d(?:a|es[st]a) lista|(?:remov|apag)(?:am?|uem?|er|ar) meu numero",
    ),
    "it": (
        r"disiscriv(?:imi|ermi|iti)|cancella(?:te)?mi(?: dalla lista)?|toglietemi dalla lista"
        r"|smettetela(?: di scrivermi)?|lasciatemi in pace|(?:non voglio piu|niente|basta) (?:messaggi|sms)"
        r"|non (?:mi )?(?:scrivete(?:mi)?|(?:inviate|mandate)(?:mi)?) piu(?: messaggi| sms)?",
    ),
    "nl": (
        r"afmelden|uitschrijven|(?:stuur (?:me|mij) )?geen (?:sms|sms'jes|berichten) meer|stop met (?:sms'en|berichten)"
        r"|laat (?:me|mij) met rust|haal (?:me|mij) van de lijst",
    ),
    "sv": (r"avsluta|sluta (?:skicka )?(?:sms|smsa|meddelanden)|inga fler (?:sms|meddelanden)|lamna mig i ?fred",),
    "id": (r"berhenti(?: (?:mengirim|kirim) (?:pesan|sms))?|jangan (?:kirim sms|hubungi saya)(?: lagi)?",),
    "pl": (
        r"wypisz(?: mnie)?|(?:prosze )?(?:mnie )?wypisac(?: mnie)?|nie pisz(?:cie)? do mnie|"
        r"nie chce wiecej (?:wiadomosci|sms(?:ow)?)|przestan(?:cie)?(?: do mnie)? pisac|usun(?:cie)? moj numer",
    ),
    "ru": (
        r"стоп|отпис(?:ка|аться)|отпишите(?: меня)?|(?:больше )?не пишите(?: мне)?(?: больше)?",
        r"(?:больше )?не присылайте(?: мне)?(?: больше)? (?:смс|сообщени[ея])|хватит (?:мне )?писать|отстаньте"
        r"|(?:прекратите|перестаньте)(?: мне)? писать|не беспокойте меня|оставьте меня в покое|удалите мой номер",
    ),
    "el": ("στοπ|διαγραφη",),
    "tr": (r"durdur|beni rahatsız etmeyin|abonelikten cik(?:ar)?|(?:artik )?mesaj (?:atma|gonderme)(?:yin)?",),
    "ar": ("توقف|ايقاف|الغاء الاشتراك",),
    "he": ("הסר|הסרה|הסירו אותי",),
    "hi": ("बंद(?: करो| करें)?|रोको|(?:मैसेज|संदेश) मत (?:भेजो|भेजें)|परेशान मत करो",),
    "th": ("หยุด|ยกเลิกการรับข้อความ",),
    "vi": ("dừng|huỷ đăng ký|hủy đăng ký|đừng nhắn tin(?: cho tôi)?(?: nữa)?",),
    "zh": (
        "停止(?:发送)?(?:短信|消息)?|退订(?:回t)?|退訂|取消订阅|取消訂閱|td|(?:请|請)?(?:不要|别|別|勿)再?打扰我?了?",
        "(?:请|請)?(?:不要|别|別|勿)(?:再(?:给我|給我)?(?:发|發)|(?:给我|給我)?(?:发|發)(?=短|消息))(?:短信|短訊|消息)?了?",
    ),
    "ja": (
        "停止|配信を?停止(?:してください)?|配信解除",
        "(?:もう|メッセージを)*(?:送らないで|連絡しないで|やめて)(?:ください)?",
    ),
    "ko": (
        "중지|수신 ?거부|문자 ?(?:중지|거부)",
        "(?:문자 ?)?(?:그만 보내|(?:보내|연락하)지 ?마|그만해)(?:세요|줘|라| ?주세요)?",
    ),
}
"""Wishes to get no more texts, by the language of the words; each is the whole of a text."""
_BEFORE = (
    r"(?:(?:can|could|would|will) (?:you|u) |please |pls |just |wrong number |want to |(?:hi|hello|hey)(?: there)? "
    r"|(?:ok|okay|no|nope|nah|sorry|thanks|thank you|so)(?: but)? "
    r"|por favor |s'il vous plait |bitte |i(?: want| would like|'d like| wish| need)?(?: you)?(?: to)? )"
)
_AFTER = (
    r"(?: (?:please|pls|now|immediately|at once|again|any ?more|ever|thanks|thank you"
    r"|por favor|merci|gracias|danke|svp|bitte))*"
)
_BARE: Final[Mapping[str, tuple[str, ...]]] = {
    "en": (
        rf"{_BEFORE}+(?:stop|end|quit)(?: (?:stop|it|that|this|everything|all))*{_AFTER}"
        rf"|(?:stop|end|quit)(?: (?:stop|it|that|this))*(?: (?:please|pls|now|it|that|this))+"
        rf"|no {_TEXTS}|(?:do not|don't|dont) (?:te?xt|message|contact|sms|write)|no more|go away"
        r"|i (?:said|told you to|asked you to) stop|stop (?:already|i mean it|i said)"
        r"|stop (?:calling|phoning|ringing)(?: me)?|cancel (?:everything|all(?: of it)?)"
        rf"|stop sending(?:{_WHOM})? (?:this|these|those|that|them|it|stuff)"
        r"|how (?:do|can|to)(?: i)? (?:stop|opt out|unsubscribe)"
        rf"(?: (?:of|from|getting|receiving))*(?:{_ANY} {_TEXTS})?",
        rf"(?:stop|no|no more|cancel|opt out of|{_UNSUBSCRIBE} from){_ANY} (?:promo\w*|marketing|ads?)(?: {_TEXTS})?",
    ),
    "es": (r"(?:parar|detener|no mas) promociones|parar|pare|alto|detener|detenganse?|cancelar|basta(?: ya)?",),
    "fr": (r"annuler|arreter(?: les| la)? (?:promotions|publicites?)",),
    "de": (r"(?:bitte )?(?:aufhoren|keine werbung)|werb(?:ung|eaktionen) (?:stoppen|abbestellen)",),
    "it": ("annulla|(?:interrompi|basta|stop) (?:le )?promozioni",),
    "pt": (r"(?:parar|interromper|cancelar)(?: as| a)? (?:promocoes|publicidade)",),
    "pl": ("rezygnuje",),
    "ko": ("그만",),
}
"""Said to go on differently as often as to get no more texts: the agent answers, and the way is told. So it is with the
button "Stop promotions" of WhatsApp's templates: who wants no advertising may still want an answer."""
_BACK: Final[Mapping[str, tuple[str, ...]]] = {
    "en": (
        rf"(?:start|unstop|(?:re)?subscribe(?: me)?|(?:opt|sign)(?: me| us)?(?: back)? ?in|optin"
        rf"|(?:start|resume)(?: (?:sending|texting|messaging))?(?: me| us)?(?: (?:your|the))?(?: {_TEXTS})?|text me)",
    ),
    "es": (r"alta|dar(?:me|nos) de alta",),
    "fr": ("reprendre",),
    "de": ("anmelden",),
    "ru": ("старт",),
    "zh": ("开始|開始",),
}
_LONGEST, _LONGEST_TOLD = 120, 500


def asks_to_stop(text: str, *, by_sms: bool = True) -> str | None:
    """Return the language in which a text says, and nothing besides, that no more texts are wanted; else None.

    By SMS it may also be a carrier's word that no carrier reads: ``QUIT.``, or ``Ｅｎｄ`` in wide letters.
    """
    said = _plain(_without_signature(text))
    if may_ask_to_stop(text):
        return None
    whole = _plain(text)
    said_apart = (_language(_WISH, part) for part in _parts(text) if _SURELY.search(part))
    carriers = "en" if whole in STOP_WORDS else _LIKE_END.get(whole)
    return _language(_WISH, said) or next(filter(None, said_apart), None) or (carriers if by_sms else None)


def _parts(text: str) -> Iterator[str]:
    """Yield the parts of sentences that ask nothing: "Wrong number, stop texting me" wishes what its end says."""
    for sentence in _SENTENCE.findall(text[:_LONGEST_TOLD]):
        yield from map(_plain, _APART.split(sentence) if "?" not in sentence else ())


def may_ask_to_stop(text: str) -> str | None:
    """Return the language in which a text may mean that no more texts are wanted, or that something else shall end."""
    return _language(_MAY_BE_WISH, _plain(_without_signature(text)))


def asks_to_stop_texts(speech: str) -> bool:
    """Tell whether a caller says that they want no more texts: they name them, as "stop" alone ends other things."""
    said = _plain(speech)
    return asks_to_stop(speech, by_sms=False) is not None and _NAMES_TEXTS.search(said) is not None


def _language(patterns: Mapping[str, re.Pattern[str]], said: str) -> str | None:
    """Return the language whose pattern all of a text fits, or None."""
    fitting = (language for language, pattern in patterns.items() if pattern.fullmatch(said))
    return next(fitting, None) if len(said) <= _LONGEST else None


_SPELLED = re.compile(r"\b\w(?: \w){2,}\b")
_DRAWN_OUT = re.compile(r"(\w)\1{2,}")
_TAG = re.compile(r"</?[a-z][^<>]{0,40}>", re.IGNORECASE)
_PICTURES: Final = {"\U0001f6d1": "stop", "\u26d4": "no more", "\U0001f6ab": "no more", "\u270b": "no more"}
"""What pictures say without any word: the stop sign is one, others may be an answer."""
_AS_LETTERS: Final = {start + at: chr(97 + at) for start in (0x1F150, 0x1F170, 0x1F1E6) for at in range(26)} | {
    ord("$"): "s"
}
"""Letters on coloured grounds, those that flags are made of, and a sign that is put for one."""
_LOOKALIKES: Final = str.maketrans("0135ѕтоерасіυο", "oiesstoepaciuo")
"""Digits, and letters of other alphabets, that are put for the letters of STOP."""


def _plain(text: str) -> str:
    """Return a text's words in small letters of the plain alphabet, without tags, punctuation and pictures.

    Words that were spelled out or drawn out are as they are usually written: ``S.T.O.P.``, ``stoooop``, ``ST0P``.
    """
    words = " ".join(word.strip("'") for word in _folded(_TAG.sub(" ", text)).split())
    words = _SPELLED.sub(lambda found: found[0].replace(" ", ""), words)
    words = _DRAWN_OUT.sub(r"\1", words)
    if not words:
        return next((said for picture, said in _PICTURES.items() if picture in text), "")
    alike = words.translate(_LOOKALIKES)
    return alike if alike in STOP_WORDS | START_WORDS else words


def _folded(text: str) -> str:
    """Return a text in small letters without accents; all that belongs to no word is a blank."""
    letters = unicodedata.normalize("NFKD", text.translate(_AS_LETTERS)).casefold().replace("’", "'")
    return "".join(
        one if one.isalnum() or one == "'" or unicodedata.category(one) in ("Mn", "Mc") else " "
        for one in letters
        if not (unicodedata.combining(one) or unicodedata.category(one) == "Cf" or "\ufe00" <= one <= "\ufe0f")
    )


def _compiled(table: Mapping[str, tuple[str, ...]], before: str = "") -> Mapping[str, re.Pattern[str]]:
    """Return patterns by language, for texts that are :func:`_plain`."""
    return {
        language: re.compile(f"{before}(?:{_without_accents('|'.join(one))}){_AFTER}")
        for language, one in table.items()
    }


def _without_accents(pattern: str) -> str:
    return "".join(one for one in unicodedata.normalize("NFKD", pattern) if not unicodedata.combining(one)).casefold()


_WISH, _MAY_BE_WISH, _RETURN = _compiled(_WISHES, f"{_BEFORE}*"), _compiled(_BARE), _compiled(_BACK, f"{_BEFORE}*")
_SENTENCE: Final = re.compile(r"[^.!?。！？\n]+[.!?。！？\n]*")
_APART: Final = re.compile(
    r"[,;]|\s(?:and|but|so)\s|(?:(?<=\bme)|(?<=\btexts)|(?<=\bmessages))\s+(?=(?:you(?:re)?|u|ur|or (?:i|else)"
    r"|(?:because )?(?:i(?:.?m| am) not|i (?:don.?t|do not|never))|because you|this is|it.?s)\b)",
    re.IGNORECASE,
)
_SURELY: Final = re.compile(
    r"te?xt(?:s|ing| me)|messag|msg|sms|mensaj|mensag|nachricht|bericht|unsu[bs]|\blist[ae]?\b|\bcontact(?:ing)?\b"
    r"|molest|incomod"
)
"""Names what shall end, so that the wish is one among other words too."""
_NAMES_TEXTS: Final = re.compile(r"\b(?:te?xt|messag|msg|sms|mensaje|mensagens|nachricht|messaggi|berichten)")

_SEPARATOR = re.compile(r"\s*(?:-{2,}|_{2,}|—+|–+)\s*")
_SIGNATURE_LINE = re.compile(
    r"[-–—~*\s]*(?:(?i:sent|get|written|von|enviado|envoyé|gesendet)\b.*"
    r"|(?i:(?:best|kind|warm|with kind|many) )?(?i:regards|wishes|thanks|thank you|cheers|sincerely|yours)\b.{0,20}"
    r"|[A-ZÀ-Þ][\w.'’-]*(?: [A-ZÀ-Þ][\w.'’-]*){0,3}"
    r"|[+(\d][\d ().-]{5,}"
    r"|\S+@\S+|(?:https?://|www\.)\S+)[,.!]?\s*"
)  # fmt: skip
_MOST_LINES = 6
_INLINE = re.compile(r"[ \t]+[-–—]+[ \t]*(?=[A-ZÀ-Þ])|[ \t]+(?=(?i:sent|get outlook) )")


def _without_signature(text: str) -> str:
    """Return a text's first line when only a signature stands below it, or behind a dash; else the whole text."""
    apart = _INLINE.sub("\n", text.strip(), count=1)
    first, *below = [line for line in apart.splitlines() if line.strip()] or [""]
    if not below or len(below) > _MOST_LINES:
        return text
    signed = _SEPARATOR.fullmatch(below[0]) or all(map(_SIGNATURE_LINE.fullmatch, below))
    return first if signed else text
