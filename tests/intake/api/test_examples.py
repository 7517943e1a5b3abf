"""The documentation's examples can be sent as they are."""

import pytest

from intake.api import examples
from intake.domain.commands import Command

STORY = [
    "accept",
    "request-information",
    "provide-information",
    "start-benefits-investigation",
    "start-financial-assistance",
    "start-clinical-review",
    "hold",
    "resume",
    "ready-to-schedule",
    "schedule",
    "no-show",
    "reschedule",
    "cancel-appointment",
    "schedule",
    "ship",
    "report-shipment",
    "activate",
    "discontinue",
]
ENDS = ["decline", "transfer", "request-cancellation", "cancel"]


@pytest.fixture
async def example_of(http):
    """Return the example of a body as the documentation shows it."""
    document = (await http.get("/openapi.json")).json()

    def find(path, method="post"):
        body = document["paths"][path][method].get("requestBody")
        if body is None:
            return None
        schema = body["content"]["application/json"]["schema"]
        name = schema["$ref"].rpartition("/")[2]
        return document["components"]["schemas"][name].get("examples", [None])[0]

    return find


async def test_the_examples_tell_a_whole_story(http, example_of):
    assert (
        await http.put("/v1/clinics/lakeside", json=example_of("/v1/clinics/{clinic_id}", "put"))
    ).status_code == 201
    made = await http.post("/v1/referrals", json=example_of("/v1/referrals"))
    assert (made.status_code, made.json()["findings"]) == (201, [])
    itself = made.json()["links"]["self"]
    for command in STORY:
        body = example_of(f"/v1/referrals/{{referral_id}}/{command}")
        answer = await http.post(f"{itself}/{command}", json=body)
        assert answer.status_code == 200, (command, answer.text)


@pytest.mark.parametrize("command", ENDS)
async def test_the_examples_of_the_ends_can_be_sent(http, submitted, example_of, command):
    body = example_of(f"/v1/referrals/{{referral_id}}/{command}")
    answer = await http.post(f"{submitted['links']['self']}/{command}", json=body)
    assert answer.status_code == 200, answer.text


async def test_the_example_of_an_authorization_can_be_sent(http, submitted, example_of):
    path = "/v1/referrals/{referral_id}/prior-authorizations/{pa_id}"
    itself = submitted["links"]["self"]
    await http.post(f"{itself}/accept")
    answer = await http.put(
        f"{itself}/prior-authorizations/018f0000-0000-7000-8000-000000000000",
        json=example_of(path, "put"),
    )
    assert answer.status_code == 200, answer.text


def test_every_command_is_in_the_stories():
    assert set(Command) - {Command.PRIOR_AUTHORIZATION} == set(STORY) | set(ENDS)


def test_the_examples_clinic_is_the_one_of_the_examples_referral():
    assert examples.REFERRAL["clinic_id"] == "lakeside"
