"""The API, put together from its routers."""

from fastapi import FastAPI

from common.http import create_api
from common.service import Runtime
from emr_bridge.api import audit, links, messages, outbound

DESCRIPTION = """
Every HL7 v2 message as it came in, with the answer that was given and what became of it; and the
links to the clinics' EMRs with what waits on them; and every message that we send, with its attempts.
One that was refused is parked: a person edits it, replays it or gives it up, with `X-Actor` and a
reason. Lists hold ids, codes and times. Patient data is in a message's `raw` bytes, and on its sheet of
segments where it is asked for; who looked, and why, is in the audit.
"""


def api(runtime: Runtime, *, patient_data_token: str | None = None) -> FastAPI:
    """Return the service's API; with a token, patient data are shown to who has it alone."""
    app = create_api(
        "emr-bridge",
        title="Referral Loop: EMR bridge",
        description=DESCRIPTION,
        runtime=runtime,
    )
    app.state.patient_data_token = patient_data_token
    for part in (audit, links, messages, outbound):
        app.include_router(part.router)
    return app
