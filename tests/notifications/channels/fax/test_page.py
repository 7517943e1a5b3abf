from datetime import timedelta

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_raw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.notifications.templates.events import (
    CARD,
    CLINIC,
    EVERYTHING_TOLD,
    NOW,
    Told,
    prior_authorization,
)

from common.events.people import Contact, PatientCard
from notifications.channels.fax.page import render
from notifications.domain.clinic import Clinic
from notifications.wording import compose

DENIED = Told("prior_authorization_changed", prior_authorization("denied"))
FAX_WIDTH = 1728
DOTS_PER_INCH = FAX_WIDTH / 8.5
INK = 128


def notice_of(told, *, clinic=CLINIC, **people):
    card = told.card.model_copy(update=people)
    return compose(told.event, card, clinic, name=told.name, now=NOW)


def page_of(notice, **more):
    envelope = {
        "to_number": "+15550100017",
        "from_name": "Northside Specialty Pharmacy",
        "from_phone": "+15550100100",
        "sent_at": NOW + timedelta(minutes=3),
        "time_zone": "America/New_York",
        **more,
    }
    return render(notice, **envelope)


def texts(fax):
    """The words of each page, on one line."""
    with pdfium.PdfDocument(fax.pdf) as pdf:
        return [" ".join(page.get_textpage().get_text_bounded().split()) for page in pdf]


def drawn(fax):
    """Each page as a fax machine prints it: one bit, 1728 dots wide; ink is 255."""
    with pdfium.PdfDocument(fax.pdf) as pdf:
        for page in pdf:
            grey = page.render(scale=FAX_WIDTH / page.get_width(), grayscale=True).to_pil()
            yield grey.point(lambda level: 255 if level < INK else 0)


@pytest.mark.parametrize("told", EVERYTHING_TOLD, ids=str)
def test_every_notice_stands_complete_on_one_page(told):
    notice = notice_of(told)

    fax = page_of(notice)

    assert fax.pages == 1
    (text,) = texts(fax)
    said = (notice.title, notice.happened, notice.next_step, notice.who_acts, *notice.items)
    for words in (
        *said,
        notice.by_when or "",
        notice.medication,
        "ZZTEST, Maria (born Feb 3, 1980)",
    ):
        assert words in text


@pytest.mark.parametrize("told", EVERYTHING_TOLD, ids=str)
def test_nothing_of_the_patient_stands_on_the_cover_strip(told):
    """INVARIANT: the strip may be read by anybody who passes the machine."""
    notice = notice_of(told)

    strip, found, _ = texts(page_of(notice))[0].partition("Status as of")

    assert found
    for secret in ("ZZTEST", "Maria", "1980", notice.medication, "Adalimumab", notice.title):
        assert secret not in strip


def test_the_strip_says_who_to_whom_when_how_many_pages_and_what_to_do_if_it_went_astray():
    strip = texts(page_of(notice_of(DENIED)))[0].partition("Status as of")[0]

    for words in (
        "Ana Ruiz, referral coordinator",
        "Lakeside Rheumatology",
        "Fax (555) 010-0017",
        "Northside Specialty Pharmacy",
        "Phone (555) 010-0100",
        "Tue Nov 24, 3:18 PM EST",
        "Ref 7F3K2M",
        "CONFIDENTIAL",
        "by mistake, please call (555) 010-0100 at once",
    ):
        assert words in strip


def test_no_patient_stands_in_the_files_own_properties():
    with pdfium.PdfDocument(page_of(notice_of(DENIED)).pdf) as pdf:
        properties = pdf.get_metadata_dict()

    assert "ZZTEST" not in str(properties)
    assert properties["Title"] == "Referral 7F3K2M"


def test_the_same_notice_gives_the_same_bytes():
    """INVARIANT: a repeated attempt sends the very page that the archive holds."""
    notice = notice_of(DENIED)

    assert page_of(notice) == page_of(notice)


def test_what_does_not_fit_flows_on_and_every_page_says_which_it_is():
    questions = tuple(f"Question {number}: how is it?" for number in range(1, 31))

    fax = page_of(notice_of(DENIED, questions=questions))

    pages = texts(fax)
    assert fax.pages == len(pages) > 2
    for number, page in enumerate(pages, start=1):
        assert f"Ref 7F3K2M · page {number} of {fax.pages}" in page
    assert f"Pages {fax.pages} CONFIDENTIAL" in pages[0]
    assert all(any(question in page for page in pages) for question in questions)


