r"""Documents inside a message: OBX-5 as ED (`source^type^subtype^encoding^data`), checked and bounded.

Senders shift the components by one, wrap Base64 as they like, and call a PDF what it is not.
"""

import base64
import binascii
import re
from collections.abc import Iterator

from common.papers import TEXT, media_type_of
from emr_bridge.formats.hl7v2.interpret.fields.observed import name_of_observation
from emr_bridge.formats.hl7v2.interpret.fields.values import coded_text
from emr_bridge.formats.hl7v2.interpret.reading import Document
from emr_bridge.formats.hl7v2.message import Message, Segment, Value

LARGEST_BYTES = 12 * 1024 * 1024
"""Of one document: what fits, encoded, into the largest message that is taken."""

MOST_DOCUMENTS = 20
SHORTEST_DATA = 8
"""Fewer letters are no document, but a note that there is none."""

WITH_DATA = ("ED", "RP")
ENCODINGS = ("BASE64", "HEX", "A")
BLANKS = re.compile(r"\s+|\\\.br\\|\\X0[DA](?:0[DA])?\\", re.IGNORECASE)


def read(message: Message) -> tuple[tuple[Document, ...], tuple[str, ...]]:
    """Return the documents of a message, and a finding for each that cannot be used."""
    documents: list[Document] = []
    findings: list[str] = []
    for segment, value in _candidates(message):
        data = _data(value)
        if data is None:
            continue
        result = _document(segment, value, *data)
        if len(documents) == MOST_DOCUMENTS:
            result = "document_beyond_limit"
        if isinstance(result, Document):
            documents.append(result)
        else:
            findings.append(f"{result} {value.place}")
    return tuple(documents), tuple(findings)


def pointers(message: Message) -> Iterator[Value]:
    """Yield the values that say where a document lies that is not in the message (RP)."""
    for segment, value in _candidates(message):
        if segment.text(2) == "RP" and _data(value) is None and value.component(1):
            yield value


def _candidates(message: Message) -> Iterator[tuple[Segment, Value]]:
    for segment in message.all("OBX"):
        if segment.text(2) in WITH_DATA:
            yield from ((segment, value) for value in segment.values(5))


def _data(value: Value) -> tuple[str, str] | None:
    """Return encoding and data, wherever the encoding stands: data follows it."""
    components = value.components
    for place, component in enumerate(components[1:-1], start=2):
        name = component.strip().upper()
        if name in ENCODINGS:
            data = value.separators.component.join(components[place:])
            if len(data.strip()) >= SHORTEST_DATA:
                return name, data
    return None


def _document(segment: Segment, value: Value, encoding: str, data: str) -> Document | str:
    if len(data) > LARGEST_BYTES * 2:
        return "document_too_large"
    content = _decoded(encoding, data, value)
    if content is None:
        return f"document_not_{encoding.lower()}"
    if len(content) > LARGEST_BYTES:
        return "document_too_large"
    media_type = media_type_of(content)
    if media_type is None:
        return "document_of_unknown_type"
    return Document(content, media_type, name_of_observation(segment) or None)


def _decoded(encoding: str, data: str, value: Value) -> bytes | None:
    if encoding == "A":
        return value.separators.unescape(data, value.charset).strip().encode()
    bare = BLANKS.sub("", data)
    try:
        if encoding == "HEX":
            return bytes.fromhex(bare)
        padded = bare.rstrip("=")
        padded += "=" * (-len(padded) % 4)
        return base64.b64decode(padded, validate=True)
    except (ValueError, binascii.Error):
        return None


def as_text(name: str | None, lines: list[str]) -> Document | None:
    """Return what stands in a message as words as a document of its own."""
    text = "\n".join(lines).strip()
    return Document(text.encode()[:LARGEST_BYTES], TEXT, name) if text else None


def title(message: Message) -> str | None:
    """Return what the sender calls the document: TXA-2, else the service that it reports."""
    values = (message.first("TXA").value(2), message.first("OBR").value(4))
    return next((text for value in values if (text := coded_text(value))), None)
