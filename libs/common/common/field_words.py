"""What is wrong with a field, in our words: one table by pydantic's type of error. Repeats nothing that was sent."""

import re
from collections.abc import Mapping
from typing import Any, LiteralString

from pydantic_core import PydanticCustomError

WITHHELD = "cannot be used"
"""Said where a validator's own words might repeat what was sent."""

_DATE = "must be a date such as 2026-03-02"
_INSTANT = "must be a date and time with its zone, such as 2026-03-02T15:00:00Z"
_LIST = "must be a list"
_NUMBER = "must be a number"
_OBJECT = "must be a JSON object"
_ONE_OF = "must be {expected}"
_PERIOD = "must be a duration such as PT24H"
_TEXT = "must be text"
_TIME = "must be a time of day such as 08:30"
_TRUTH = "must be true or false"
_URL = "must be a URL"
_UUID = "must be a UUID"
_WHOLE = "must be a whole number"

WORDS: Mapping[str, str] = {
    "missing": "is needed",
    "extra_forbidden": "there is no such field",
    "unknown_parameter": "there is no such parameter",
    "json_invalid": "must be valid JSON",
    "json_type": "must be JSON",
    "none_required": "must be null or left out",
    "recursion_loop": "refers to itself",
    "recursion_depth_exceeded": "is nested too deeply",
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "dict_type": _OBJECT,
    "mapping_type": _OBJECT,
    "invalid_key": "a key must be text",
    "list_type": _LIST,
    "tuple_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
    "iterable_type": _LIST,
    "too_short": "must have {min_length} or more entries",
    "too_long": "must have {max_length} or fewer entries",
    "string_type": _TEXT,
    "string_unicode": "must be text in Unicode",
    "string_not_ascii": "must be text in ASCII",
    "string_too_short": "must have {min_length} or more characters",
    "string_too_long": "must have {max_length} or fewer characters",
    "string_pattern_mismatch": "must match the pattern {pattern}",
    "literal_error": _ONE_OF,
    "enum": _ONE_OF,
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing_size": "has too many digits",
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "decimal_type": _NUMBER,
    "decimal_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "decimal_max_digits": "must have {max_digits} or fewer digits",
    "decimal_max_places": "must have {decimal_places} or fewer digits after the point",
    "decimal_whole_digits": "must have {whole_digits} or fewer digits before the point",
    "multiple_of": "must be a multiple of {multiple_of}",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be {le} or less",
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": "must be a date without a time, such as 2026-03-02",
    "date_past": "must be in the past",
    "date_future": "must be still to come",
    "datetime_type": _INSTANT,
    "datetime_parsing": _INSTANT,
    "datetime_object_invalid": _INSTANT,
    "datetime_from_date_parsing": _INSTANT,
    "datetime_past": "must be in the past",
    "datetime_future": "must be still to come",
    "timezone_aware": _INSTANT,
    "timezone_naive": "must be a date and time without a zone, such as 2026-03-02T15:00:00",
    "time_type": _TIME,
    "time_parsing": _TIME,
    "time_delta_type": _PERIOD,
    "time_delta_parsing": _PERIOD,
    "uuid_type": _UUID,
    "uuid_parsing": _UUID,
    "uuid_version": "must be a UUID of version {expected_version}",
    "url_type": _URL,
    "url_parsing": _URL,
    "url_syntax_violation": _URL,
    "url_too_long": "must have {max_length} or fewer characters",
    "url_scheme": "must begin with {expected_schemes}",
    "bytes_type": _TEXT,
    "bytes_too_short": "must have {min_length} or more bytes",
    "bytes_too_long": "must have {max_length} or fewer bytes",
    "bytes_invalid_encoding": "must be encoded as the schema says",
    "base64_decode": "must be base64",
    "union_tag_invalid": "its {discriminator} must be {expected_tags}",
    "union_tag_not_found": "needs a {discriminator}",
}
"""A sentence that goes on from the field's name; what stands in braces is the schema's, never the caller's."""

PATTERNS: Mapping[str, str] = {r"^[^\x00]*$": "must hold no NUL character"}
"""Patterns that say less than words."""

RULE = "rule"
"""The type of error of validators whose words are a rule's alone."""

_PREFIXES = re.compile("^(Value error|Assertion failed), ")
_WORD = re.compile(r"\w{3,}")


def rule(sentence: LiteralString, **of_the_rule: object) -> PydanticCustomError:
    """Return what a validator raises to have these words told as they are.

    Neither they nor what fills their braces may come from the value: a ValueError's words may, so
    they are withheld where they have a word in common with it.
    """
    return PydanticCustomError(RULE, sentence, of_the_rule)


def words(error: Mapping[str, Any]) -> str:
    """Return what is wrong, for one of pydantic's errors.

    What the table does not know, pydantic or the validator says, unless a part of it was sent.
    """
    context = error.get("ctx") or {}
    kind = error["type"]
    if kind == "string_pattern_mismatch" and context.get("pattern") in PATTERNS:
        return PATTERNS[context["pattern"]]
    if kind in WORDS:
        return WORDS[kind].format_map(context)
    told = _PREFIXES.sub("", error["msg"])
    is_safe = kind == RULE or not _sent(told) & _sent(error.get("input"))
    return told if is_safe else WITHHELD


def _sent(value: Any) -> set[str]:
    if isinstance(value, Mapping):
        return set().union(*(_sent(part) for part in value.values()))
    if isinstance(value, list | tuple):
        return set().union(*(_sent(part) for part in value))
    return set(_WORD.findall(str(value).lower())) if isinstance(value, str | int | float) else set()
