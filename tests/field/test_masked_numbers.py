"""Met in the field, "Trust": numbers of cards and accounts are masked, whatever stands between their digits."""

from __future__ import annotations

from pathlib import Path

import pytest

from tandem.guardrails.pii import mask, mask_incoming

from ..flows.test_voice import committed, dial, echo
from ..kit.gateway import Running, running
from ..kit.model_server import Answer, ModelServer
from ..kit.pii_harmless import KINDS, harmless
from ..kit.tables import each

pytestmark = pytest.mark.promise("F5", "R1")
CARD = "[card number removed, ends in 1111]"
CODE = "[security code removed]"
IBAN = "[IBAN removed, ends in 3000]"
DICTATED = "three seven zero four zero zero four four zero five three two zero one three zero zero zero"
DICTADOS = "tres siete cero cuatro cero cero cuatro cuatro cero cinco tres dos cero uno tres cero cero cero"

CARDS = [
    "4111x1111x1111x1111", "4111 x 1111 x 1111 x 1111", "4111X1111X1111X1111", "４１１１ｘ1111×1111×1111",
    "4111😀1111😀1111😀1111", "4😀1😀1😀1😀1😀1😀1😀1😀1😀1😀1😀1😀1😀1😀1😀1", "4111➡️1111➡️1111➡️1111",
    "4111+1111+1111+1111", "4111#1111#1111#1111", "{4111}{1111}{1111}{1111}", "[4111][1111][1111][1111]",
    "4111→1111→1111→1111", "\u0336".join("4111111111111111"),
    "4111\ufe001111\ufe001111\ufe001111", "4111\u31641111\u31641111\u31641111", "4111\u28001111\u28001111\u28001111",
    "4111\u200b1111\u2060١١١١ １１１１", "4 1 1 1 x 1 1 1 1 x 1 1 1 1 x 1 1 1 1",
    "four double one one, double one double one, double one double one, double one double one",
    "four triple one, triple one one, triple one one, triple one one",
    "cuatro uno uno uno, doble uno doble uno, doble uno doble uno, doble uno doble uno",
]  # fmt: skip


@each("text", CARDS)
def test_a_card_is_found_whatever_stands_between_its_digits(text: str) -> None:
    masked = mask(f"my card is {text}")
    assert masked.found == ("card",)
    assert masked.text in (f"my card is {CARD}", f"my card is {{{CARD}}}", f"my card is [{CARD}]")


@each(
    ("text", "masked"),
    [
        ("my iban is DE89 3704 0044 0532 0130 00 please", f"my iban is {IBAN} please"),
        ("de89370400440532013000", IBAN),
        ("ＤＥ８９ ３７０４ ００４４ ０５３２ ０１３０ ００", IBAN),
        ("DE89-3704-0044-0532-0130-00", IBAN),
        ("FR14 2004 1010 0505 0001 3M02 606 thanks", "[IBAN removed, ends in 2606] thanks"),
        ("DE89 3704 0044 0532 0130 01", "DE89 3704 0044 0532 0130 01"),
        ("order DE89 3704", "order DE89 3704"),
        ("UPS tracking no. 9 4 7 6 3 5 4 9 1 1 1 0 1 2", "UPS tracking no. 9 4 7 6 3 5 4 9 1 1 1 0 1 2"),
        ("my card is 4111 1111 1111 1111 exp 12/27 cvv 123", f"my card is {CARD} exp 12/27 cvv {CODE}"),
        ("4111 1111 1111 1111 12/27 123", f"{CARD} 12/27 {CODE}"),
        ("4111111111111111, 123", f"{CARD}, {CODE}"),
        ("4111111111111111 and the security code is 1234", f"{CARD} and the security code is {CODE}"),
        ("expires 12/27, security code 123", f"expires 12/27, security code {CODE}"),
        ("cvc is one two three", f"cvc is {CODE}"),
        ("CVV2: 1 2 3", f"CVV2: {CODE}"),
        ("123 is my cvv", f"{CODE} is my cvv"),
        ("安全码 123", f"安全码 {CODE}"),
        ("我的安全码是123。", f"我的安全码是{CODE}。"),
        ("我的cvv是123", f"我的cvv是{CODE}"),
        ("CVV码：1234", f"CVV码：{CODE}"),
        ("卡背面三位数是 123", f"卡背面三位数是 {CODE}"),
        ("सुरक्षा कोड 123", f"सुरक्षा कोड {CODE}"),
        ("मेरा सीवीवी है १२३", f"मेरा सीवीवी है {CODE}"),
        ("सिक्योरिटी कोड: 1234 है", f"सिक्योरिटी कोड: {CODE} है"),
        ("セキュリティコードは123です", f"セキュリティコードは{CODE}です"),
        ("код безопасности карты 123", f"код безопасности карты {CODE}"),
        ("карта, код безопасности 123", f"карта, код безопасности {CODE}"),
        ("카드 보안코드는 123", f"카드 보안코드는 {CODE}"),
        ("kartımın güvenlik kodu 123", f"kartımın güvenlik kodu {CODE}"),
        ("手机后四位 1234", None),
        ("订单 123 安全", None),
        ("安全码 123456", None),
        ("验证码 1234", None),
        ("सुरक्षा 123", None),
        ("код безопасности двери 1234", None),
        ("güvenlik kodu 1234", None),
        ("my security code is 1234", "my security code is 1234"),
        ("4111111111111111 123 Main St", f"{CARD} 123 Main St"),
        ("4111111111111111, promo code 123", f"{CARD}, promo code 123"),
        ("4111111111111111, order number 123", f"{CARD}, order number 123"),
        ("cvv 12345", "cvv 12345"),
        ("4111111111111111 cvv 123", f"{CARD} cvv {CODE}"),
        (f"my iban is D E eight nine {DICTATED}", f"my iban is {IBAN}"),
        ("it is D. E. 89, 3704, 0044, 0532, 0130, double zero", f"it is {IBAN}"),
        ("delta echo eighty-nine 3 7 0 4 0 0 double 4 0 5 3 2 0 1 3 0 triple", None),
        ("delta echo eighty-nine 3 7 0 4 double 0 double 4 0 5 3 2 0 1 3 triple 0 thanks", f"{IBAN} thanks"),
        (
            "G B two nine N W B K six oh one six one three three one nine two six eight one nine",
            "[IBAN removed, ends in 6819]",
        ),
        # Found by trying, not reported.
        ("de ochenta", None),
        (f"D E eight eight {DICTATED}", None),
        (f"d e ocho nueve {DICTADOS}", IBAN),
        ("DE eight nine and then 3704 0044 and 0532 0130 00 please", f"{IBAN} please"),
        ("it is 5 to 9, or 9 to 5 de lunes a viernes", None),
    ],
)
def test_account_numbers_and_security_codes_are_masked_on_the_way_in(text: str, masked: str | None) -> None:
    """None stands for the text as it is."""
    assert mask_incoming(text).text == (masked or text)
    assert mask_incoming(masked or text).text == (masked or text)


