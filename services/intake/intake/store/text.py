"""Text as every database takes it."""


def plain(text: str, longest: int) -> str:
    """Return a text that fits its column: PostgreSQL keeps no NUL, and a column has its length."""
    return text.replace("\0", "").strip()[:longest]
