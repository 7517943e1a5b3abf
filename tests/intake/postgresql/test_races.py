"""Two replicas that do the same, or what contradicts it, in the same moment."""

import asyncio

from sqlalchemy import func, select
from tests.intake.builders import clinic_json

from intake.store.tables import clinics, documents, timeline

PDF = b"%PDF-1.4\nZZTEST"


async def test_of_two_clinics_that_claim_one_sender_at_once_one_is_refused(http):
    """INVARIANT: an EMR's sender is one clinic's. Broken where each looks before the other commits:
    then neither is recognised any more, and everything that the EMR sends goes to a person."""
    link = {"id": "one", "sending_application": "ZZEMR", "sending_facility": "ZZCLINIC"}
    answers = await asyncio.gather(
        *(http.put(f"/v1/clinics/zz-{n}", json=clinic_json(hl7_links=[link])) for n in range(4))
    )
    assert sorted(a.status_code for a in answers) == [201, 409, 409, 409]


async def test_one_paper_that_comes_twice_at_once_is_one_document(http, submitted, runtime):
    """INVARIANT: the same bytes are the same document, also for who comes second by a hair."""
    url = f"{submitted['links']['self']}/documents"
    files = {"file": ("zz.pdf", PDF, "application/pdf")}
    answers = await asyncio.gather(*(http.post(url, files=files) for _ in range(6)))
    assert {a.status_code for a in answers} <= {200, 201}, [a.text for a in answers]
    assert len({a.json()["id"] for a in answers}) == 1
    async with runtime.db.read() as tx:
        assert await tx.scalar(select(func.count()).select_from(documents)) == 1
        noted = select(func.count()).where(timeline.c.what == "document.added")
        assert await tx.scalar(noted) == 1


async def test_one_clinic_that_is_changed_twice_at_once_gets_one_version_after_the_other(
    http, runtime
):
    names = [f"ZZ {n}" for n in range(5)]
    answers = await asyncio.gather(
        *(http.put("/v1/clinics/zz", json=clinic_json(name=name)) for name in names)
    )
    assert {a.status_code for a in answers} <= {200, 201}, [a.text for a in answers]
    async with runtime.db.read() as tx:
        assert await tx.scalar(select(clinics.c.version)) == len(names)
