"""Where every fax is kept: a folder of PDF and PNG files, named by fax id and nothing else."""

from pathlib import Path

from simulators.fax_gateway.documents import draw
from simulators.fax_gateway.fax import Fax


class Archive:
    """What arrived on the far side's paper, as files."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder

    def keep(self, fax: Fax) -> None:
        """Write the document as it was handed over."""
        self.document(fax.id).write_bytes(fax.document.content)

    def print_pages(self, fax: Fax) -> None:
        """Draw the pages at fax size; a document that could not be read has none."""
        halftone = fax.request.image_conversion_method == "HALFTONE"
        if fax.document.problem is None:
            for number, png in enumerate(draw(fax.document.content, halftone=halftone), start=1):
                self.page(fax.id, number).write_bytes(png)

    def document(self, fax_id: str) -> Path:
        """Name the file that holds a fax's document."""
        return self.folder / f"{fax_id}.pdf"

    def page(self, fax_id: str, number: int) -> Path:
        """Name the file that holds one drawn page, counted from 1."""
        return self.folder / f"{fax_id}-{number}.png"

    def printed_pages(self, fax: Fax) -> list[int]:
        """List the page numbers that are drawn so far."""
        return [n for n in range(1, fax.document.pages + 1) if self.page(fax.id, n).exists()]

    def forget(self, fax: Fax) -> None:
        """Delete all files of one fax."""
        self.document(fax.id).unlink(missing_ok=True)
        for number in self.printed_pages(fax):
            self.page(fax.id, number).unlink()
