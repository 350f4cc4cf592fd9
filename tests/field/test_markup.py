r"""Met in the field, "What we say": what the look of an answer says stays in words, and no markup leaves."""

from __future__ import annotations

import pytest

from tandem.channels.sms.sender import clean, compose
from tandem.conversation.plain_speech import PlainSpeech, plain_speech

from ..flows.test_voice import dial
from ..kit.gateway import Running
from ..kit.model_server import Answer
from ..kit.tables import each

pytestmark = pytest.mark.promise("F6")

STRUCK = [
    ("~~$50~~ $40", "was $50, now $40", "was $50, now $40"),
    ("Price: ~~$50~~ **$40** today", "Price: was $50, now $40 today", "Price: was $50, now $40 today"),
    ("**~~$50~~** $40", "was $50, now $40", "was $50, now $40"),
    ("~~**$50**~~ **$40**", "was $50, now $40", "was $50, now $40"),
    ("~~$50~~ → $40", "was $50, now $40", "was $50, now $40"),
    ("~~USD 1,050.00~~ USD 40", "was USD 1,050.00, now USD 40", "was USD 1,050.00, now USD 40"),
    ("~$50~ $40", "was $50, now $40", "was $50, now $40"),
    ("<s>$50</s> $40", "was $50, now $40", "was $50, now $40"),
    ("<del>$50</del> $40", "was $50, now $40", "was $50, now $40"),
    ("<del>$50</del> <ins>$40</ins> today", "was $50, now $40 today", "was $50, now $40 today"),
    ("~~$50~~ <b>$40</b>", "was $50, now $40", "was $50, now $40"),
    ("~~$50~~$40", "was $50, now $40", "was $50, now $40"),
    ("We meet ~~Monday~~ Tuesday", "We meet (was Monday) Tuesday", "We meet formerly Monday, Tuesday"),
    ("~~Out of stock~~", "(was Out of stock)", "formerly Out of stock"),
    ("~5 days", "~5 days", "~5 days"),
    ("from ~5 to ~10", "from ~5 to ~10", "from ~5 to ~10"),
]


@each(("written", "texted", "spoken"), STRUCK)
async def test_what_is_struck_out_is_told_as_what_was(it: Running, written: str, texted: str, spoken: str) -> None:
    it.another(lambda _: Answer(written))
    async with dial(it) as call:
        assert await it.ask("what does it cost?") == texted
        assert (await call.ask("what does it cost")).strip() == spoken


@each(
    ("written", "texted"),
    [
        ("| Item | Price |\n|:---|---:|\n| Socks | $5.00 |\nDone", "Item, Price\nSocks, $5.00\nDone"),
        ("Item | Price\n---|---\nSocks | $5", "Item, Price\nSocks, $5"),
        ("3 | 4", "3 | 4"),
        ("Title\n=====\nText", "Title\nText"),
        ("# Title\n- a\n  - b\n    - c", "Title\n- a\n- b\n- c"),
        ("```python\nx = 1\n```", "x = 1"),
        ("A &amp; B&nbsp;&lt;3 &euro;5 &#36;6", "A & B <3 €5 $6"),
        ("AT&T and R&D; &copy 5", "AT&T and R&D; &copy 5"),
        ("<p>Hello <b>you</b></p><p>Bye<br>now</p>", "Hello you\nBye\nnow"),
        ("<ul><li>a</li><li>b</li></ul>", "- a\n- b"),
        ('<a href="https://x.example/a_b">Track</a> it', "Track (https://x.example/a_b) it"),
        ('<img src="https://x.example/p.png" alt="A map">', "A map"),
        ("Hi <!-- note to self --> there", "Hi there"),
        ("<details><summary>More</summary>Text</details>", "More\nText"),
        ("Hello\\\nthere", "Hello\nthere"),
        ("1 < 2 and <3", "1 < 2 and <3"),
        (r"It is \(5 \times 3 = 15\)", "It is 5 × 3 = 15"),
        (r"\[ \frac{1}{2} \approx 0.5 \]", "1/2 ≈ 0.5"),
        (r"$$\$50 \times 2 = \$100$$", "$50 × 2 = $100"),
        (r"$\$50 \times 2$, then $5 and $6", "$50 × 2, then $5 and $6"),
        (r"\(5 pieces\) for $5 and $6", "(5 pieces) for $5 and $6"),
        ("It costs $40[^1].\n\n[^1]: Plus tax.", "It costs $40 (note 1).\n\nNote 1: Plus tax."),
        ("See [here][1].\n\n[1]: https://x.example/a", "See here (https://x.example/a)."),
        ("==really== good", "really good"),
        ("C:\\temp and C:\\times", "C:\\temp and C:\\times"),
        ("https://x.example/?a=1&amp=2", "https://x.example/?a=1&amp=2"),
        ("$\u03365\u03360\u0336 $40", "was $50, now $40"),
        ("H~2~O and x^2^, the 1^st^ of m<sup>2</sup>", "H2O and x^2, the 1st of m^2"),
        ("Great :smile: news!:tada: At 10:30:45, ratio 3:2:1", "Great news! At 10:30:45, ratio 3:2:1"),
        ("- [x] Pay\n- [ ] Ship\n1. [X] Call", "- Done: Pay\n- To do: Ship\n1. Done: Call"),
        ("It is $x^2$ for $n$, or $5 and $6", "It is x^2 for n, or $5 and $6"),
        ("hi</s>", "hi"),
        # Found by trying, not reported.
        ("<s>$50 $40", "$50 $40"),
        ("10 m<sup>2</sup> at CO<sub>2</sub>", "10 m^2 at CO2"),
        ("Vote :+1: or :-1: on a::b", "Vote or on a::b"),
        ("Draft [x] and [ ] inline", "Draft [x] and [ ] inline"),
        ("订单**已发货**，共**3**件。これは**重要**です", "订单已发货，共3件。これは重要です"),
        ("**배송**은 **내일**입니다, ราคา**50**บาท", "배송은 내일입니다, ราคา50บาท"),
        ("See (**https://x.example/a_b**).", "See (https://x.example/a_b)."),
        ("Aurora<sup>®</sup> 2<sup>&trade;</sup>", "Aurora® 2™"),
        ("2**3**4 and a**b**c", "2**3**4 and a**b**c"),
        (r"Hi John,\nit has shipped.\n\nBye! See C:\new", "Hi John,\nit has shipped.\nBye! See C:\\new"),
        ('<speak>Hi <break time="1s"/>there, <say-as interpret-as="date">1/2</say-as></speak>', "Hi there, 1/2"),
        ("2^10^ is 1,024 (^_^)", "2^10 is 1,024 (^_^)"),
        ("In 30 days.[1][2] Free[3] [4][5] today, see [1]", "In 30 days. Free today, see [1]"),
        ("Reply [1] for yes, [2] for no", "Reply [1] for yes, [2] for no"),
        ("● one\n○ two\n‣ three\n▪ $5", "- one\n- two\n- three\n$5"),
        ("Free if a<b and c>d", "Free if a<b and c>d"),
        (r"It is \boxed{**free**} and \emph{new}", "It is free and new"),
    ],
)
def test_markup_leaves_a_text_as_plain_words(written: str, texted: str) -> None:
    assert clean(written) == texted == "".join(compose(written))


