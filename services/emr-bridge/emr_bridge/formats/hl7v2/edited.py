"""A message of ours as a person edited it: what may change, and what must not."""

from emr_bridge.formats.hl7v2.builders.check import wrong_places
from emr_bridge.formats.hl7v2.charset import encode
from emr_bridge.formats.hl7v2.message import Message
from emr_bridge.formats.hl7v2.reader import read

UNCHANGED = (1, 2, 3, 4, 5, 6, 9, 11, 12, 15, 16, 18)
"""Fields of MSH that say from whom, to whom, and what kind of message it is."""


def edited(before: bytes, text: str, *, control_id: str, charset: str) -> bytes | tuple[str, ...]:
    """Return the message with its new MSH-10, ready to be sent; or the places that are wrong.

    `charset` is the link's. Lines may end as an editor leaves them.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    raw = encode("\r".join(lines) + "\r", charset)
    message, was = read(raw), read(before)
    found = _changed(was, message) + wrong_places(message)
    if found:
        return tuple(dict.fromkeys(found))
    head = message.first("MSH").raw.split("|")
    head[9] = control_id
    return encode("\r".join(["|".join(head), *lines[1:]]) + "\r", charset)


def _changed(was: Message, now: Message) -> list[str]:
    old, new = was.first("MSH"), now.first("MSH")
    if not now.segments or now.segments[0].name != "MSH":
        return ["MSH"]
    return [f"MSH-{number}" for number in UNCHANGED if old.field(number) != new.field(number)]
