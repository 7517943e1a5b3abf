"""What an EMR's answer, or its silence, says: read from the bytes, judged by the link's policy."""

from dataclasses import dataclass

from emr_bridge.domain.redelivery import Decision, Policy, decide, is_configuration_fault
from emr_bridge.formats.hl7v2.ack import Acknowledgement, read_acknowledgement
from emr_bridge.ports import Answered, Exchange, NotSent


@dataclass(frozen=True, slots=True)
class Judged:
    """What follows, and why in codes alone: `AE 101`. A far side may write anything in them."""

    decision: Decision
    code: str
    is_fault: bool = False


def is_answer_to(control_id: str, message: bytes) -> bool:
    """Tell whether a message acknowledges ours: MSA-2 is our MSH-10."""
    found = read_acknowledgement(message)
    return found is not None and found.control_id == control_id


def judge(answer: bytes | None, policy: Policy) -> Judged | None:
    """Return what an answer means; None when there is none."""
    said = read_acknowledgement(answer) if answer is not None else None
    if said is None:
        return None
    decision = decide(said.code, said.errors, policy)
    fault = decision is Decision.PARK and is_configuration_fault(said.errors)
    return Judged(decision, _code(said), fault)


def reason(exchange: Exchange) -> str:
    """Return why there is no answer."""
    if isinstance(exchange, Answered):
        return "not_an_answer"
    state = "not_sent" if isinstance(exchange, NotSent) else "unanswered"
    return f"{state}_{exchange.reason}"


def _code(said: Acknowledgement) -> str:
    codes = [said.code, *said.errors]
    return " ".join(code[:10] for code in codes if code.isalnum())[:100]
