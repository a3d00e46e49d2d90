"""Filters as Qdrant's, and metadata as such a filter reads it.

Fields are kept by a hash of their names and by the kind of their values: texts, numbers, true and
false, and moments as seconds. So no name and no value is ever part of a path, and 1 is no `true`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from qdrant_client import models

from agent_knowledge.types.filters import (
    Between,
    Condition,
    Equals,
    Exists,
    Fields,
    Filter,
    OneOf,
    Scalar,
    instant,
    is_number,
)

_PLACE = "q"


def stored(fields: Fields) -> dict[str, dict[str, list[Scalar]]]:
    """Metadata as a filter finds it."""
    return {_key(name): _kinds(value) for name, value in fields.items() if value != ()}


def filter_of(asked: Filter, *more: models.Condition) -> models.Filter | None:
    """A filter as Qdrant's, with further conditions; None where nothing is asked."""
    conditions = [*map(_condition, asked.conditions), *more]
    return models.Filter(must=conditions) if conditions else None


def _kinds(value: Scalar | tuple[Scalar, ...]) -> dict[str, list[Scalar]]:
    kinds: dict[str, list[Scalar]] = {"there": [True]}
    for one in value if isinstance(value, tuple) else (value,):
        kinds.setdefault(_kind(one), []).append(str(one) if isinstance(one, bool) else one)
        if moment := instant(one):
            kinds.setdefault("moments", []).append(moment.timestamp())
    return kinds


def _kind(value: Scalar) -> str:
    if isinstance(value, bool):
        return "truths"
    return "numbers" if is_number(value) else "texts"


def _key(field: str) -> str:
    return hashlib.sha256(field.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _condition(asked: Condition) -> models.Condition:
    place = f"{_PLACE}.{_key(asked.field)}"
    match asked:
        case Equals(_, value):
            return _is(place, value)
        case OneOf(_, values):
            return models.Filter(should=_all(place, values))
        case Exists(_, present):
            there = models.FieldCondition(key=f"{place}.there", match=models.MatchValue(value=True))
            return there if present else models.Filter(must_not=[there])
        case Between():
            return _is_within(place, asked)


def _all(place: str, values: Iterable[Scalar]) -> list[models.Condition]:
    return [_is(place, value) for value in values]


def _is(place: str, value: Scalar) -> models.Condition:
    kind = _kind(value)
    if kind == "numbers":
        same = models.Range(gte=float(value), lte=float(value))
        return models.FieldCondition(key=f"{place}.{kind}", range=same)
    text = str(value)
    if not text.isascii() and text != text.encode("utf-8", "replace").decode():
        return models.HasIdCondition(has_id=[])  # half a character is nobody's value
    return models.FieldCondition(key=f"{place}.{kind}", match=models.MatchValue(value=text))


def _is_within(place: str, asked: Between) -> models.Condition:
    ends = {name: _number(end) for name, end in asked.ends.items()}
    kind = "moments" if asked.dated else "numbers"
    return models.FieldCondition(key=f"{place}.{kind}", range=models.Range(**ends))


def _number(end: str | float) -> float:
    moment = instant(end)
    return moment.timestamp() if moment else float(end)
