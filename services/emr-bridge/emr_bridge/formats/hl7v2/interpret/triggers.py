"""What an interpreter is: a function from a message and its link's ways to a reading."""

from collections.abc import Callable

from emr_bridge.formats.hl7v2.interpret.overrides import Overrides
from emr_bridge.formats.hl7v2.interpret.reading import Reading
from emr_bridge.formats.hl7v2.message import Message

Interpreter = Callable[[Message, Overrides], Reading]
