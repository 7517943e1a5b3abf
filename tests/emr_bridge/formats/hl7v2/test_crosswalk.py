"""The crosswalk, row by row: each is built, carries its codes, and is complete for what is told."""

import pytest
from hl7apy.parser import parse_message
from tests.emr_bridge.outgoings import APPOINTMENT, PLACER, in_profile

from emr_bridge.formats.hl7v2.builders import booking, build_report, check
from emr_bridge.formats.hl7v2.crosswalk import REPORTED, TABLE, Row, row_of
from emr_bridge.formats.hl7v2.message import Message
from emr_bridge.formats.hl7v2.reader import read
from notifications.domain.telling import PENDING, TOLD

PROFILES = ("oru", "mdm", "rri", "osu")
CODES_OF = {"OBX-5 (UPDATE)": ("OBX", 5)}


def made(row: Row) -> bytes:
    if row.profile == "siu":
        return booking(in_profile(row.milestone, "oru", booked=APPOINTMENT))
    return build_report(in_profile(row.milestone, row.profile))


def code_at(message: Message, place: str) -> str | None:
    if place == "OBX-5 (UPDATE)":
        found = [one for one in message.all("OBX") if one.text(3) == "UPDATE"]
        return found[0].text(5)
    name, number = place.split("-")
    return message.first(name).text(int(number))


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.profile}-{row.milestone}")
def test_each_row_is_a_valid_message_with_its_codes(row):
    raw = made(row)
    message = read(raw)
    assert message.first("MSH").field(9) == row.message
    assert {place: code_at(message, place) for place in row.codes} == dict(row.codes)
    assert PLACER in raw.decode()
    check(raw)
    if row.profile not in ("osu", "rri"):
        assert parse_message(raw.decode(), find_groups=True).validate()


@pytest.mark.parametrize("profile", PROFILES)
def test_every_notice_that_a_clinic_can_get_has_a_row_in_each_profile(profile):
    notices = {telling.notice for telling in TOLD.values()} | {PENDING}
    assert all(row_of(notice, profile) for notice in notices)
    assert notices <= set(REPORTED)


def test_no_row_stands_twice_and_each_names_its_source():
    keys = [(row.milestone, row.profile) for row in TABLE]
    assert len(keys) == len(set(keys))
    assert all(row.verified_by for row in TABLE)


def test_every_status_of_a_referral_is_one_that_table_0283_has():
    assert {row.codes["RF1-1"] for row in TABLE if row.profile == "rri"} == {"A", "E", "P", "R"}


def test_a_notice_that_is_newer_than_the_table_is_reported_all_the_same():
    for profile in PROFILES:
        raw = build_report(in_profile("referral_praised", profile))
        assert read(raw).first("MSH").field(9) == "ORU^R01^ORU_R01"
        assert b"referral_praised^Referral praised" in raw
