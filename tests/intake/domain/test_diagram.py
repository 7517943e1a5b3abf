"""The pictures show the tables."""

from intake.domain import diagram
from intake.domain.prior_authorization import PA_NEXT
from intake.domain.referral import NEXT


def arrows(text):
    return {tuple(line.strip().split(" --> ")) for line in text.splitlines()[1:]}


def test_every_allowed_move_is_an_arrow():
    for text, table in ((diagram.referral(), NEXT), (diagram.prior_authorization(), PA_NEXT)):
        moves = {(str(a), str(b)) for a, following in table.items() for b in following}
        shown = {pair for pair in arrows(text) if "[*]" not in pair}
        assert shown == moves


def test_the_picture_begins_at_received_and_ends_where_nothing_follows():
    shown = arrows(diagram.referral())
    assert ("[*]", "received") in shown
    assert ("cancelled", "[*]") in shown
