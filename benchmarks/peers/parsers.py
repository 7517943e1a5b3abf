"""What a full parse costs: python -m benchmarks.peers.parsers ours|header|python-hl7|hl7apy FILE SECONDS.

The rate is messages per second of processor time, whoever else runs.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from itertools import cycle
from pathlib import Path

import hl7
from hl7apy.parser import parse_message

from emr_bridge.formats.hl7v2.header import read_header
from emr_bridge.formats.hl7v2.reader import read

LEAST = 3
"""Messages, however slow."""

PLACE = "@CONTROL-ID@"
DIFFERENT = 5_000
"""Control ids: so many that nobody remembers them all."""


def ours(message: bytes) -> object:
    """Read, and cut everything that is otherwise cut when it is asked for, down to subcomponents."""
    return [segment.cut() for segment in read(message).segments]


def header(message: bytes) -> object:
    """Read of a message what its acknowledgement needs."""
    return read_header(message).control_id


def python_hl7(message: bytes) -> object:
    """Parse by python-hl7."""
    return hl7.parse(message.decode())


def hl7apy(message: bytes) -> object:
    """Parse by hl7apy, as it does by default."""
    return parse_message(message.decode())


PARSERS: Mapping[str, Callable[[bytes], object]] = {
    "ours": ours,
    "header": header,
    "python-hl7": python_hl7,
    "hl7apy": hl7apy,
}


def main(name: str, file: str, seconds: float) -> None:
    """Parse messages that differ as those of one sender do, again and again."""
    text = Path(file).read_text().replace("\n", "\r")
    messages = cycle([text.replace(PLACE, f"{n:018d}").encode() for n in range(DIFFERENT)])
    parse = PARSERS[name]
    parse(next(messages))
    count, began = 0, time.process_time()
    while count < LEAST or time.process_time() < began + seconds:
        parse(next(messages))
        count += 1
    print(json.dumps({"rate": count / (time.process_time() - began)}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
