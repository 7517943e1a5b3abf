"""What the documentation says of refusals is what the endpoints do."""

import pytest
from tests.intake.builders import submission_json

from common.http import LARGEST_BODY

NOWHERE = "018f0000-0000-7000-8000-000000000000"


@pytest.fixture
async def operations(http):
    """Return each operation of the documentation by method and path, health and metrics left out."""
    paths = (await http.get("/openapi.json")).json()["paths"]
    return {
        (method, path): operation
        for path, methods in paths.items()
        for method, operation in methods.items()
        if path.startswith("/v1/")
    }


def refused_with(operation):
    return {status for status in operation["responses"] if int(status) >= 400}


async def test_every_refusal_is_a_problem_in_the_documentation(operations):
    for operation in operations.values():
        for status in refused_with(operation):
            content = operation["responses"][status]["content"]["application/problem+json"]
            assert content["schema"]["$ref"].endswith("/Problem")


async def test_what_only_reads_promises_no_conflict(operations):
    for (method, path), operation in operations.items():
        if method == "get":
            assert refused_with(operation) <= {"401", "404", "422", "503"}, path


async def test_every_endpoint_that_takes_a_body_names_what_it_refuses_of_it(operations):
    for operation in operations.values():
        if "requestBody" in operation:
            assert {"400", "401", "413", "422", "503"} <= refused_with(operation)


async def test_every_post_documents_its_key_and_every_command_its_etag(operations):
    for (method, path), operation in operations.items():
        headers = {
            p["name"].lower() for p in operation.get("parameters", []) if p["in"] == "header"
        }
        assert ("idempotency-key" in headers) == (method == "post"), path
        if "412" in refused_with(operation):
            assert "if-match" in headers, path


@pytest.mark.parametrize("body", [b"[" * 100_000, b"\xff", b"{"])
async def test_what_is_no_json_is_refused(http, lakeside, body):
    answer = await http.post(
        "/v1/referrals", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_body_without_its_content_type_is_refused_by_that_name(http, lakeside):
    form = {"Content-Type": "application/x-www-form-urlencoded"}  # what curl says by itself
    answer = await http.post("/v1/referrals", content=b'{"clinic_id":"lakeside"}', headers=form)
    (fault,) = answer.json()["errors"]
    assert (answer.status_code, fault["pointer"]) == (422, "")
    assert "Content-Type: application/json" in fault["detail"]


async def test_what_is_no_form_is_refused(http, submitted):
    url, kind = submitted["links"]["documents"], "multipart/form-data; boundary=x"
    answer = await http.post(url, content=b"nothing", headers={"Content-Type": kind})
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


async def test_a_body_that_is_too_large_is_refused(http, lakeside):
    answer = await http.post("/v1/referrals", content=bytes(LARGEST_BODY + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_nothing_there_is_told_by_every_command(http, lakeside, operations):
    """Paths with an unknown id answer 404, or 422 where the (absent) body is looked at first."""
    for (method, path), operation in operations.items():
        if "{referral_id}" in path:
            url = path.format(referral_id=NOWHERE, pa_id=NOWHERE, document_id=NOWHERE)
            answer = await http.request(method, url)
            assert str(answer.status_code) in refused_with(operation), path
            assert answer.status_code in {404, 422}, path


async def test_a_clinic_cannot_be_registered_as_a_change(http):
    answer = await http.put("/v1/clinics/new", json={"name": "New"}, headers={"If-Match": '"1"'})
    assert answer.status_code == 412


async def test_a_body_that_is_not_json_is_a_400_and_says_so(http, lakeside):
    answer = await http.post(
        "/v1/referrals", content=b"{ZZTEST", headers={"content-type": "application/json"}
    )
    assert (answer.status_code, answer.json()["detail"]) == (400, "the body is not JSON")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "ZZTEST" not in answer.text


async def test_a_stale_version_is_told_with_the_current_one(http, submitted):
    answer = await http.post(f"{submitted['links']['self']}/accept", headers={"If-Match": '"99"'})
    assert (answer.status_code, answer.headers["etag"]) == (412, '"1"')


async def test_a_list_longer_than_any_chart_is_refused_by_its_name(http, lakeside):
    body = submission_json(diagnoses=[{"code": "M05.79"}] * 101)
    answer = await http.post("/v1/referrals", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/diagnoses"


async def test_the_documentation_names_refusals_as_problem_json_only(http):
    document = (await http.get("/openapi.json")).json()
    for path in document["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert list(response["content"]) == ["application/problem+json"]
    assert document["components"]["securitySchemes"]["bearerToken"]["scheme"] == "bearer"
    assert document["paths"]["/v1/referrals"]["get"]["security"] == [{"bearerToken": []}, {}]
    assert "security" not in document["paths"]["/livez"]["get"]
