"""Registering and reading clinics over HTTP."""

import re

import pytest
from tests.intake.builders import clinic_json, opened

from common.events.clinic import ClinicChanged, Hl7Dialect
from common.events.people import ClinicCard


async def put(http, clinic_id="lakeside", headers=None, **changes):
    return await http.put(f"/v1/clinics/{clinic_id}", json=clinic_json(**changes), headers=headers)


async def test_a_new_clinic_is_told_with_its_people_sealed(http, events, sealer):
    answer = await put(http)
    (envelope,) = await events()
    event = ClinicChanged.model_validate(envelope.data)
    card = opened(event, sealer, ClinicCard)
    assert (answer.status_code, answer.headers["etag"]) == (201, '"1"')
    assert (event.version, event.channels, event.time_zone) == (
        1,
        ("emr", "webhook", "fax"),
        "America/Chicago",
    )
    assert card.webhook_secret == clinic_json()["webhook"]["secret"]
    assert [contact.name for contact in card.contacts] == ["Pat ZZTESTNURSE", "Kim ZZTESTCOORD"]
    assert "ZZTEST" not in envelope.model_dump_json()


async def test_the_same_clinic_again_changes_nothing_and_tells_nobody(http, events):
    """INVARIANT: importing a clinic file twice is importing it once."""
    await put(http)
    again = await put(http)
    assert (again.status_code, again.headers["etag"]) == (200, '"1"')
    assert len(await events()) == 1


async def test_a_changed_clinic_is_the_next_version(http, events):
    await put(http)
    answer = await put(http, channels=["fax"])
    assert (answer.status_code, answer.json()["version"], len(await events())) == (200, 2, 2)


async def test_what_is_read_can_be_put_again_and_the_secret_stays(http, events):
    await put(http)
    read = (await http.get("/v1/clinics/lakeside")).json()
    answer = await http.put("/v1/clinics/lakeside", json=read)
    assert read["webhook"] == {
        "url": "https://hooks.example.org/x",
        "secret": None,
        "secret_set": True,
    }
    assert (answer.status_code, answer.json(), len(await events())) == (200, read, 1)


async def test_the_secret_is_never_shown(http):
    answer = await put(http)
    page = await http.get("/v1/clinics")
    assert "whsec_" not in answer.text + page.text


async def test_a_stale_etag_is_refused(http):
    nothing_there = await put(http, headers={"If-Match": '"1"'})
    await put(http)
    stale = await put(http, headers={"If-Match": '"2"'}, name="New")
    fresh = await put(http, headers={"If-Match": '"1"'}, name="New")
    assert (nothing_there.status_code, stale.status_code, fresh.status_code) == (412, 412, 200)


async def test_clinics_are_listed_page_by_page(http):
    for name in ("c", "a", "b"):
        await put(http, name, hl7_links=[])
    first = (await http.get("/v1/clinics?limit=2")).json()
    second = (await http.get(first["next"])).json()
    assert [c["id"] for c in first["items"] + second["items"]] == ["a", "b", "c"]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"time_zone": "Mars/Base"}, "/time_zone"),
        ({"name": " "}, "/name"),
        ({"fax_numbers": [{"number": "312-555"}]}, "/fax_numbers/0/number"),
        ({"channels": ["pigeon"]}, "/channels/0"),
        ({"holidays": ["Christmas"]}, "/holidays/0"),
        (
            {"opening_hours": [{"weekday": 0, "opens": "17:00", "closes": "08:00"}]},
            "/opening_hours/0/closes",
        ),
        (
            {"promises": {"referral_received": {"within": "soon"}}},
            "/promises/referral_received/within",
        ),
        (
            {"promises": {"referral_received": {"within": "P9999D"}}},
            "/promises/referral_received/within",
        ),
        ({"name": "a\0b"}, "/name"),
        ({"webhook": {"url": "ftp://x"}}, "/webhook/url"),
        ({"webhook": {"url": "https://x.org", "secret": "x"}}, "/webhook/secret"),
        ({"surprise": 1}, "/surprise"),
        ({"id": "another"}, "/id"),
    ],
)
async def test_a_clinic_that_cannot_be_used_is_refused_at_its_field(http, events, changes, pointer):
    answer = await put(http, **changes)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert await events() == []


