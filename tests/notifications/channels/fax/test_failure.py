import pytest

from notifications.channels.fax.failure import BY_PAIR, classify
from notifications.ports import FailureClass as F

#: Row by row as Sinch documents them: our class, error type, codes.
ROWS = [
    (F.BUSY, "CALL_ERROR", [17]),
    (F.NO_ANSWER, "CALL_ERROR", [16]),
    (F.NO_ANSWER, "FAX_ERROR", [48]),
    (F.NO_FAX_TONE, "CALL_ERROR", [30]),
    (F.NO_FAX_TONE, "FAX_ERROR", [132]),
    (F.LINE, "CALL_ERROR", [11, 15, 19, 43]),
    (F.LINE, "FAX_ERROR", [38, 40, 44]),
    (F.LINE, "LINE_ERROR", [1, 17, 50, 133]),
    (F.FAX_PROTOCOL, "CALL_ERROR", [32]),
    (F.FAX_PROTOCOL, "FAX_ERROR", [6, 8, 10, 12, 13, 14, 18, 20, 21, 22, 25, 26, 28, 29, 31]),
    (F.FAX_PROTOCOL, "FAX_ERROR", [41, 53, 60, 63, 68, 77, 80, 82, 84]),
    (F.PARTIAL, "FAX_ERROR", [131]),
    (F.BAD_NUMBER, "CALL_ERROR", [34, 49]),
    (F.BAD_NUMBER, "FAX_ERROR", [133]),
    (F.DOCUMENT, "FAX_ERROR", [7, 113, 117]),
    (F.DOCUMENT, "DOCUMENT_CONVERSION_ERROR", [4, 54, 55, 57, 69, 122, 128, 129, 130, 133]),
    (F.ACCOUNT, "FAX_ERROR", [46]),
    (F.CANCELLED, "FAX_ERROR", [75, 76, 79]),
    (F.OTHER, "FAX_ERROR", [119]),
    (F.OTHER, "FATAL_ERROR", [1, 17]),
    (F.OTHER, "GENERAL_ERROR", [1, 17]),
]
PAIRS = [(error_type, code, ours) for ours, error_type, codes in ROWS for code in codes]


@pytest.mark.parametrize(("error_type", "code", "ours"), PAIRS)
def test_every_pair_means_what_the_table_says(error_type, code, ours):
    assert classify(error_type, code) is ours


def test_the_table_knows_no_pair_that_is_not_documented():
    assert set(BY_PAIR) <= {(error_type, code) for error_type, code, _ in PAIRS}


@pytest.mark.parametrize(
    ("error_type", "code"),
    [("CALL_ERROR", 999), ("FAX_ERROR", None), ("SOMETHING_NEW", 17), (None, None)],
)
def test_a_pair_that_nobody_listed_is_other(error_type, code):
    assert classify(error_type, code) is F.OTHER


@pytest.mark.parametrize(("error_type", "code", "_"), PAIRS)
def test_some_pages_of_several_are_partial_whatever_went_wrong(error_type, code, _):
    assert classify(error_type, code, pages_ok=1, pages=2) is F.PARTIAL


@pytest.mark.parametrize(("pages_ok", "pages"), [(0, 0), (0, 2), (2, 2), (1, 1)])
def test_none_or_all_pages_are_not_partial(pages_ok, pages):
    assert classify("CALL_ERROR", 17, pages_ok=pages_ok, pages=pages) is F.BUSY
