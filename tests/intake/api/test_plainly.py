"""A submission is read in two ways; nobody who posts one can tell them apart."""

import pytest

PLAIN, OTHER = "application/json", "application/json; charset=utf-8"
"""The second is not read plainly, so FastAPI's reading of it is what the first is held against."""

DRUG = b'{"clinic_id":"lakeside","medication":{"%b":%b}}'
WHEN = b'{"clinic_id":"lakeside","received_at":%b}'
BORN = b'{"clinic_id":"lakeside","patient":{"birth_date":%b}}'
NAME = b'{"clinic_id":"lakeside","patient":{"family_name":%b}}'

NUMBERS = [b"0.1", b"1.0", b"1E3", b"-0.0", b"12345678901234567890.123456789", b"1e22", b"1e400"]
NUMBERS += [b"NaN", b"true", b"null", b'" 2 "', b'"1,5"', b"30.0", b"30.5", b"9" * 400, b"[1]"]

MOMENTS = [b'"2026-01-01T00:00:00Z"', b'"2026-01-01T00:00:00"', b'"2026-01-01"', b"1700000000"]
MOMENTS += [b"1700000000.5", b"true", b'"1700000000"', b"-1e20", b'"0001-01-01T00:00:00+14:00"']

DAYS = [b'"1980-02-29"', b'"1980-2-9"', b'"1980-02-29T00:00:00"', b'"1980-02-29T01:00:00"', b"0.0"]

WORDS = [b'"ZZTEST"', b'"\\ud800"', b'"\\ud83d\\ude00"', b'"\\u0000"', b'"\xff"', b"5", b"null"]
WORDS += [b'"\xc3\xa9"', b'"a","family_name":"b"', b'"a","nobody":1', b'"a",', b'"a"} ', b'"a"}}x']

WHOLE = [b"", b"null", b"[]", b'"x"', b"{}", b'{"clinic_id":5}', b'{"clinic_id":"a\\u0000"}']
WHOLE += [
    b"[" * 2000,
    b"\xef\xbb\xbf{}",
    '{"clinic_id":"lakeside"}'.encode("utf-16"),
    b"\xff",
    b"{",
]

BODIES = {
    "numbers": [DRUG % (name, n) for name in (b"quantity", b"days_supply") for n in NUMBERS],
    "moments": [WHEN % moment for moment in MOMENTS],
    "days": [BORN % day for day in DAYS],
    "words": [NAME % word for word in WORDS],
    "the whole": WHOLE,
}

FOREIGN = frozenset({"id", "code", "links", "created_at", "updated_at", "received_at", "trace_id"})
"""What differs between any two answers."""


async def answers(http, body, **headers):
    """Return the answers to both, without what differs anyhow."""
    told = []
    for kind in (PLAIN, OTHER):
        given = {"Content-Type": kind, **headers}
        answer = await http.post("/v1/referrals", content=body, headers=given)
        said = {name: value for name, value in answer.json().items() if name not in FOREIGN}
        for finding in said.get("findings", ()):
            del finding["found_at"]
        told.append((answer.status_code, answer.headers["content-type"], said))
    return told


@pytest.mark.parametrize("kind", BODIES)
async def test_what_is_read_plainly_is_read_as_fastapi_reads_it(http, lakeside, kind):
    """INVARIANT: the same bytes are the same referral, or the same refusal."""
    for body in BODIES[kind]:
        plain, other = await answers(http, body)
        assert plain == other, body[:80]


@pytest.mark.parametrize("name", ["X-Actor", "Idempotency-Key"])
async def test_a_header_is_refused_in_the_same_words(http, lakeside, name):
    refused = b'{"clinic_id":"nowhere"}'  # so that nothing is kept under the key
    for value in ("", "x", "\xe9", "x" * 201, "x" * 256):
        plain, other = await answers(http, refused, **{name: value.encode()})
        assert plain == other, value[:5]


async def test_the_actor_of_what_is_read_plainly_stands_in_the_timeline(http, lakeside):
    body = b'{"clinic_id":"lakeside"}'
    given = {"Content-Type": PLAIN, "X-Actor": "zz.nurse"}
    answer = await http.post("/v1/referrals", content=body, headers=given)
    timeline = (await http.get(answer.json()["links"]["timeline"])).json()
    assert {entry["actor"] for entry in timeline} == {"zz.nurse"}