@pytest.mark.parametrize(
    ("dialect", "pointer"),
    [
        ({"acknowledgement": "never"}, "acknowledgement"),
        ({"processing_ids": ["P", "X"]}, "processing_ids/1"),
        ({"versions": ["two"]}, "versions/0"),
        ({"allowed_addresses": ["10.0.0.0/8", "10.0.0.300"]}, "allowed_addresses/1"),
        ({"client_certificate": "sha256:beef"}, "client_certificate"),
        ({"in_flight": 17}, "in_flight"),
        ({"code_sets": {"sex": {"": "F"}}}, "code_sets/sex//[key]"),
        ({"code_sets": {"moods": {"a": "b"}}}, "code_sets/moods/[key]"),
        ({"overrides": {"drug.colour": "RXE-2"}}, "overrides/drug.colour/[key]"),
        ({"overrides": {"drug.text": "RXE-2.2, RXE 2"}}, "overrides/drug.text"),
        ({"acknowledgment": "original"}, "acknowledgment"),
    ],
)
async def test_a_dialect_that_makes_no_sense_is_refused_at_its_field(http, dialect, pointer):
    link = {"id": "a", "sending_application": "EMR", "sending_facility": "North"}
    answer = await put(http, "north", hl7_links=[link | {"dialect": dialect}])
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"/hl7_links/0/dialect/{pointer}"


async def test_a_dialect_is_kept_told_and_shown(http, events):
    spoken = {"acknowledgement": "enhanced", "code_sets": {"sex": {"W": "F"}}}
    link = {"id": "a", "sending_application": "EMR", "sending_facility": "North"}
    await put(http, "north", hl7_links=[link | {"dialect": spoken}])
    shown = (await http.get("/v1/clinics/north")).json()["hl7_links"][0]["dialect"]
    assert spoken.items() <= shown.items()
    (envelope,) = await events()
    told = ClinicChanged.model_validate(envelope.data)
    assert told.hl7_links[0].dialect == Hl7Dialect.model_validate(spoken)
    again = await put(http, "north", hl7_links=[link | {"dialect": shown}])
    assert again.json()["version"] == 1


async def test_two_clinics_cannot_have_the_same_emr_sender(http, events):
    """INVARIANT: a sender is one clinic's, or patients would be filed, and told, under another."""
    link = {"id": "a", "sending_application": "EMR", "sending_facility": "North"}
    await put(http, "north", hl7_links=[link])
    same = link | {"sending_facility": " NORTH "}
    refused = await put(http, "south", hl7_links=[same])
    assert refused.status_code == 409
    assert refused.json()["errors"] == [
        {"pointer": "/hl7_links/0", "detail": "clinic north has this sender"}
    ]
    assert (await http.get("/v1/clinics/south")).status_code == 404
    assert len(await events()) == 1


async def test_an_unknown_clinic_is_not_found(http):
    assert (await http.get("/v1/clinics/nowhere")).status_code == 404


@pytest.mark.parametrize("clinic_id", ["-x", "a b", "x" * 65])
async def test_an_id_that_cannot_stand_in_a_path_is_refused(http, clinic_id):
    assert (await put(http, clinic_id)).status_code == 422


async def test_opening_hours_are_documented_as_they_are_told(http):
    told = (await put(http)).json()["opening_hours"][0]
    schemas = (await http.get("/openapi.json")).json()["components"]["schemas"]
    documented = schemas["OpeningHoursIn"]["properties"]
    for name in ("opens", "closes"):
        assert "format" not in documented[name]
        assert re.fullmatch(documented[name]["pattern"], told[name])


NO_MEANS = {
    "channels": ["webhook", "fax", "emr", "console"],
    "webhook": None,
    "fax_numbers": [{"number": "+13125550100"}],
    "hl7_links": [],
}


async def test_a_channel_without_its_means_is_taken_and_named(http):
    answer = await put(http, **NO_MEANS)
    assert answer.status_code == 201
    assert answer.json()["warnings"] == [
        {"channel": "webhook", "lacks": "no webhook with a URL"},
        {"channel": "fax", "lacks": "no fax number with verified_on: none is ever sent to before"},
        {"channel": "emr", "lacks": "no HL7 link with a host to send to"},
    ]
    read = (await http.get("/v1/clinics/lakeside")).json()
    again = await http.put("/v1/clinics/lakeside", json=read)
    assert (again.status_code, again.json()) == (200, read)


async def test_a_webhook_without_a_secret_is_named(http):
    answer = await put(http, channels=["webhook"], webhook={"url": "https://hooks.example.org/x"})
    assert [w["lacks"] for w in answer.json()["warnings"]] == ["no webhook secret to sign with"]


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("http://hooks.example.org/x", 422),
        ("http://127.0.0.1.example.org/x", 422),
        ("http://[x/hook", 422),
        ("http://127.0.0.1:9000/x", 201),
        ("http://localhost:9000/x", 201),
        ("https://hooks.example.org/x", 201),
    ],
)
async def test_a_webhook_by_plain_http_is_for_this_machine_only(http, url, status):
    answer = await put(http, webhook={"url": url})
    assert answer.status_code == status
    if status == 422:
        assert answer.json()["errors"][0]["pointer"] == "/webhook/url"
