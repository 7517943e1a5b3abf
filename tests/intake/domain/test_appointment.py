"""A date for the patient."""

from datetime import timedelta

import pytest
from tests.intake.builders import NOW, an_appointment

from common.errors import Invalid


def test_an_appointment_that_ends_before_it_starts_is_refused_at_its_field():
    with pytest.raises(Invalid) as refused:
        an_appointment(starts_at=NOW, ends_at=NOW - timedelta(minutes=1))
    assert refused.value.errors[0].pointer == "/ends_at"


def test_a_moved_appointment_keeps_its_place_unless_there_is_a_new_one():
    booked = an_appointment(place="12 Elm St")
    assert booked.moved(starts_at=NOW, ends_at=None, place=None).place == "12 Elm St"
    assert booked.moved(starts_at=NOW, ends_at=None, place="Infusion B").place == "Infusion B"


def test_where_it_takes_place_is_not_told_in_the_clear():
    assert "Elm" not in an_appointment(place="12 Elm St").fact().model_dump_json()
