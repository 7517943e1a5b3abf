"""Fax documents: many uploads made one PDF, its pages counted and drawn as a fax machine would.

Knows PDF and images; knows nothing of calls. PDFium is not thread-safe, so one lock guards it.
"""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock

import pypdfium2 as pdfium
from PIL import Image, UnidentifiedImageError

from simulators.fax_gateway.behaviour import UNREADABLE_PDF, UNSUPPORTED_FILE, Ending
from simulators.fax_gateway.request import Upload

#: Pixels across a page at 204 dpi, letter and A4 alike (T.4).
FAX_WIDTH = 1728
#: Darker than this is ink when a page is made black and white without halftone.
INK = 160
IMAGES = frozenset({"TIF", "TIFF", "PNG", "JPG", "JPEG"})

_pdfium = Lock()


@dataclass(frozen=True, slots=True)
class Document:
    """A document as kept: its bytes, its pages (0 when unreadable), and why it cannot be faxed."""

    content: bytes
    pages: int
    problem: Ending | None = None

    @property
    def sha256(self) -> str:
        """The document's SHA-256 in hex, of the bytes as they were sent when it was one PDF."""
        return hashlib.sha256(self.content).hexdigest()


def convert(uploads: list[Upload]) -> Document:
    """Make one PDF of the uploads and count its pages; a lone PDF is kept byte for byte."""
    original = b"".join(upload.content for upload in uploads)
    try:
        pdfs = [_as_pdf(upload) for upload in uploads]
        with _pdfium:
            content = pdfs[0] if len(pdfs) == 1 else _join(pdfs)
            return Document(content, _count(content))
    except (UnidentifiedImageError, KeyError):
        return Document(original, 0, UNSUPPORTED_FILE)
    except pdfium.PdfiumError:
        return Document(original, 0, UNREADABLE_PDF)


def draw(content: bytes, *, halftone: bool) -> Iterator[bytes]:
    """Draw each page as a 1-bit PNG of fax width, with square pixels so that it reads well."""
    with _pdfium, pdfium.PdfDocument(content) as pdf:
        for index in range(len(pdf)):
            page = pdf[index]
            image = page.render(scale=FAX_WIDTH / page.get_width(), grayscale=True).to_pil()
            page.close()
            yield _as_png(image, halftone=halftone)


def _as_png(image: Image.Image, *, halftone: bool) -> bytes:
    dither = Image.Dither.FLOYDSTEINBERG if halftone else Image.Dither.NONE
    grey = image if halftone else image.point(lambda level: 255 if level > INK else 0)
    out = io.BytesIO()
    grey.convert("1", dither=dither).save(out, "PNG")
    return out.getvalue()


def _as_pdf(upload: Upload) -> bytes:
    if upload.file_type == "PDF":
        return upload.content
    if upload.file_type not in IMAGES:
        raise KeyError(upload.file_type)
    out = io.BytesIO()
    with Image.open(io.BytesIO(upload.content)) as image:
        image.save(out, "PDF", save_all=True)
    return out.getvalue()


def _join(pdfs: list[bytes]) -> bytes:
    out = io.BytesIO()
    with pdfium.PdfDocument.new() as whole:
        for content in pdfs:
            with pdfium.PdfDocument(content) as part:
                whole.import_pages(part)
        whole.save(out)
    return out.getvalue()


def _count(content: bytes) -> int:
    with pdfium.PdfDocument(content) as pdf:
        return len(pdf)
