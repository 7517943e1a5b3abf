"""What becomes of every message of the corpus: `.venv/bin/python -m tests.emr_bridge.outcomes` prints it.

A message has one outcome and, unless it is plainly read, a stated reason.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from emr_bridge.formats.hl7v2.ack import is_acknowledgement
from emr_bridge.formats.hl7v2.batch import split
from emr_bridge.formats.hl7v2.header import read_header
from emr_bridge.formats.hl7v2.interpret import EVENTS, interpret
from emr_bridge.formats.hl7v2.interpret.reading import Doubtful
from emr_bridge.formats.hl7v2.reader import read

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "hl7v2"
FILES = sorted(path for path in CORPUS.rglob("*") if path.is_file()) if CORPUS.is_dir() else []


def messages() -> Iterator[tuple[Path, bytes]]:
    """Yield every message, those of a batch one by one; a file without any as it is."""
    for path in FILES:
        raw = path.read_bytes()
        yield from ((path, one) for one in split(raw).messages or (raw,))


def outcome(raw: bytes) -> tuple[str, str]:
    """Return the outcome and its reason, for a message of a sender whom we know."""
    header = read_header(raw)
    if not header.is_readable:
        return "refused", "no_header"
    if is_acknowledgement(header):
        return "ignored", "acknowledgement"
    name, event = header.kind
    if name not in EVENTS:
        return "refused", "type_not_taken"
    if event and event not in EVENTS[name]:
        return "refused", "event_not_taken"
    reading = interpret(read(raw))
    if isinstance(reading, Doubtful):
        return "review", reading.reason
    return "read", type(reading).__name__


def table() -> Counter[tuple[str, str, str]]:
    """Count messages by type, outcome and reason."""
    return Counter(
        (read_header(raw).message_type or "(none)", *outcome(raw)) for _, raw in messages()
    )


if __name__ == "__main__":
    for (kind, result, reason), count in sorted(table().items()):
        print(f"{kind:<12}{result:<10}{reason:<36}{count:>5}")
