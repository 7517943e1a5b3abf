"""Documents up and down."""

import asyncio

import pytest

from intake.domain.papers import LARGEST_BYTES

PDF = b"%PDF-1.7\n" + bytes(range(256)) * 40
PAPERS = [
    ("application/pdf", PDF),
    ("image/tiff", b"II*\x00" + bytes(64)),
    ("image/tiff", b"MM\x00*" + bytes(64)),
    ("image/png", b"\x89PNG\r\n\x1a\n" + bytes(64)),
    ("image/jpeg", b"\xff\xd8\xff\xe0" + bytes(64)),
]


@pytest.fixture
def url(submitted):
    return f"/v1/referrals/{submitted['id']}/documents"


async def send(http, url, content, media_type, **headers):
    return await http.post(url, content=content, headers={"Content-Type": media_type} | headers)


@pytest.mark.parametrize(("media_type", "content"), PAPERS)
async def test_a_document_comes_back_byte_for_byte(http, url, media_type, content):
    kept = await send(http, url, content, media_type)
    answer = await http.get(kept.headers["location"])
    assert kept.status_code == 201
    assert (answer.content, answer.headers["content-type"]) == (content, media_type)
    assert "attachment" in answer.headers["content-disposition"]


async def test_a_form_gives_the_document_its_name(http, url, submitted):
    files = {"file": ("ZZTESTLARKIN card.pdf", PDF, "application/pdf")}
    kept = await http.post(url, files=files)
    listed = (await http.get(url)).json()
    timeline = (await http.get(f"/v1/referrals/{submitted['id']}/timeline")).json()
    assert (kept.status_code, [d["name"] for d in listed]) == (201, ["ZZTESTLARKIN card.pdf"])
    assert (await http.get(kept.json()["href"])).content == PDF
    assert (timeline[-1]["what"], timeline[-1]["text"]) == ("document.added", "Document added")


async def test_a_document_is_read_through_its_own_referral_only(http, url, submitted):
    kept = (await send(http, url, PDF, "application/pdf")).json()
    other = await http.post("/v1/referrals", json={"clinic_id": "lakeside"})
    elsewhere = await http.get(f"{other.json()['links']['documents']}/{kept['id']}")
    assert elsewhere.status_code == 404


async def test_the_same_bytes_are_one_document(http, url):
    first = await send(http, url, PDF, "application/pdf")
    again = await send(http, url, PDF, "application/pdf")
    assert first.json() == again.json()
    assert len((await http.get(url)).json()) == 1


async def test_a_form_sent_again_with_its_key_is_answered_the_same(http, url):
    files = {"file": ("a.pdf", PDF, "application/pdf")}
    headers = {"Idempotency-Key": "d1"}
    first = await http.post(url, files=files, headers=headers)
    again = await http.post(url, files=files, headers=headers)
    assert (first.status_code, again.content) == (201, first.content)


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"MZ\x90", "application/pdf"),
        (PDF, "image/png"),
        (b"hello\x00", "text/plain"),
        (b"", "application/pdf"),
        (PDF, ""),
        (b"%PDF-" + bytes(LARGEST_BYTES), "application/pdf"),
    ],
)
async def test_what_is_no_document_of_its_type_is_refused(http, url, content, media_type):
    answer = await send(http, url, content, media_type)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/file")
    assert (await http.get(url)).json() == []


PART = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n'


@pytest.mark.parametrize(
    ("media_type", "start", "rest"),
    [
        ("application/pdf", b"%PDF-", b"1.7"),
        (
            "multipart/form-data; boundary=x",
            PART + b"Content-Type: application/pdf\r\n\r\n%PDF-",
            b"1.7\r\n--x--\r\n",
        ),
    ],
)
async def test_a_slow_sender_keeps_nobody_waiting(http, url, submitted, media_type, start, rest):
    """INVARIANT: no transaction is open while bytes come in; SQLite has one writer."""
    begun, going_on = asyncio.Event(), asyncio.Event()

    async def slowly():
        yield start
        begun.set()
        await going_on.wait()
        yield rest

    async with asyncio.timeout(10):
        sending = asyncio.create_task(send(http, url, slowly(), media_type))
        await begun.wait()
        moved = await http.post(f"{submitted['links']['self']}/accept")
        going_on.set()
        kept = await sending
    assert (moved.status_code, kept.status_code) == (200, 201)


async def test_a_form_without_a_file_is_refused(http, url):
    answer = await http.post(url, files={"other": ("a.pdf", PDF, "application/pdf")})
    words = await http.post(url, data={"file": "text"}, files={"x": ("a", b"a", "text/plain")})
    assert (answer.status_code, words.status_code) == (422, 422)


async def test_a_document_of_another_referral_is_not_found(http, url, submitted):
    kept = (await send(http, url, PDF, "application/pdf")).json()
    elsewhere = kept["href"].replace(submitted["id"], kept["id"])
    assert (await http.get(elsewhere)).status_code == 404
    unknown = f"/v1/referrals/{kept['id']}/documents"
    assert (await send(http, unknown, PDF, "application/pdf")).status_code == 404


async def test_no_page_of_a_document_stands_on_the_disk_in_the_clear(http, url, tmp_path):
    """INVARIANT: documents and their names are sealed at rest."""
    await http.post(url, files={"file": ("ZZTESTNAME.pdf", b"%PDF-ZZTESTPAGE", "application/pdf")})
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("service-*.db*"))
    assert b"ZZTEST" not in stored
