"""Filters in PostgreSQL's jsonpath, and metadata as such a path reads it.

A path is always bound as a parameter, and each name and value in it is a JSON string: nothing that
a caller writes is ever part of a statement.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from agent_knowledge.types.filters import (
    Between,
    Condition,
    Equals,
    Exists,
    Fields,
    Filter,
    OneOf,
    Scalar,
    Value,
    instant,
)

_NEVER = "(1 == 2)"
_COMPARED = {"gte": ">=", "gt": ">", "lte": "<=", "lt": "<"}


def path_of(asked: Filter) -> str:
    """The path of a filter that asks for something; it is true of what `stored` made of a match."""
    return " && ".join(_path(condition) for condition in asked.conditions)


def stored(fields: Fields) -> str:
    """Metadata as JSON: as it is under `f`, and under `t` each moment that it tells, in UTC."""
    plain = {name: _json(value) for name, value in fields.items()}
    moments = {name: _moments(value) for name, value in fields.items()}
    told = {name: found for name, found in moments.items() if found}
    return json.dumps({"f": plain, "t": told}, ensure_ascii=False)


def _json(value: Value) -> object:
    return list(value) if isinstance(value, tuple) else value


def _moments(value: Value) -> list[str]:
    values: Iterable[Scalar] = value if isinstance(value, tuple) else (value,)
    return [found for one in values if (found := _moment(one))]


def _moment(value: object) -> str | None:
    """A date or time as text of one length, so that texts compare as moments do."""
    found = instant(value)
    return found and found.replace(tzinfo=None).isoformat(timespec="microseconds")


def _path(condition: Condition) -> str:
    if not _can_be_stored(condition.field):
        missing = isinstance(condition, Exists) and not condition.present
        return "(1 == 1)" if missing else _NEVER
    field = json.dumps(condition.field, ensure_ascii=False)
    match condition:
        case Equals(_, value):
            return _is(field, value)
        case OneOf(_, values):
            return f"({' || '.join(_is(field, value) for value in values)})"
        case Exists(_, present):
            return f"{'' if present else '!'}exists($.f.{field})"
        case Between():
            return _is_within(field, condition)


def _is(field: str, value: Scalar) -> str:
    if isinstance(value, str) and not _can_be_stored(value):
        return _NEVER
    return f"($.f.{field} == {json.dumps(value, ensure_ascii=False)})"


def _is_within(field: str, asked: Between) -> str:
    """One value of the field is above the one end and below the other, not one each."""
    place = f"$.t.{field}" if asked.dated else f"$.f.{field}"
    ends = (
        f"@ {_COMPARED[name]} {json.dumps(_moment(end) if asked.dated else end)}"
        for name, end in asked.ends.items()
    )
    return f"exists({place} ? ({' && '.join(ends)}))"


def _can_be_stored(text: str) -> bool:
    """PostgreSQL keeps neither a NUL nor a lone surrogate, so no field is or has such a text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text
