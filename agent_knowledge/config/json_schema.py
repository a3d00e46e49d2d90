"""JSON schemas: read once, and held against what a model answers. Nothing is ever fetched."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import Draft202012Validator, validator_for
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

_FENCE = re.compile(r"^```([^\n`]*)$", re.MULTILINE)
_SHOWN_FAULTS = 8
_SHOWN_CHARACTERS = 200
"""Limits of a message."""
_REFERENCES = ("$ref", "$dynamicRef")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """An answer held against a schema.

    Attributes:
        text: The JSON alone, as the model wrote it; the whole answer when it is not accepted.
        faults: What is wrong, with its place in the JSON; empty when the answer is accepted.
    """

    text: str
    faults: tuple[str, ...] = ()


def read_schema(text: str) -> tuple[str, tuple[str, ...]]:
    """Read a schema; of any draft that jsonschema knows, 2020-12 where it names none.

    Returns:
        The schema on one line, and what is wrong with it: places are JSON paths. A reference to
        what is not part of the schema is a fault, since it would have to be fetched.
    """
    try:
        schema = _parse(text)
    except (ValueError, RecursionError) as error:
        return "", (f"is no JSON ({_why(error)})",)
    if not isinstance(schema, dict):
        return "", (f"holds a {type(schema).__name__}; give an object, as in {{'type': 'object'}}",)
    schema = cast("dict[str, Any]", schema)
    faults = _schema_faults(schema) or tuple(_unresolved(schema))
    return json.dumps(schema, ensure_ascii=False), faults


def check_answer(text: str, schema: str) -> Checked:
    """Hold an answer against a schema.

    Args:
        text: What a model said: JSON, also inside a Markdown code fence.
        schema: From `read_schema`; empty accepts any text as it is.
    """
    if not schema:
        return Checked(text=text)
    found = _json_of(text)
    try:
        value = _parse(found)
    except (ValueError, RecursionError) as error:
        return Checked(text=text, faults=(f"the answer is no JSON ({_why(error)})",))
    try:
        errors = sorted(_validator(schema).iter_errors(value), key=lambda e: e.json_path)
    except RecursionError:
        return Checked(text=text, faults=("the answer is nested too deeply",))
    return Checked(text=text if errors else found, faults=_listed(errors))


def _json_of(text: str) -> str:
    """The answer without what stands around its JSON: white space, or the only code fence."""
    bare = text.strip()
    fenced = list(_fenced(bare))
    return fenced[0].strip() if len(fenced) == 1 and bare[:1] not in {"{", "[", '"'} else bare


def _fenced(text: str) -> Iterator[str]:
    """What stands in the code fences of a text; one that is never closed is none."""
    start = -1
    for fence in _FENCE.finditer(text):
        if start < 0:
            start = fence.end() + 1
        elif not fence[1].strip(" \t"):
            yield text[start : fence.start()]
            start = -1


def _parse(text: str) -> Any:
    def refuse(name: str) -> None:
        msg = f"{name} is no JSON number"
        raise ValueError(msg)

    return json.loads(text, parse_constant=refuse)


def _why(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


@lru_cache(maxsize=64)
def _validator(schema: str) -> Validator:
    parsed: dict[str, Any] = json.loads(schema)
    registry: Registry[Any] = Registry()  # one that fetches nothing
    return validator_for(parsed, default=Draft202012Validator)(parsed, registry=registry)


def _schema_faults(schema: dict[str, Any]) -> tuple[str, ...]:
    """What `check_schema` would say, but all of it."""
    kind = validator_for(schema, default=Draft202012Validator)
    meta = kind(kind.META_SCHEMA, format_checker=kind.FORMAT_CHECKER)
    return _listed(sorted(meta.iter_errors(schema), key=lambda error: error.json_path))


def _listed(errors: list[ValidationError]) -> tuple[str, ...]:
    lines = [_shorten(f"{error.json_path}: {error.message}") for error in errors]
    lines = list(dict.fromkeys(lines))
    more = [f"and {len(lines) - _SHOWN_FAULTS} more"] if len(lines) > _SHOWN_FAULTS else []
    return (*lines[:_SHOWN_FAULTS], *more)


def _shorten(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]} …"


def _unresolved(schema: dict[str, Any]) -> Iterator[str]:
    """The references that lead out of the schema, or nowhere."""
    whole: Resource[Any] = Resource.from_contents(schema, default_specification=DRAFT202012)
    registry: Registry[Any] = Registry()
    pending = [(registry.resolver_with_root(whole), whole)]
    while pending:
        resolver, part = pending.pop()
        held: object = part.contents
        named = cast("dict[str, object]", held) if isinstance(held, dict) else {}
        for reference in (named.get(key) for key in _REFERENCES):
            if not isinstance(reference, str):
                continue
            try:
                resolver.lookup(reference)
            except Unresolvable:
                yield f"{reference!r} is not part of the schema; put it under '$defs'"
        pending += [(resolver.in_subresource(sub), sub) for sub in part.subresources()]
