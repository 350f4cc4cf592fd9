"""Wishes to get no more texts, and to get them again: the carriers' words and plain language. Pure.

Carriers act on their words themselves, for SMS, and confirm them; for RCS the provider says so. Elsewhere those words
are words: "cancel" answers "keep or cancel?". What carriers do not understand, such as "stop texting me", "S.T.O.P." or
"ARRÊT", is confirmed by us, once. Plain "stop" and "unsubscribe" are that wish on every channel. What may be it, such
as "please stop", goes to the agent, and the way is told beside its answer.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from ..entries import TextReceived
from ..model import Channel

STOP_WORDS = frozenset({"stop", "stopall", "unsubscribe", "end", "quit", "revoke", "optout", "cancel"})
"""twilio.com/docs/messaging/tutorials/advanced-opt-out: Twilio answers these itself, and blocks what is sent later."""
START_WORDS = frozenset({"start", "unstop"})
AGREEING_WORDS = frozenset({"yes"})
"""Lift an opt-out where there is one; otherwise they are an answer like any other. A carrier's word, too."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Wish to get no more texts (``out``), or to get them again; ``confirmed`` when nobody has to be told of it."""

    out: bool
    confirmed: bool


def read_wish(body: TextReceived, *, opted_out: bool) -> Wish | None:
    """Return the wish that a text is, or None; without an opt-out nothing is to be started again."""
    word = body.text.strip().lower()
    by_carrier = body.route.channel is Channel.SMS
    if body.opt_out == "STOP" or (by_carrier and word in STOP_WORDS):
        return Wish(out=True, confirmed=True)
    if asks_to_stop(body.text, by_sms=by_carrier):
        return Wish(out=True, confirmed=opted_out)
    if not opted_out:
        return None
    if body.opt_out == "START" or (by_carrier and word in START_WORDS):
        return Wish(out=False, confirmed=True)
    starts = _plain(body.text)
    if _BACK.fullmatch(starts) or (by_carrier and starts in AGREEING_WORDS):
        return Wish(out=False, confirmed=by_carrier and starts in AGREEING_WORDS)
    return None


