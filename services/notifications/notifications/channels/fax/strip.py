"""The cover strip on top of the first page: who to whom, when, how many pages, and no patient."""

from dataclasses import dataclass
from xml.sax.saxutils import escape

from reportlab.platypus import Flowable, HRFlowable, Paragraph, Spacer, Table

from notifications.channels.fax import typeface as face
from notifications.domain.notice import Notice


@dataclass(frozen=True, slots=True)
class Envelope:
    """What stands on the outside of a fax, as it is printed."""

    to_number: str
    from_name: str
    from_phone: str
    sent: str


def strip(notice: Notice, envelope: Envelope, *, width: float, pages: int) -> list[Flowable]:
    """Lay out the strip; of the notice it tells only the addressee, the clinic and the code."""
    to = _field("To", notice.addressed_to, notice.clinic_name, f"Fax {envelope.to_number}")
    sender = _field("From", envelope.from_name, f"Phone {envelope.from_phone}")
    facts = (_field("Sent", envelope.sent), _field("Pages", str(pages)))
    return [
        _columns([Paragraph("Fax: referral update", face.STRIP)], [_reference(notice)], width),
        _rule(after=5),
        _columns([to], [sender, *facts], width),
        Spacer(0, 6),
        Paragraph(escape(_misdirected(envelope)), face.SMALL),
        _rule(before=7),
    ]


def _columns(left: list[Flowable], right: list[Flowable], width: float) -> Table:
    style = [
        ("FONTNAME", (0, 0), (-1, -1), face.REGULAR),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        *((f"{side}PADDING", (0, 0), (-1, -1), 0) for side in ("LEFT", "TOP", "BOTTOM")),
        ("RIGHTPADDING", (0, 0), (-1, -1), 8),
    ]
    return Table([[left, right]], colWidths=(width / 2, width / 2), style=style)


def _reference(notice: Notice) -> Paragraph:
    return Paragraph(escape(f"Ref {notice.referral_code}"), face.STRIP)


def _field(label: str, *lines: str) -> Paragraph:
    return Paragraph("<br/>".join(map(escape, lines)), face.FIELD, bulletText=label)


def _misdirected(envelope: Envelope) -> str:
    return (
        "CONFIDENTIAL. This fax is for the addressee only and may hold protected health information. "
        f"If it came to you by mistake, please call {envelope.from_phone} at once, "
        "do not copy it or pass it on, and destroy every page."
    )


def _rule(*, before: float = 2, after: float = 0) -> HRFlowable:
    return HRFlowable(
        width="100%", thickness=2.5, color="black", spaceBefore=before, spaceAfter=after
    )
