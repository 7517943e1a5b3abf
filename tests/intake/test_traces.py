"""What is taken in goes on in the trace of whoever sent it."""

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from tests.intake.builders import submission_json

from common import tracing
from common.events.emr import ReferralSubmitted
from common.events.envelope import Envelope
from common.events.submission import Submission
from common.ids import new_id
from common.tables import outbox
from intake import consumers

MESSAGES = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def traces(runtime):
    """Return the trace of each event of a referral that waits in the outbox, by referral."""

    async def read():
        async with runtime.db.read() as tx:
            rows = (await tx.execute(select(outbox).order_by(outbox.c.id))).all()
        envelopes = [(Envelope.model_validate_json(row.value), row.headers) for row in rows]
        return {
            one.data["referral_id"]: headers.get("traceparent")
            for one, headers in envelopes
            if "referral_id" in one.data
        }

    return read


def of_caller(number):
    return f"00-{number + 1:032x}-{number + 1:016x}-01"


async def test_requests_that_share_a_commit_keep_their_traces(http, lakeside, traces):
    """INVARIANT: nobody's referral goes on in another's trace. Broken by the batch's own context."""

    async def post(number):
        patient = {"family_name": f"ZZTEST{'x' * number}", "birth_date": "1980-02-29"}
        body = submission_json(external_ids=[{"value": f"ORD-{number}", "system": "LAKESIDE"}])
        body |= {"patient": body["patient"] | patient}
        headers = {"traceparent": of_caller(number)}
        answer = await http.post("/v1/referrals", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    ids = await asyncio.gather(*(post(number) for number in range(20)))
    assert await traces() == {found: of_caller(number) for number, found in enumerate(ids)}


async def test_a_review_that_a_person_places_goes_on_in_the_trace_of_its_message(
    http, runtime, desk, lakeside, traces
):
    event = ReferralSubmitted(
        occurred_at=datetime.now(UTC), message_id=new_id(), sender="APP|FAC", message_type="REF^I12"
    )
    submission = Submission.model_validate(submission_json(clinic_id=None))
    handler = consumers.handlers(desk)[ReferralSubmitted]
    async with runtime.db.begin() as tx:
        with tracing.span("handle", parent=MESSAGES):
            await handler(tx, event.with_sealed(runtime.sealer, submission), runtime.clock())
    [review] = (await http.get("/v1/reviews")).json()["items"]

    headers = {"traceparent": of_caller(7)}
    url = f"/v1/reviews/{review['id']}/resolve"
    placed = await http.post(url, json={"clinic_id": "lakeside"}, headers=headers)

    assert placed.status_code == 200, placed.text
    assert await traces() == {placed.json()["referral_id"]: MESSAGES}
