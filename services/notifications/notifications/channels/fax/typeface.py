"""The page's one typeface and its sizes, in points; nothing smaller than 10 survives a fax."""

from functools import cache
from pathlib import Path
from typing import Final

from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

REGULAR: Final = "FaxSans"
BOLD: Final = "FaxSans-Bold"
FONTS: Final = Path(__file__).parent / "fonts"
FILES: Final = {REGULAR: "DejaVuSansCondensed.ttf", BOLD: "DejaVuSansCondensed-Bold.ttf"}

LABEL_WIDTH: Final = 112
BOX_WIDTH: Final = 24


@cache
def load() -> None:
    """Make the typeface known to reportlab; the page embeds the letters that it uses."""
    for name, file in FILES.items():
        pdfmetrics.registerFont(TTFont(name, FONTS / file))
    pdfmetrics.registerFontFamily(
        REGULAR, normal=REGULAR, bold=BOLD, italic=REGULAR, boldItalic=BOLD
    )


def _style(name: str, size: float, *, bold: bool = False, **more: object) -> ParagraphStyle:
    font = BOLD if bold else REGULAR
    look = {"fontName": font, "fontSize": size, "leading": size * 1.22, "bulletFontName": font}
    return ParagraphStyle(name, **{**look, **more})


STRIP: Final = _style("strip", 13, bold=True)
FIELD: Final = _style("field", 11.5, leftIndent=44, bulletFontName=BOLD, bulletFontSize=11.5)
SMALL: Final = _style("small", 10)
PLAIN: Final = _style("plain", 11.5)
TITLE: Final = _style("title", 28, bold=True, spaceBefore=2, spaceAfter=9)
LABEL: Final = _style("label", 10, bold=True)
SUBJECT: Final = _style("subject", 15, bold=True)
SAYING: Final = _style(
    "saying", 13, leftIndent=LABEL_WIDTH, bulletFontName=BOLD, bulletFontSize=11.5
)
STRONG: Final = _style(
    "strong", 15, bold=True, leftIndent=LABEL_WIDTH, bulletFontName=BOLD, bulletFontSize=11.5
)
HEADING: Final = _style("heading", 13, bold=True, spaceBefore=10, keepWithNext=1)
ITEM: Final = _style(
    "item", 13, leftIndent=BOX_WIDTH, spaceBefore=9, bulletFontName=REGULAR, bulletFontSize=17
)