@each(
    ("written", "spoken"),
    [
        ("A &amp; B &euro;5", "A & B €5"),
        ("AT&T and R&D; x", "AT&T and R&D; x"),
        (r"It is \$5 \times 3", "It is $5 times 3"),
        (r"\frac{1}{2} of it", "1 over 2 of it"),
        ("C:\\temp and C:\\times", "C:\\temp and C:\\times"),
        ("It costs $40[^1].\n\n[^1]: Plus tax.", "It costs $40.\n\nNote 1: Plus tax."),
        ("See [the page][1] now.\n\n[1]: https://x.example/a", "See the page now.\n\n"),
        ("<p>Hello</p><p>you</p>", "\nHello\n\nyou\n"),
        ("Title\n=====\nText", "Title\nText"),
        ("<s>$50</s> $40 and <del>red</del> blue", "was $50, now $40 and formerly red, blue"),
        ("H~2~O and x^2^, the 1^st^ of 3 m<sup>3</sup>", "H2O and x squared, the 1st of 3 m cubed"),
        ("Great :smile: news!:tada: At 10:30:45, ratio 3:2:1", "Great news! At 10:30:45, ratio 3:2:1"),
        ("- [x] Pay\n- [ ] Ship\n1. [X] Call", "Done: Pay. To do: Ship. 1. Done: Call"),
        ("Item | Price\n---|---\nSocks | $5.00\nHat | $6\nDone", "Item, Price. Socks, $5.00. Hat, $6. Done"),
        ("3 | 4 and a || b\nnext | line", "3 | 4 and a || b\nnext | line"),
        ("==really== good, a == b", "really good, a == b"),
        (r"It is $x^2$ for $n$, $\$50 \times 2$ or $5 and $6", "It is x squared for n, $50 times 2 or $5 and $6"),
        (r"So \(5 \times 3 = 15\), \(5 pieces\) and $$\frac{1}{2}$$", "So 5 times 3 = 15, (5 pieces) and 1 over 2"),
        ("$\u03365\u03360\u0336 $40", "was $50, now $40"),
        ("Come M\u0336o\u0336n\u0336 Tuesday", "Come formerly Mon, Tuesday"),
        ("hi</s>", "hi"),
        # Found by trying, not reported.
        ("Item|Price\n:--|--:\nSocks|$5\n\nBye | now", "Item, Price. Socks, $5. \nBye | now"),
        ("2^10^ or 10^{-3} of it", "2 to the power of 10 or 10 to the power of minus 3 of it"),
        ("I owe $5, A$6 and 7$ in $USD", "I owe $5, A$6 and 7$ in $USD"),
        ("Vote :+1: now: yes", "Vote now: yes"),
        ("订单**已发货**，共**3**件。これは**重要**です", "订单已发货，共3件。これは重要です"),
        ("**배송**은 **내일**입니다, ราคา**50**บาท", "배송은 내일입니다, ราคา50บาท"),
        ("Aurora<sup>®</sup> costs 2**3**4", "Aurora® costs 2**3**4"),
        ("[ ] unsigned, [x] signed", "To do: unsigned, [x] signed"),
        ("In 30 days.[1][2] Free[3] [4][5] today, see [1]", "In 30 days. Free today, see [1]"),
        ("Reply [1] for yes, [2] for no", "Reply [1] for yes, [2] for no"),
        ("● one\n○ two\n– three\n▪ $5\n– 5 °C", "one. two. three. $5. – 5 °C"),
        ("Free if a<b and c>d", "Free if a<b and c>d"),
        (r"It is \boxed{**free**} and \emph{new}", "It is free and new"),
        ("See www.x.example/a_b?c=1, www or wwww", "See x.example, www or wwww"),
        ("<tr><th>Hat</th><td>$5</td></tr><summary>a</summary>b", "\nHat, $5\n\na\nb"),
    ],
)
def test_markup_is_not_spoken_however_the_answer_is_cut(written: str, spoken: str) -> None:
    assert plain_speech(written) == spoken
    for size in range(1, 9):
        speech = PlainSpeech()
        pieces = [speech.feed(written[at : at + size]) for at in range(0, len(written), size)]
        assert "".join(pieces) + speech.end() == spoken


