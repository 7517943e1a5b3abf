"""What a person found in real messages, we find too: at least 98 of 100 values."""

import json
from collections import Counter
from pathlib import Path

import pytest
from tests.emr_bridge.recall import compare, labels_of, values_of

from common.events.submission import Submission
from emr_bridge.formats.hl7v2.interpret import interpret
from emr_bridge.formats.hl7v2.interpret.reading import Requested
from emr_bridge.formats.hl7v2.reader import read

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "hl7v2"
LABELS = json.loads(Path(__file__).with_name("recall.json").read_text())


@pytest.mark.skipif(not CORPUS.is_dir(), reason="shared/corpus/hl7v2 is not there")
def test_at_least_98_of_100_labelled_values_are_read_and_next_to_none_is_made_up():
    by_field: dict[str, Counter[str]] = {}
    for name, expected in LABELS.items():
        raw = (CORPUS / name).read_bytes()
        reading = interpret(read(raw))
        assert isinstance(reading, Requested), name
        found = labels_of(values_of(reading.submission), raw)
        for field, counts in compare(expected, found).items():
            by_field.setdefault(field, Counter()).update(counts)
    lacking = {name: counts["missing"] for name, counts in by_field.items() if counts["missing"]}
    total = sum(by_field.values(), Counter())
    assert total["read"] / (total["read"] + total["missing"]) >= 0.98, lacking
    assert total["invented"] / total["read"] <= 0.02


def test_a_missing_and_an_invented_value_are_both_counted():
    message = b"the key"
    expected = labels_of({"drug.text": ["Drug A"], "diagnoses": ["M05.79", "L40.0"]}, message)
    found = labels_of({"drug.text": ["Drug B"], "diagnoses": ["m0579"]}, message)
    counts = compare(expected, found)
    assert counts["drug.text"] == Counter(missing=1, invented=1)
    assert counts["diagnoses"] == Counter(read=1, missing=1)
    assert labels_of(values_of(Submission()), message) == {}
