"""The clinic file."""

from pathlib import Path

import pytest

from common.errors import Invalid
from embedded.clinic_file import body_of, read_clinics


def test_dates_in_the_file_become_text_for_the_api():
    (clinic,) = read_clinics("clinics:\n  - {id: a, baa_signed_on: 2026-01-10}\n")
    assert body_of(clinic) == {"baa_signed_on": "2026-01-10"}


@pytest.mark.parametrize("text", ["", "clinics: 3", "clinics: [{name: x}]", "{", "- 1"])
def test_another_file_is_refused_in_a_sentence(text):
    with pytest.raises(Invalid):
        read_clinics(text)


def test_what_is_not_yaml_is_told_with_its_line_and_nothing_of_it():
    with pytest.raises(Invalid) as told:
        read_clinics("clinics:\n  - id: zz\n  zzname: y\n")
    assert str(told.value) == "the file is not YAML: see line 3"


def test_the_examples_of_the_guide_are_clinic_files():
    folder = Path(__file__).parents[2]
    files = [folder / "docs/guide/clinics.example.yaml", folder / "deploy/embedded/embedded/demo"]
    text = files[0].read_text()
    assert [clinic["id"] for clinic in read_clinics(text)] == ["riverside-rheumatology"]
    assert len(read_clinics((files[1] / "clinics.yaml").read_text())) == 3
