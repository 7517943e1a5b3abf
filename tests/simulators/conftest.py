"""What the simulator tests share: PDFs of a known number of pages, and waiting."""

import asyncio
import io

import pytest
from reportlab.lib.pagesizes import letter
from reportlab.pdfgen.canvas import Canvas


@pytest.fixture
def pdf():
    """Make PDFs with so many letter pages."""

    def make(pages):
        out = io.BytesIO()
        canvas = Canvas(out, pagesize=letter)
        for number in range(1, pages + 1):
            canvas.drawString(72, 700, f"Referral received, page {number} of {pages}")
            canvas.showPage()
        canvas.save()
        return out.getvalue()

    return make


@pytest.fixture
def eventually():
    """Wait until a condition holds, five seconds at most."""

    async def wait(holds):
        for _ in range(500):
            if holds():
                return
            await asyncio.sleep(0.01)
        pytest.fail("it did not happen within five seconds")

    return wait
