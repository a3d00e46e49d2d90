"""Filters in the words of LangChain's vector stores.

A store's own filter only spares looking at what cannot match: whatever it lets through is checked
once more by `Filter.matches`. So a translation may let too much through, and must not lose what
matches; a condition that cannot be said that way is left to the check.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agent_knowledge.types.filters import (
    Between,
    Condition,
    Equals,
    Exists,
    Fields,
    Filter,
    OneOf,
    Scalar,
    is_number,
)

_OWN = frozenset({"document", "title", "uri", "date"})
"""Fields that we make of metadata; a store knows nothing of them, or means another thing."""
_LIKE = str.maketrans({"\\": r"\\", "%": r"\%", "_": r"\_"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Translated:
    """A filter as a store takes it.

    Attributes:
        given: What is passed as its `filter`; None for nothing.
        whole: Whether all conditions are in it.
    """

    given: object | None
    whole: bool


def translated(store: object, wanted: Filter, fields_of: Callable[[Any], Fields]) -> Translated:
    """Put a filter into the words of a vector store.

    Args:
        store: A LangChain vector store; of one that is not known here nothing is asked.
        wanted: The filter.
        fields_of: The fields of one of its documents.
    """
    if not wanted.conditions:
        return Translated(given=None, whole=True)
    names = {f"{one.__module__.partition('.')[0]}.{one.__name__}" for one in type(store).__mro__}
    if "langchain_core.InMemoryVectorStore" in names:

        def matches(document: Any) -> bool:
            return wanted.matches(fields_of(document))

        return Translated(given=matches, whole=True)
    say = next((say for name, say in _STORES.items() if name in names), None)
    if say is None:
        return Translated(given=None, whole=False)
    said = [say(store, one) for one in wanted.conditions if one.field not in _OWN]
    known = [one for one in said if one is not None]
    whole = len(known) == len(wanted.conditions)
    return Translated(given=_JOINED[say](known) if known else None, whole=whole)


def _chroma(_: object, one: Condition) -> dict[str, Any] | None:
    if one.field[0] in "$#":
        return None
    match one:
        case Equals(field, value):
            return _either(_chroma_values(field, value))
        case OneOf(field, values):
            return _either([said for value in values for said in _chroma_values(field, value)])
        case Between():
            return _ends(one)
        case _:
            return None


def _chroma_values(field: str, value: Scalar) -> list[dict[str, Any]]:
    """That a field is a value, or a list that has it; Chroma's lists tell 1 from 1.0."""
    as_listed = [int(value), float(value)] if is_number(value) and value == int(value) else [value]
    return [{field: {"$eq": value}}, *({field: {"$contains": one}} for one in as_listed)]


def _pgvector(_: object, one: Condition) -> dict[str, Any] | None:
    if not one.field.isidentifier():
        return None
    match one:
        case Equals(field, value):
            return _either(_pgvector_values(field, value))
        case OneOf(field, values):
            return _either([said for value in values for said in _pgvector_values(field, value)])
        case Between():
            return _ends(one)
        case Exists(field, present):
            return {field: {"$exists": present}} if present else None  # `[]` is missing, too


def _pgvector_values(field: str, value: Scalar) -> list[dict[str, Any]]:
    """That a field is a value; text also as one of a list, which a JSON column shows as its JSON.

    A number is compared as text as well where it stands in a list: `[1, 2]`.
    """
    if not isinstance(value, str):
        return [{field: {"$eq": value}}]
    listed = json.dumps(value, ensure_ascii=False).translate(_LIKE)
    return [{field: {"$eq": value}}, {field: {"$like": f"%{listed}%"}}]


def _either(said: list[dict[str, Any]]) -> dict[str, Any]:
    return said[0] if len(said) == 1 else {"$or": said}


def _all(said: list[Any]) -> dict[str, Any]:
    return said[0] if len(said) == 1 else {"$and": said}


def _ends(one: Between) -> dict[str, Any] | None:
    """The ends of a range of numbers; dates are compared as moments, which these stores cannot."""
    if not all(is_number(end) for end in one.ends.values()):
        return None
    return _all([{one.field: {f"${name}": end}} for name, end in one.ends.items()])


def _qdrant(store: object, one: Condition) -> object | None:
    from qdrant_client import models  # noqa: PLC0415 - there, since a store of its kind is

    if not one.field.isidentifier():
        return None
    key = f"{getattr(store, 'metadata_payload_key', 'metadata')}.{one.field}"

    def has(value: Scalar) -> models.FieldCondition:
        if is_number(value):
            return models.FieldCondition(key=key, range=models.Range(gte=value, lte=value))
        return models.FieldCondition(key=key, match=models.MatchValue(value=value))  # pyright: ignore[reportArgumentType]

    match one:
        case Equals(_, value):
            return has(value)
        case OneOf(_, values):
            return models.Filter(should=[has(value) for value in values])
        case Between() if all(is_number(end) for end in one.ends.values()):
            return models.FieldCondition(key=key, range=models.Range(**one.ends))  # pyright: ignore[reportArgumentType]
        case Exists(_, present):
            empty = models.IsEmptyCondition(is_empty=models.PayloadField(key=key))
            return models.Filter(must_not=[empty]) if present else empty
        case _:
            return None


def _all_of_qdrant(said: list[Any]) -> object:
    from qdrant_client import models  # noqa: PLC0415

    return models.Filter(must=said)


_STORES: Mapping[str, Callable[[object, Condition], Any]] = {
    "langchain_chroma.Chroma": _chroma,
    "langchain_postgres.PGVectorStore": _pgvector,
    "langchain_qdrant.QdrantVectorStore": _qdrant,
}
"""Per vector store, what puts one condition into its words; None for what it cannot say."""
_JOINED: Mapping[object, Callable[[list[Any]], object]] = {
    _chroma: _all,
    _pgvector: _all,
    _qdrant: _all_of_qdrant,
}
