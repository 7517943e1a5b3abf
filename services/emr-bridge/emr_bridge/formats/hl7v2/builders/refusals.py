"""Why a message cannot be made. Names places, never values."""

from collections.abc import Sequence

from common.errors import SetAside


class Unbuildable(SetAside):
    """No valid message can be made of this; the text names places, never values."""

    def __init__(self, places: Sequence[str]) -> None:
        """Take the places that are wrong, such as `RF1-6`."""
        super().__init__("unbuildable", ", ".join(places) or "structure")
        self.places = tuple(places)
