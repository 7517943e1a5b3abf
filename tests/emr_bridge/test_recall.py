"""What a person found in real messages, we find too: at least 98 of 100 values."""

from collections import Counter

import pytest
from tests.emr_bridge.recall import CORPUS, by, compare, labels_of, lines, measured, values_of

from common.events.submission import Submission


@pytest.mark.skipif(not CORPUS.is_dir(), reason="shared/corpus/hl7v2 is not there")
def test_at_least_98_of_100_labelled_values_are_read_and_next_to_none_is_made_up():
    counted = measured()
    total = sum(counted.values(), Counter())
    table = "\n".join(lines())
    assert total["read"] / (total["read"] + total["missing"]) >= 0.98, table
    assert total["invented"] / total["read"] <= 0.02, table
    for family, counts in by(0, counted).items():
        assert counts["read"] / (counts["read"] + counts["missing"]) >= 0.9, family


def test_a_missing_and_an_invented_value_are_both_counted():
    message = b"the key"
    expected = labels_of({"drug.text": ["Drug A"], "diagnoses": ["M05.79", "L40.0"]}, message)
    found = labels_of({"drug.text": ["Drug B"], "diagnoses": ["m0579"]}, message)
    counts = compare(expected, found)
    assert counts["drug.text"] == Counter(missing=1, invented=1)
    assert counts["diagnoses"] == Counter(read=1, missing=1)
    assert labels_of(values_of(Submission()), message) == {}
