"""`--filter` and `--tenant`: where a command looks."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from agent_knowledge.cli.batch import Row
from agent_knowledge.errors import InputError, nearest, shown
from agent_knowledge.types.filters import Between, Fields, Filter, Scope, instant

_CONDITION = re.compile(r"([^<>=?!{]+)(>=|<=|>|<|=|\?)(.*)", re.DOTALL)
_ENDS = {">=": "gte", ">": "gt", "<=": "lte", "<": "lt"}
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?")
_FORMS = (
    "'lang=en', 'team=a|b', 'year>=2020', 'reviewed?' (it is there), or a JSON object such as"
    ' \'{"reviewed": {"exists": false}}\''
)

_NAMED = 3
"""Values of a field that a message names: a limit."""


def scope_of(filters: Sequence[str] | None, tenant: str | None) -> Scope:
    """Where a command looks: all of its filters hold.

    Raises:
        InputError: A filter is none, or the tenant is empty.
    """
    if tenant is not None and not tenant.strip():
        msg = f"--tenant: {tenant!r} names nobody; give whose documents are searched"
        raise InputError(msg)
    found = Filter()
    for written in filters or ():
        found = found.joined(_read(written))
    return Scope(filter=found, tenant=tenant)


def scope_of_row(row: Row) -> Scope:
    """Where a row of a batch looks, by its `filter`; a tenant is no key of a row.

    Raises:
        InputError: Its filter is none.
    """
    return Scope(filter=Filter.of(row.get("filter") or {}))


def mismatches(asked: Filter, fields: Sequence[Fields]) -> list[str]:
    """What a filter asks for that none of some passages has, a line each.

    Args:
        asked: The filter, which lets none of them through.
        fields: The metadata of the passages that are found without it.
    """
    told: list[str] = []
    for condition in asked.conditions:
        name = condition.field
        held = [row[name] for row in fields if name in row]
        if any(condition.holds(row.get(name)) for row in fields):
            continue
        if not held:
            known = sorted({key for row in fields for key in row})
            told.append(
                f"--filter: no passage that is found without it has {name!r}; "
                f"{nearest(name, known)}"
            )
            continue
        some = ", ".join(dict.fromkeys(shown(one) for one in held[:_NAMED]))
        dates = isinstance(condition, Between) and not condition.dated and any(map(instant, held))
        hint = f"; it holds dates, so write one, as '{name}<2025-01-31'" if dates else ""
        told.append(f"--filter: {name!r} is {some} in what is found without it{hint}")
    return told


def _read(written: str) -> Filter:
    text = written.strip()
    try:
        if text.startswith("{"):
            return Filter.of(json.loads(text))
        if found := _CONDITION.fullmatch(text):
            return Filter.of({found[1].strip(): _condition(found[2], found[3].strip())})
    except (ValueError, InputError) as error:
        msg = f"--filter {shown(written)}: {error}; write {_FORMS}"
        raise InputError(msg) from error
    msg = f"--filter {shown(written)} is not accepted; write {_FORMS}"
    raise InputError(msg)


def _condition(operator: str, value: str) -> object:
    if operator == "?":
        if value:
            msg = f"nothing follows a question mark, and {value!r} does"
            raise InputError(msg)
        return {"exists": True}
    if operator in _ENDS:
        return {_ENDS[operator]: _number(value)}
    if not value:
        msg = "no value follows the equals sign"
        raise InputError(msg)
    # A shell knows no types, and metadata does: 2020 may be a number there or a text.
    known = [kind for one in value.split("|") for kind in dict.fromkeys((one, _typed(one)))]
    return known if len(known) > 1 else known[0]


def _typed(text: str) -> str | int | float | bool:
    return text == "true" if text in {"true", "false"} else _number(text)


def _number(text: str) -> str | int | float:
    if not _NUMBER.fullmatch(text):
        return text
    return float(text) if "." in text else int(text)
