import string

import pytest
from pydantic import BaseModel, ValidationError, field_validator
from pydantic_core._pydantic_core import list_all_errors

from common.field_words import PATTERNS, RULE, WITHHELD, WORDS, rule, words

CANARY = "ZZTESTLAST"
OTHERS = {"unknown_parameter", "base64_decode"}
"""Errors that are not of pydantic's core: FastAPI's parameters that nobody knows, pydantic's own types."""
SENT = {"error", "encoding_error", "tag", "actual_length", "tz_actual", "attribute", "class_name"}
"""What pydantic says of the input, or of our code, beside the rule."""


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def test_every_sentence_is_of_an_error_that_there_is_and_can_be_filled():
    known = {str(one["type"]): set(one.get("example_context") or ()) for one in list_all_errors()}
    assert set(WORDS) <= set(known) | OTHERS
    for kind, sentence in WORDS.items():
        assert placeholders(sentence) <= known.get(kind, set()), kind


def test_no_sentence_is_filled_with_what_was_sent():
    """INVARIANT: no answer repeats what was sent; broken by a placeholder such as {tag}."""
    for kind, sentence in WORDS.items():
        assert not placeholders(sentence) & SENT, kind


@pytest.mark.parametrize("sentence", [*WORDS.values(), *PATTERNS.values()])
def test_a_sentence_goes_on_from_the_fields_name(sentence):
    assert sentence[0].islower()
    assert not sentence.endswith(".")


class Person(BaseModel):
    nick: str

    @field_validator("nick")
    @classmethod
    def _refuse(cls, value: str) -> str:
        if value.startswith("quote"):
            raise ValueError(f"{value} is no nick name")
        if value.startswith("even"):
            raise ValueError("must be even")
        raise rule("must be one of: {names}", names="ann, bob")


def said(nick: str) -> str:
    with pytest.raises(ValidationError) as caught:
        Person(nick=nick)
    (error,) = caught.value.errors()
    return words(error)


def test_a_validators_words_are_told_unless_they_have_a_word_of_the_value():
    assert said("evens") == "must be even"
    assert said("even") == WITHHELD
    assert said(f"quote {CANARY}") == WITHHELD


def test_a_rule_is_told_although_the_value_has_a_word_of_it():
    assert said("bob 2") == "must be one of: ann, bob"


def test_an_error_that_nobody_foresaw_is_told_in_its_own_words_unless_they_were_sent():
    new = {"type": "of_tomorrow", "loc": (), "msg": f"Not {CANARY}"}
    assert words(new | {"input": 5}) == f"Not {CANARY}"
    assert words(new | {"input": {"name": [CANARY.lower()]}}) == WITHHELD
    assert RULE not in WORDS
