"""Lays a notice out as the fax page: black on white letter pages, made to be read on paper.

Knows the words' places and sizes; neither the words themselves nor how the page is sent.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from io import BytesIO
from xml.sax.saxutils import escape

from reportlab.lib.pagesizes import LETTER
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import inch
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    HRFlowable,
    KeepTogether,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
)

from notifications.channels.fax import typeface as face
from notifications.channels.fax.strip import Envelope, strip
from notifications.domain.notice import Notice
from notifications.wording import dates
from notifications.wording.text import patient_name, phone

SIDE = 0.75 * inch
TOP = 0.55 * inch
"""The gateway prints its header line into the topmost 0.4 inch."""
BOTTOM = 0.9 * inch
WIDTH = LETTER[0] - 2 * SIDE
FOOTER = 0.6 * inch
WRITING_ROOM = 24
TICK_BOX = "\N{BALLOT BOX}"


@dataclass(frozen=True, slots=True)
class FaxDocument:
    """What is faxed: the PDF's bytes and its number of pages."""

    pdf: bytes
    pages: int


class Unprintable(Exception):
    """A notice that cannot be laid out: it fails in the same way each time. `code` names the fault."""

    def __init__(self, code: str) -> None:
        """Name the fault; never the words that could not be laid out."""
        super().__init__(code)
        self.code = code


def render(
    notice: Notice,
    *,
    to_number: str,
    from_name: str,
    from_phone: str,
    sent_at: datetime,
    time_zone: str,
    reply_fax: str | None = None,
) -> FaxDocument:
    """Lay a notice out; numbers are E.164, `time_zone` is the clinic's.

    The same input gives the same bytes. What does not fit goes on to further pages, each with the
    reference and its number. Raises Unprintable.
    """
    face.load()
    envelope = Envelope(
        to_number=phone(to_number),
        from_name=from_name,
        from_phone=phone(from_phone),
        sent=dates.moment(sent_at, time_zone, now=sent_at),
    )
    as_of = dates.moment(notice.happened_at, time_zone, now=sent_at)
    reply = phone(reply_fax) if reply_fax else None
    compose = partial(_build, notice, envelope, as_of=as_of, reply_fax=reply)
    draft = compose(pages=1)
    return draft if draft.pages == 1 else compose(pages=draft.pages)


def _build(
    notice: Notice, envelope: Envelope, *, as_of: str, reply_fax: str | None, pages: int
) -> FaxDocument:
    out = BytesIO()
    document = BaseDocTemplate(
        out,
        pagesize=LETTER,
        invariant=1,
        title=f"Referral {notice.referral_code}",
        author=envelope.from_name,
        # Otherwise every page names Helvetica, which nobody uses and nobody embeds.
        initialFontName=face.REGULAR,
    )
    frame = Frame(SIDE, BOTTOM, WIDTH, LETTER[1] - TOP - BOTTOM, 0, 0, 0, 0)
    foot = partial(_footer, notice.referral_code, envelope, pages)
    document.addPageTemplates(PageTemplate(frames=[frame], onPage=foot))
    try:
        document.build(_story(notice, envelope, as_of=as_of, reply_fax=reply_fax, pages=pages))
    except Exception as error:  # noqa: BLE001 - the library raises whatever the words lead it into
        # Its message quotes the page.
        raise Unprintable(type(error).__name__) from None
    return FaxDocument(out.getvalue(), document.page)


def _story(
    notice: Notice, envelope: Envelope, *, as_of: str, reply_fax: str | None, pages: int
) -> list[Flowable]:
    return [
        *strip(notice, envelope, width=WIDTH, pages=pages),
        Spacer(0, 12),
        _text(f"Status as of {as_of}", face.PLAIN),
        _text(notice.title, face.TITLE),
        _subject(notice),
        Spacer(0, 6),
        *_row("What happened", notice.happened, face.SAYING),
        *_row("What comes next", notice.next_step, face.SAYING),
        *_row("Who must act", notice.who_acts, face.STRONG),
        *(_row("By when", notice.by_when, face.STRONG) if notice.by_when else ()),
        *(_questions(notice, envelope, reply_fax) if notice.items else ()),
    ]


def _subject(notice: Notice) -> Table:
    patient = (patient_name(notice.patient) if notice.patient else "") or "Not given yet"
    cells = [
        [_text("PATIENT", face.LABEL), _text(patient, face.SUBJECT)],
        [_text("MEDICATION", face.LABEL), _text(notice.medication, face.SUBJECT)],
    ]
    widths = (face.LABEL_WIDTH - 12, WIDTH - face.LABEL_WIDTH + 12)
    style = [
        ("FONTNAME", (0, 0), (-1, -1), face.REGULAR),
        ("BOX", (0, 0), (-1, -1), 1.5, "black"),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("TOPPADDING", (0, 0), (0, -1), 8),
        ("LEFTPADDING", (0, 0), (0, -1), 8),
    ]
    return Table(cells, colWidths=widths, style=style, splitInRow=1)


def _row(label: str, words: str, style: ParagraphStyle) -> list[Flowable]:
    return [
        Spacer(0, 7),
        Paragraph(escape(words), style, bulletText=label),
        HRFlowable(width="100%", thickness=0.75, color="black", spaceBefore=7, spaceAfter=0),
    ]


def _questions(notice: Notice, envelope: Envelope, reply_fax: str | None) -> list[Flowable]:
    call = f"call {envelope.from_phone}"
    if reply_fax:
        how = "Please check the box, or write your answer"
        then = f"Then fax this page back to {reply_fax}, or {call}"
    else:
        how, then = "Please have the answers ready", f"Then {call}"
    return [
        _text(how, face.HEADING),
        _text(f"{then}. Reference: {notice.referral_code}.", face.PLAIN),
        *(_question(number, item) for number, item in enumerate(notice.items, start=1)),
    ]


def _question(number: int, item: str) -> Flowable:
    """Lay out an item: a box to check, and where something is asked, room for the answer."""
    words = Paragraph(escape(f"{number}. {item}"), face.ITEM, bulletText=TICK_BOX)
    return KeepTogether([words, _writing_line()]) if "?" in item else words


def _writing_line() -> HRFlowable:
    return HRFlowable(
        width=WIDTH - face.BOX_WIDTH,
        hAlign="RIGHT",
        thickness=0.75,
        color="black",
        spaceBefore=WRITING_ROOM,
        spaceAfter=0,
    )


def _text(words: str, style: ParagraphStyle) -> Paragraph:
    return Paragraph(escape(words), style)


def _footer(
    code: str, envelope: Envelope, pages: int, canvas: Canvas, document: BaseDocTemplate
) -> None:
    canvas.setLineWidth(1.5)
    canvas.line(SIDE, FOOTER + 16, SIDE + WIDTH, FOOTER + 16)
    canvas.setFont(face.BOLD, 11.5)
    canvas.drawString(SIDE, FOOTER, f"Ref {code} · page {document.page} of {pages}")
    canvas.setFont(face.REGULAR, 11.5)
    canvas.drawRightString(SIDE + WIDTH, FOOTER, f"Questions? Call {envelope.from_phone}")
