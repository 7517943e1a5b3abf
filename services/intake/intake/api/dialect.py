"""How an EMR speaks HL7 v2, as a clinic's body gives it: refused here, with a pointer, when it cannot be."""

from collections.abc import Iterable
from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from common.events import overrides
from common.events.clinic import Hl7Dialect
from common.field_words import rule
from intake.api.strict import NO_NUL, STRICT, Strict

GREATEST_MESSAGE = 256 * 1024 * 1024
MOST_CONNECTIONS = 10_000
MOST_IN_FLIGHT = 16
MOST_ENTRIES = 500


def _network(text: str) -> str:
    """Return a network as written; an address alone is a network of one."""
    try:
        ip_network(text, strict=False)
    except ValueError as error:
        raise rule("must be an address or a network such as 10.20.0.0/16") from error
    return text


Network = Annotated[str, AfterValidator(_network)]
Version = Annotated[str, StringConstraints(pattern=r"^2\.[1-9](\.[0-9])?$")]
Certificate = Annotated[
    str, StringConstraints(pattern=r"^(sha256:[0-9a-fA-F]{64}|[A-Za-z0-9*][A-Za-z0-9 ._-]{0,199})$")
]
Words = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=NO_NUL)]
CodeSet = Annotated[dict[Words, Words], Field(max_length=MOST_ENTRIES)]


def _place(text: str) -> str:
    """Return where something stands: one place, or several in the order in which they are tried."""
    if not overrides.are_places(text):
        raise rule(overrides.NO_PLACE)
    return text


def _one_of(known: Iterable[str]) -> AfterValidator:
    names = sorted(known)

    def check(name: str) -> str:
        if name not in names:
            raise rule("must be one of: {names}", names=", ".join(names))
        return name

    return AfterValidator(check)


Moved = Annotated[Words, _one_of(overrides.KEYS)]
Place = Annotated[Words, AfterValidator(_place)]
CodeTable = Annotated[Words, _one_of(overrides.CODE_SETS)]


class Hl7DialectIn(Hl7Dialect, Strict):
    """How the EMR speaks HL7 v2 where EMRs differ; what is left out is what most of them do."""

    model_config = STRICT | ConfigDict(use_attribute_docstrings=True)

    versions: tuple[Version, ...] = ()
    """MSH-12 as accepted; empty lets every version pass."""
    client_certificate: Certificate | None = None
    """What the EMR must show: a name in its certificate (SAN or CN), or `sha256:` and 64 digits."""
    allowed_addresses: tuple[Network, ...] = ()
    """Networks (CIDR) from which its messages may come; empty lets every address pass."""
    max_connections: Annotated[int, Field(ge=1, le=MOST_CONNECTIONS)] | None = None
    """How many connections it may hold open; null leaves it to the service's own limit."""
    max_message_bytes: Annotated[int, Field(ge=1024, le=GREATEST_MESSAGE)] | None = None
    """Its largest message; null leaves it to the service's own limit."""
    hl7_version: Version = "2.5.1"
    """MSH-12 of what we send."""
    in_flight: Annotated[int, Field(ge=1, le=MOST_IN_FLIGHT)] = 1
    """How many messages may be on their way at a time."""
    overrides: dict[Moved, Place] = Field(
        default_factory=dict,
        max_length=MOST_ENTRIES,
        examples=[{"prescriber.npi": "ORC-12.1, OBR-16.1", "drug.code": "RXO-1.1 system NDC"}],
    )
    """Where it writes something in another field than the standard says."""
    code_sets: dict[CodeTable, CodeSet] = Field(
        default_factory=dict,
        max_length=MOST_ENTRIES,
        examples=[{"diagnosis_system": {"X10": "ICD-10-CM"}}],
    )
    """Its local codes, per table, and what they are in ours."""
