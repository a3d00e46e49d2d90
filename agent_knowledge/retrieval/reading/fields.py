"""Metadata as a filter reads it: what a document says of itself beside its text, typed."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import cast

from agent_knowledge.types.filters import Fields, Scalar, Value, is_number

LONGEST = 1_000
"""Characters of a value; a longer one is a text, and nobody filters by it: a limit."""
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?", re.ASCII)
"""A plain number. With a leading zero, as 007, it is a name; so is what is longer than a float
tells apart, as the number of a card."""
_MOST_EXACT = 2**53
"""Larger whole numbers are not the same in every store."""
_TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


def number_of(text: str) -> str | int | float:
    """A text that is a plain number, such as -3 or 2.50, as a number; any other as it is."""
    if not _NUMBER.fullmatch(text):
        return text
    return float(text) if "." in text else int(text)


def scalar_of(text: str) -> Scalar:
    """A bare word of YAML: a plain number, true or false; any other text, a date too, as it is."""
    return _TRUTH[text] if text in _TRUTH else number_of(text)


def value_of(found: object) -> Value | None:
    """What a filter can compare of a value of JSON.

    Returns:
        Texts, numbers, true and false as they are; a list as the tuple of its values; an object as
        its JSON; None for null, an empty list, and what is no number.
    """
    if isinstance(found, list | tuple):
        values = map(_scalar, cast("list[object]", found))
        return tuple(value for value in values if value is not None) or None
    return _scalar(found)


def _scalar(found: object) -> Scalar | None:
    if found is None or isinstance(found, str | bool):
        return found
    if isinstance(found, float):
        return found if math.isfinite(found) else None
    if isinstance(found, int):
        return found if abs(found) <= _MOST_EXACT else str(found)
    return json.dumps(found, sort_keys=True, ensure_ascii=False)


def fields_of(found: Mapping[str, object]) -> dict[str, Value]:
    """All that a filter can compare of a mapping, such as a row; a name may be any text."""
    values = {str(name): value_of(value) for name, value in found.items()}
    return {name: value for name, value in values.items() if value is not None}


def texts_of(value: Value) -> tuple[str, ...]:
    """A value as a person would write it, one text a value."""
    values = value if isinstance(value, tuple) else (value,)
    return tuple(one if isinstance(one, str) else json.dumps(one) for one in values)


def written(fields: Fields) -> str:
    """Fields as JSON, for a store; `read` gives them back."""
    return json.dumps(dict(fields), ensure_ascii=False)


def read(text: str) -> dict[str, Value]:
    """What `written` wrote, with lists as tuples again.

    Raises:
        ValueError: It is no such text.
    """
    found: object = json.loads(text)
    if not isinstance(found, dict):
        msg = "fields are no object"
        raise ValueError(msg)  # noqa: TRY004 - the text is at fault
    return fields_of(cast("dict[str, object]", found))


def tenant_of(metadata: Fields, field: str) -> str | None:
    """Whose a document is: a text, or a whole number as text; None where it does not say."""
    value = metadata.get(field)
    if isinstance(value, int) and is_number(value):
        return str(value)
    return value if isinstance(value, str) and value.strip() else None