def test_a_clinic_is_told_by_which_number_it_may_answer():
    without = texts(page_of(notice_of(DENIED)))[0]
    with_fax = texts(page_of(notice_of(DENIED), reply_fax="+15550100199"))[0]

    assert "Then call (555) 010-0100. Reference: 7F3K2M." in without
    assert "Then fax this page back to (555) 010-0199, or call (555) 010-0100." in with_fax


@pytest.mark.parametrize(
    "name", ["Nguyễn", "Łukasz", "José", "Őry", "Þóra", "Dvořák", "Ştefan", "Αθηνά", "Олена"]
)
def test_a_name_is_printed_with_the_letters_that_it_is_written_with(name):
    patient = PatientCard(family_name=f"ZZTEST {name}", given_names=(name,))

    (text,) = texts(page_of(notice_of(DENIED, patient=patient)))

    assert f"ZZTEST {name}, {name}" in text


def test_letters_come_with_the_page():
    """A gateway prints a font that is not embedded with whatever it has."""
    pdf = page_of(notice_of(DENIED)).pdf

    assert pdf.count(b"/FontFile2") == 2
    assert b"Helvetica" not in pdf


def test_nothing_is_smaller_than_ten_points():
    with pdfium.PdfDocument(page_of(notice_of(DENIED)).pdf) as pdf:
        text = pdf[0].get_textpage()
        sizes = {
            pdfium_raw.FPDFText_GetFontSize(text, place)
            for place in range(text.count_chars())
            if text.get_text_range(place, 1).strip()
        }

    assert min(sizes) >= 10
    assert max(sizes) == 28


def test_the_margins_stay_white_and_the_page_is_not_a_black_one():
    questions = tuple("Is this so?" for _ in range(10))

    for page in drawn(page_of(notice_of(DENIED, questions=questions))):
        left, top, right, bottom = (edge / DOTS_PER_INCH for edge in page.getbbox())
        assert min(left, 8.5 - right, 11 - bottom) >= 0.5
        assert top >= 0.5
        assert page.histogram()[255] / (page.width * page.height) < 0.12


def test_a_page_is_black_on_white_without_pictures():
    with pdfium.PdfDocument(page_of(notice_of(DENIED)).pdf) as pdf:
        grey = pdf[0].render(scale=8, grayscale=True).to_pil()
        kinds = {thing.type for thing in pdf[0].get_objects()}

    shades = grey.histogram()
    assert pdfium_raw.FPDF_PAGEOBJ_IMAGE not in kinds
    # What is neither black nor white is the soft edge of a letter, which thresholding removes.
    assert sum(shades[16:240]) / sum(shades[:16]) < 0.5


def test_no_name_is_too_long_for_the_page():
    clinic = Clinic("long", 1, "Saint Bartholomew " * 12, "America/New_York")
    patient = PatientCard(family_name="Z" * 200, given_names=("Maria",) * 30)
    contact = Contact(name="Maria-Fernanda " * 12)

    fax = page_of(
        notice_of(DENIED, clinic=clinic, patient=patient, contact=contact, medication="x" * 4000)
    )

    assert "page 1 of" in texts(fax)[0]


anything = st.text(st.characters(codec="utf-8"), max_size=400)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(note=anything, question=anything, family_name=anything)
def test_whatever_people_write_makes_a_page(note, question, family_name):
    card = {
        "note": note,
        "questions": (question,),
        "patient": PatientCard(family_name=family_name),
        "medication": question,
    }

    assert page_of(notice_of(DENIED, **card)).pages >= 1


def test_marks_of_the_page_description_in_names_are_printed_as_they_are():
    patient = PatientCard(family_name="<b>ZZTEST & Sons</b>")

    (text,) = texts(page_of(notice_of(DENIED, patient=patient)))

    assert "<b>ZZTEST & Sons</b>" in text


def test_the_letter_of_a_long_note_is_printed_to_its_end():
    fax = page_of(notice_of(DENIED, note="word " * 1500 + "end."))

    assert fax.pages > 1
    assert "end." in texts(fax)[-1] or "end." in texts(fax)[-2]


def test_the_card_of_the_tests_is_synthetic():
    assert CARD.patient.family_name.startswith("ZZTEST")
