"""An answer that was meant for a call and is texted instead."""

import pytest

from tandem.conversation.plain_speech import as_written

from ...kit.tables import each

pytestmark = pytest.mark.promise("V14")


@each(
    ("spoken", "written"),
    [
        ("Your refund is R E F 0 B 7.", "Your refund is REF0B7."),
        ("Order 1 2 3 4 5 has shipped.", "Order 12345 has shipped."),
        ("It is T, R, K, 9 now.", "It is TRK9 now."),
        ("Ask for plan A or B.", "Ask for plan A or B."),
        ("I am in row 3 4.", "I am in row 3 4."),
        ("The U S A is far.", "The U S A is far."),
        ("", ""),
    ],
)
def test_spelled_ids_are_put_together(spoken: str, written: str) -> None:
    assert as_written(spoken) == written
