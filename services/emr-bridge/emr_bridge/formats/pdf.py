"""A letter as PDF (ISO 32000-1): black Helvetica on letter pages, nothing but words.

The two fonts that every reader has are named, not embedded. Knows no notice and no HL7.
"""

from collections.abc import Iterator, Sequence

from emr_bridge.formats.hl7v2.charset import encode

WIDTH, HEIGHT = 612, 792
MARGIN = 72
SIZE, LEADING, HEADING = 11, 16, 16
LINES = (HEIGHT - 2 * MARGIN) // LEADING

NARROW = dict.fromkeys("ijl'|", 222) | dict.fromkeys(" !,./:;I[]\\ft", 278) | {"r": 333}
NARROW |= dict.fromkeys("(-)", 333) | dict.fromkeys("cksvxyzJ", 500)
WIDE = dict.fromkeys("ABEKPSVXY&", 667) | dict.fromkeys("CDHNRUw", 722) | {"m": 833, "M": 833}
WIDE |= dict.fromkeys("GOQ", 778) | {"W": 944, "@": 1015, "%": 889}
WIDTHS = NARROW | WIDE
"""Helvetica's advance widths in thousandths; 556 is most letters' and every digit's."""


def letter(heading: str, paragraphs: Sequence[str]) -> bytes:
    """Return a letter as a PDF; the same words give the same bytes."""
    lines = [line for paragraph in paragraphs for line in _wrapped(paragraph)]
    first = LINES - 2
    pages = [lines[:first]]
    pages += [lines[start : start + LINES] for start in range(first, len(lines), LINES)]
    contents = [_content(heading if not n else "", page) for n, page in enumerate(pages)]
    return _document(contents)


def _wrapped(paragraph: str) -> Iterator[str]:
    """Yield a paragraph's lines; a word wider than a line is cut."""
    room = (WIDTH - 2 * MARGIN) * 1000 // SIZE
    line = ""
    for word in paragraph.split() or [""]:
        while _advance(word) > room:
            yield from [line] if line else []
            fitting = next(n for n in range(len(word), 0, -1) if _advance(word[:n]) <= room)
            yield word[:fitting]
            line, word = "", word[fitting:]
        longer = f"{line} {word}" if line else word
        if _advance(longer) > room:
            yield line
            longer = word
        line = longer
    yield line


def _advance(text: str) -> int:
    return sum(WIDTHS.get(character, 556) for character in text)


def _content(heading: str, lines: Sequence[str]) -> bytes:
    """Return one page's drawing: text from the top left corner downwards."""
    top = HEIGHT - MARGIN
    drawn = [b"BT", b"%d %d Td" % (MARGIN, top), b"%d TL" % LEADING]
    if heading:
        drawn += [b"/F2 %d Tf" % HEADING, _shown(heading), b"T* T*"]
    drawn.append(b"/F1 %d Tf" % SIZE)
    for line in lines:
        drawn += [_shown(line), b"T*"]
    return b"\n".join([*drawn, b"ET"])


def _shown(text: str) -> bytes:
    """Return text as WinAnsi; what it lacks becomes its base letter, else a question mark."""
    plain = encode(text, "cp1252")
    for mark in (b"\\", b"(", b")"):
        plain = plain.replace(mark, b"\\" + mark)
    return b"(" + plain + b") Tj"


def _document(contents: Sequence[bytes]) -> bytes:
    """Return the file of these pages: catalog, page tree, fonts, then each page and its drawing."""
    fonts = b"<< /F1 3 0 R /F2 4 0 R >>"
    kids = b" ".join(b"%d 0 R" % (5 + 2 * number) for number in range(len(contents)))
    box = b"[0 0 %d %d]" % (WIDTH, HEIGHT)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, len(contents)),
        *(_font(name) for name in (b"Helvetica", b"Helvetica-Bold")),
    ]
    for number, content in enumerate(contents):
        page = b"<< /Type /Page /Parent 2 0 R /MediaBox %s /Resources << /Font %s >> /Contents %d 0 R >>"
        objects.append(page % (box, fonts, 6 + 2 * number))
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
    return _written(objects)


def _font(name: bytes) -> bytes:
    kind = b"<< /Type /Font /Subtype /Type1 /BaseFont /%s /Encoding /WinAnsiEncoding >>"
    return kind % name


def _written(objects: Sequence[bytes]) -> bytes:
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start, size = len(out), len(objects) + 1
    out += b"xref\n0 %d\n0000000000 65535 f \n" % size
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, start)
    return bytes(out)
