"""What the simulator tests share: PDFs of a known number of pages."""

import io
from collections.abc import Callable

import pytest
from reportlab.lib.pagesizes import letter
from reportlab.pdfgen.canvas import Canvas


def make_pdf(pages: int, text: str = "Referral received") -> bytes:
    """Draw a PDF with so many letter pages."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=letter)
    for number in range(1, pages + 1):
        canvas.drawString(72, 700, f"{text}, page {number} of {pages}")
        canvas.showPage()
    canvas.save()
    return out.getvalue()


@pytest.fixture
def pdf() -> Callable[..., bytes]:
    """Make PDFs of a known number of pages."""
    return make_pdf