ASKED = [
    ("What is the security code on the back of your card?", "123", CODE),
    ("Please give me the CVV.", "It is 1234.", f"It is {CODE}."),
    ("And the three digits on the back of the card?", "one two three", CODE),
    ("What is the CVC?", "sure, it's 1 2 3, thanks", f"sure, it's {CODE}, thanks"),
    ("What is the CVC?", "I do not know", "I do not know"),
    ("What is the CVC?", "where is order 12345?", "where is order 12345?"),
    ("请告诉我您的安全码。", "123", CODE),
    ("आपका सीवीवी क्या है?", "123", CODE),
    ("How many do you want?", "123", "123"),
    ("Which four digits did we text you? I need that security code.", "1234", "1234"),
]


@each(("question", "answer", "read"), ASKED)
async def test_a_security_code_alone_is_masked_where_the_agent_asked_for_it(
    it: Running, question: str, answer: str, read: str
) -> None:
    model = it.another([Answer(question), Answer("Thank you."), Answer(question), Answer("Thank you.")])
    async with dial(it) as call:
        await it.ask("I want to pay")
        await it.ask(answer)
        await call.ask("I want to pay")
        await call.ask(answer)
        stored = [str(item["content"]) for turn in (await committed(it, 4)).history for item in turn.items]
    given = [[item["content"] for item in one if item.get("role") == "user"][-1] for one in model.inputs]
    assert given[1::2] == [read, read]
    assert read == answer or answer not in stored


@pytest.mark.parametrize(("question", "kept"), [(ASKED[1][0], False), ("Please enter your year of birth.", True)])
async def test_a_security_code_is_masked_when_it_is_entered_with_the_keys(
    tmp_path: Path, question: str, kept: bool
) -> None:
    model = ModelServer([Answer(question), Answer("Thank you.")])
    async with running(tmp_path, model) as it, dial(it) as call:
        await call.ask("I want to pay by card")
        await call.press("1984#")
        stored = [str(item.get("content")) for turn in (await committed(it, 2)).history for item in turn.items]
    told = "[The caller entered the number {} with the keys.]".format("1984" if kept else CODE)
    assert model.inputs[1][-1]["content"] == told
    assert (told in stored, "1984" in str(stored)) == (True, kept)


def test_every_iban_of_the_corpus_is_found_and_nothing_else_is_taken_for_one_or_for_a_code() -> None:
    alarms, missed = [], []
    for case in harmless(20260103, 300 * len(KINDS)):
        found = mask_incoming(case.text).found
        if case.label == "IBAN" and found != ("iban",):
            missed.append(case.text)
        elif case.label != "IBAN" and {"iban", "security code"} & {*found}:
            alarms.append(case.text)
    assert (missed, alarms) == ([], [])


@each(
    "text",
    ["120x80x2000 mm", "120 x 80 x 2000", "1920x1080", "4x6 or 5x7, 16 x 20", "20 x 1234.56 = 24691.20", "2x 41.11"],
)
def test_sizes_and_sums_are_no_numbers_to_mask(text: str) -> None:
    assert mask_incoming(text).text == text


async def test_neither_model_nor_store_nor_customer_get_what_was_texted_or_said(tmp_path: Path) -> None:
    said = "pay with 4111x1111x1111x1111 cvv 123 or DE89 3704 0044 0532 0130 00"
    told = f"pay with {CARD} cvv {CODE} or {IBAN}"
    model = ModelServer(echo)
    async with running(tmp_path, model) as it, dial(it) as call:
        assert await it.ask(said) == f"You said: {told}"
        await call.ask(said)
        conversation = await committed(it, 2)
    for gone in ("4111x1111", "cvv 123", "3704"):
        assert gone not in str(model.requests) + str(conversation)