_TEXTS = r"(?:te?xts?|text messages?|te?xting|messages?|messaging|msgs?|sms|spam|notifications?)"
_ANY = r"(?: (?:any|all|more|these|those|the|your|such|so many|of))*"
_WHOM = r"(?: me| us| (?:this|my)(?: phone| cell| mobile)? number)"
_NUMBER = r"(?:me|us|my(?: phone| cell| mobile)? number|this number)"
_UNSUBSCRIBE = r"unsu[bs]{1,3}c?ribe"
_WISHES = (
    r"stop(?: stop)*(?: all| everything| it all)?",
    r"stop ?all",
    rf"(?:stop|quit|cease|end)(?: all)? (?:te?xting|messaging|spamming|contacting|bothering){_WHOM}?",
    rf"(?:stop|quit) (?:sending|writing)(?: to)?{_WHOM}?{_ANY} {_TEXTS}",
    rf"(?:stop|quit) writing(?: to)?{_WHOM}",
    rf"stop(?: receiving| getting)?{_ANY} {_TEXTS}",
    r"(?:cancel|end|quit|revoke)(?: (?:all|any|more|these|those|the|your|my|future|of))*"
    r" (?:te?xts|text messages|te?xting|messages|messaging|msgs|sms|notifications)",
    rf"(?:do not|don't|dont|never) (?:text|txt|message|msg|contact|bother|spam|sms|write|write to){_WHOM}",
    rf"(?:do not|don't|dont|never) send{_WHOM}?{_ANY} {_TEXTS}",
    rf"(?:do not|don't|dont|no longer) (?:want|wish|need)(?: to (?:get|receive|have))?{_ANY} {_TEXTS}",
    rf"no more {_TEXTS}(?: to{_WHOM})?",
    rf"opt(?: ?(?:me|us))? ?out(?: (?:of|from)(?: this)?{_ANY} (?:{_TEXTS}|list))?",
    rf"(?:unsub|{_UNSUBSCRIBE}){_WHOM}?(?:(?: from)? all)?",
    rf"{_UNSUBSCRIBE}{_WHOM}?(?: (?:of|from)(?: this)?{_ANY}(?: mailing| text)? (?:{_TEXTS}|list|service|number))?",
    rf"(?:remove|lose) {_NUMBER}",
    rf"take {_NUMBER} off",
    rf"(?:take|remove|delete) {_NUMBER} (?:off|from)(?: of)?(?: this| the| that| your| all)*"
    rf"(?: mailing| texting| text| contact| sms)? (?:{_TEXTS}|lists?|system|database)",
    r"leave me alone",
    r"(?:revoke|withdraw) my consent",
    # What Twilio blocks for French (docs/proxy/opt-out-keywords), and what its neighbours say.
    r"arret(?:t|e|ez|er)?(?: tout)?",
    r"(?:me )?(?:desabonner|desinscrire)|(?:desabonnez|desinscrivez) moi|desabonnement|desinscription",
    r"(?:je ne veux )?plus de (?:messages?|textos?|sms)|arretez? (?:de m'envoyer|d'envoyer)(?: des| vos| ces| les)?"
    r" (?:messages?|textos?|sms)",
    r"baja|(?:(?:quiero|quisiera|deseo) )?dar(?:me|nos) de baja|(?:deme|denme|dame) de baja|desuscribir(?:me)?",
    r"no(?: quiero| deseo)?(?: recibir)? mas (?:mensajes|textos|sms)|no me (?:envien?|envies|manden?|mandes)(?: mas)?"
    r" (?:mensajes|textos|sms)|dejen? de (?:enviar|mandar)me (?:mensajes|textos|sms)",
    r"stopp|abmelden|abbestellen|austragen|(?:bitte )?keine (?:weiteren )?(?:nachrichten|sms) mehr",
    r"sair|descadastrar|descadastre(?: me)?|(?:nao quero(?: receber)? mais|parem? de (?:me )?(?:enviar|mandar))"
    r" (?:mensagens|sms|textos)",
)
_BEFORE = (
    r"(?:(?:can|could|would|will) (?:you|u) |please |pls |just |wrong number |want to |(?:hi|hello|hey)(?: there)? "
    r"|(?:ok|okay|no|sorry|thanks|thank you|so) "
    r"|por favor |s'il vous plait |bitte |i(?: want| would like|'d like| wish| need)?(?: you)?(?: to)? )"
)
_AFTER = (
    r"(?: (?:please|pls|now|immediately|at once|again|any ?more|ever|thanks|thank you|por favor|merci|gracias|danke))*"
)
_WISH = re.compile(rf"{_BEFORE}*(?:{'|'.join(_WISHES)}){_AFTER}")
_BARE = re.compile(
    rf"{_BEFORE}+(?:stop|end|quit)(?: (?:stop|it|that|this|everything|all))*{_AFTER}"
    rf"|(?:stop|end|quit)(?: (?:stop|it|that|this))*(?: (?:please|pls|now|it|that|this))+"
    rf"|no {_TEXTS}|(?:do not|don't|dont) (?:te?xt|message|contact|sms|write)|no more|go away"
    r"|i (?:said|told you to|asked you to) stop|stop (?:already|i mean it|i said)"
    r"|stop (?:calling|phoning|ringing)(?: me)?"
    r"|cancel (?:everything|all(?: of it)?)"
    r"|parar|pare|alto|detener|detenganse?|cancelar|basta(?: ya)?|annuler|annulla|(?:bitte )?aufhoren"
)
"""Said to go on differently as often as to get no more texts: the agent answers, and the way is told."""
_BACK = re.compile(
    rf"(?:{_BEFORE})*(?:start|unstop|(?:re)?subscribe(?: me)?|(?:opt|sign)(?: me| us)?(?: back)? ?in|optin"
    rf"|(?:start|resume)(?: (?:sending|texting|messaging))?(?: me| us)?(?: (?:your|the))?(?: {_TEXTS})?"
    rf"|text me|alta|dar(?:me|nos) de alta|reprendre|anmelden){_AFTER}"
)
_LONGEST = 120


def asks_to_stop(text: str, *, by_sms: bool = True) -> bool:
    """Tell whether a text says, in plain words and nothing besides, that no more texts are wanted.

    By SMS it may also be a carrier's word that no carrier reads: ``QUIT.``, or ``Ｅｎｄ`` in wide letters.
    """
    said = _plain(_without_signature(text))
    if len(said) > _LONGEST or _BARE.fullmatch(said) is not None:
        return False
    return _WISH.fullmatch(said) is not None or (by_sms and _plain(text) in STOP_WORDS)


def may_ask_to_stop(text: str) -> bool:
    """Tell whether a text may mean that no more texts are wanted, and as well that something else shall end."""
    said = _plain(_without_signature(text))
    return len(said) <= _LONGEST and _BARE.fullmatch(said) is not None


_SPELLED = re.compile(r"\b\w(?: \w){2,}\b")
_DRAWN_OUT = re.compile(r"(\w)\1{2,}")


def _plain(text: str) -> str:
    """Return a text's words in small letters of the plain alphabet, without punctuation and pictures.

    Words that were spelled out or drawn out are as they are usually written: ``S.T.O.P.``, ``stoooop``.
    """
    letters = unicodedata.normalize("NFKD", text).casefold().replace("’", "'")
    letters = "".join(one for one in letters if not unicodedata.combining(one) and unicodedata.category(one) != "Cf")
    words = " ".join(word.strip("'") for word in re.sub(r"[^\w']+|_", " ", letters).split())
    words = _SPELLED.sub(lambda found: found[0].replace(" ", ""), words)
    return _DRAWN_OUT.sub(r"\1", words)


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
