"""The person at the clinic who sent the message: to them updates are addressed."""

from common.events.people import Contact
from emr_bridge.formats.hl7v2.interpret.fields.values import email_of, name_of, phone_of
from emr_bridge.formats.hl7v2.interpret.sources import Sources
from emr_bridge.formats.hl7v2.message import Message, Segment

CLINIC_CONTACTS = ("PR", "CP", "O", "")
"""CTD-1 (table 0131): who prepared the referral, contact person, other, not said."""

NOBODY = {"SYSTEM", "INTERFACE", "AUTO", "ADMIN"}
"""Words that programs enter orders under."""


def read(message: Message, sources: Sources | None = None) -> Contact | None:
    """CTD of the clinic, else who entered the order (ORC-10, with the call-back number)."""
    sources = sources or Sources()
    contacts = message.all("CTD")
    for role in CLINIC_CONTACTS if contacts else ():
        for segment in contacts:
            name = name_of(segment.value(2), first=1)
            if name and (segment.text(1) or "").upper() == role:
                sources.note("/contact", segment.value(2))
                return _of_ctd(name, segment)
    for order in message.all("ORC"):
        name = name_of(order.value(10), first=2)
        if name and not NOBODY.issuperset(name.upper().split()):
            sources.note("/contact", order.value(10))
            return Contact(name=name, phone=phone_of(order.value(14)))
    return None


def _of_ctd(name: str, segment: Segment) -> Contact:
    numbers = segment.values(5)
    return Contact(
        name=name,
        phone=next((phone for value in numbers if (phone := phone_of(value))), None),
        email=next((email for value in numbers if (email := email_of(value))), None),
    )