U = "https://x.example/a_b"
LINKS = [
    (f"See [a [1]]({U}) now", f"See a [1] ({U}) now", "See a [1] now"),
    (f"[[1]]({U})", f"[1] ({U})", "[1]"),
    (f"[a [b [c]]]({U})", f"a [b [c]] ({U})", "a [b [c]]"),
    (f"![A map]({U})", f"A map ({U})", "A map"),
    (f"![A [new] map]({U}).", f"A [new] map ({U}).", "A [new] map."),
    (f"[![A map](https://x.example/p.png)]({U})", f"A map ({U})", "A map"),
    (f"[here]({U} 'A title')", f"here ({U})", "here"),
    (f'[here]({U} "A (new) title")', f"here ({U})", "here"),
    (f"[here]({U} (A title))", f"here ({U})", "here"),
    ("[here](<https://x.example/a b>)", "here (https://x.example/a%20b)", "here"),
    (f"[a\\]b]({U})", f"a]b ({U})", "a]b"),
    (f"<{U}>", U, "x.example"),
    ("Mail <mia@x.example>!", "Mail mia@x.example!", "Mail mia@x.example!"),
    ("<mailto:mia@x.example>", "mia@x.example", "mia@x.example"),
    ("<tel:+15551234567>", "+15551234567", "+15551234567"),
    ("<www.x.example/a>", "www.x.example/a", "x.example"),
    (f"[Here][1] and [there][].\n\n[1]: {U}\n[there]: <{U}> 'T'", f"Here ({U}) and there ({U}).", "Here and there."),
    (f"See [the page].\n\n[the page]: {U}", f"See the page ({U}).", "See [the page]."),
    (f"On Monday [1].\n\n[1]: {U}", f"On Monday ({U}).", "On Monday [1]."),
    ("[Here][1].\n\n[1]: www.x.example/a", "Here (www.x.example/a).", "Here."),
    (
        f"[$1,050.00 [incl. 8.25%]]({U}) + $4.10",
        f"$1,050.00 [incl. 8.25%] ({U}) + $4.10",
        "$1,050.00 [incl. 8.25%] + $4.10",
    ),
    ("$5 [2 left] ($4 [net]) <3 a<b", "$5 [2 left] ($4 [net]) <3 a<b", "$5 [2 left] ($4 [net]) <3 a<b"),
    ("Ships Monday【4:1†policy.pdf】.", "Ships Monday.", "Ships Monday."),
    ("It is \ue200cite\ue202turn0search1\ue201open", "It is open", "It is open"),
    ("請看【重要】 and 【", "請看【重要】 and 【", "請看【重要】 and 【"),
    ("See [1] and [2] [3], a[0] = [[4]]", "See [1] and [2] [3], a[0] = [[4]]", "See [1] and [2] [3], a[0] = [[4]]"),
]


@each(("written", "texted", "spoken"), LINKS)
def test_links_are_told_by_their_words_in_texts_with_the_address(written: str, texted: str, spoken: str) -> None:
    """A stream cannot know what is defined behind it: words in brackets that only name a link keep them in a call."""
    assert clean(written) == texted
    assert plain_speech(written).rstrip() == spoken
    for size in range(1, 9):
        speech = PlainSpeech()
        pieces = [speech.feed(written[at : at + size]) for at in range(0, len(written), size)]
        assert ("".join(pieces) + speech.end()).rstrip() == spoken
