import re
from pathlib import Path

import pytest
from tests.notifications.templates.events import (
    CLINIC,
    DENIALS,
    EVERYTHING_TOLD,
    NOW,
    REASONS,
    STATES,
    UNHEARD_OF,
)

import notifications
from intake.domain import reasons as intake_reasons
from intake.domain.prior_authorization import PaState
from notifications.wording import NAMES, compose, reasons

FOLDER = Path(notifications.__file__).parent / "templates"
SCAFFOLDING = {"notice"}

told = pytest.mark.parametrize("told", EVERYTHING_TOLD, ids=str)


def composed(told):
    return compose(told.event, told.card, CLINIC, name=told.name, now=NOW)


@told
def test_every_part_of_a_notice_says_something(told):
    notice = composed(told)

    parts = (notice.title, notice.happened, notice.next_step, notice.who_acts, *notice.items)
    assert all(part.strip() for part in parts)
    assert notice.by_when is None or notice.by_when.strip()


@told
def test_a_notice_is_whole_sentences_without_codes_or_gaps(told):
    notice = composed(told)

    sentences = (notice.happened, notice.next_step)
    assert all(re.match(r"[A-Z].*\.$", part) for part in sentences)
    whole = " ".join((notice.title, *sentences, notice.who_acts, *notice.items))
    for flaw in ("None", "Undefined", "_", "{", "}", "  ", " .", " ,", "..", "()"):
        assert flaw not in whole


@told
def test_a_nurse_reads_a_notice_in_less_than_a_minute(told):
    notice = composed(told)

    assert len(notice.title) <= 60
    assert len(f"{notice.happened} {notice.next_step}".split()) <= 100


@told
def test_a_notice_that_asks_for_nothing_says_so(told):
    notice = composed(told)

    asks = notice.who_acts.startswith("Your office")
    assert asks or "Nothing is needed from you" in notice.who_acts
    assert asks or not notice.items or told.event.waiting_on == "prescriber"


def test_every_notice_has_the_template_of_its_name_and_no_template_is_without_a_notice():
    pages = {path.name.removesuffix(".txt.j2") for path in FOLDER.glob("*.j2")}

    assert pages - SCAFFOLDING == set(NAMES)
    assert {told.name for told in EVERYTHING_TOLD} == set(NAMES)


def test_every_state_of_prior_authorization_has_a_page_of_its_own():
    pages = {path.name.removesuffix(".txt.j2") for path in FOLDER.glob("*/[a-z]*.j2")}

    assert pages - {"other"} == set(STATES)
    assert {state.value for state in PaState} == set(STATES)


@pytest.mark.parametrize(
    ("notice", "codes"),
    [
        ("referral_declined", intake_reasons.DeclineReason),
        ("referral_held", intake_reasons.HoldReason),
        ("referral_transferred", intake_reasons.TransferReason),
        ("referral_cancelled", intake_reasons.CancelReason),
        ("referral_discontinued", intake_reasons.DiscontinueReason),
    ],
)
def test_every_reason_that_intake_gives_has_words(notice, codes):
    known = {code.value for code in codes}

    assert known == set(reasons.BY_NOTICE[notice]) == set(REASONS[notice])


def test_every_denial_reason_that_intake_gives_has_words():
    known = {code.value for code in intake_reasons.DenialReason}

    assert known == set(reasons.DENIAL) == set(DENIALS)


def test_no_two_states_are_told_in_the_same_words():
    changes = [
        composed(told)
        for told in EVERYTHING_TOLD
        if told.name == "prior_authorization_changed" and told.case.endswith("-bare")
    ]

    assert len({notice.title for notice in changes}) == len(changes)


def test_a_state_that_this_version_does_not_know_is_told_all_the_same():
    told = next(
        told
        for told in EVERYTHING_TOLD
        if told.name == "prior_authorization_changed" and told.case == f"{UNHEARD_OF}-bare"
    )

    assert "moon in the seventh house" in composed(told).happened
