"""Which values of a message say nothing of a person. Closed by default: what is not known is masked."""

import re

from emr_bridge.formats.hl7v2.naming.definitions import Part, table_codes
from emr_bridge.formats.hl7v2.naming.meanings import meaning

MASK = "•••"

OPEN = {
    "MSH": range(1, 30),
    "FHS": range(1, 30),
    "BHS": range(1, 30),
    "BTS": (1,),
    "FTS": (1,),
    "EVN": (1, 2),
    "MSA": (1, 2, 4, 6),
    "ERR": (1, 2, 3, 4),
}
"""Fields that hold what machines tell each other; MSA-3, ERR-7 and ERR-8 are written by people."""

CODED = frozenset(
    {"AIG", "AIS", "AL1", "DG1", "NTE", "OBR", "OBX", "ORC", "RF1", "RGS", "SCH", "TQ1", "TXA"}
    | {"RXC", "RXD", "RXE", "RXG", "RXO", "RXR"}
)
"""Segments about things, not people: what looks like a code in a coded place is one."""

OBSERVED = ("OBX", 5)
"""What was observed may be anything, a number of the patient's too."""

CODE = re.compile(r"[A-Z0-9][A-Z0-9./_-]{0,14}", re.ASCII | re.IGNORECASE)
NUMBER = re.compile(r"-?\d{1,9}(\.\d{1,6})?", re.ASCII)
CODED_TYPES = frozenset({"CE", "CWE", "CNE", "CF"})
CODE_COMPONENTS = frozenset({1, 3, 4, 6})
"""Of a coded element: code and coding system, twice; what lies between is free text."""


def is_clear(name: str, number: int, field: Part, component: int, leaf: Part, value: str) -> bool:
    """Tell whether a value may be shown to who may not see patients' data.

    `name` and `number` say the field, `component` where in it, `leaf` what stands there.
    """
    if name in OPEN:
        return number in OPEN[name]
    if leaf.data_type == "SI":
        return value.isdecimal()
    if leaf.data_type == "NM":
        return name in CODED and (name, number) != OBSERVED and NUMBER.fullmatch(value) is not None
    table = field.table if component == 1 and field.data_type in CODED_TYPES else leaf.table
    if table and is_known(table, value):
        return True
    if name not in CODED or not CODE.fullmatch(value):
        return False
    coded = field.data_type in CODED_TYPES and component in CODE_COMPONENTS
    return coded or (leaf.data_type in ("ID", "IS") and field.data_type == leaf.data_type)


def is_known(table: str, code: str, version: str = "2.5.1") -> bool:
    """Tell whether a code is one of its table's."""
    return meaning(table, code) is not None or code in table_codes(table, version)
