"""Where a search may look: a filter over metadata, and whose documents.

A filter is what a caller may write; the tenant is what the host says at run time, and no part of a
filter. Every store finds what `Filter.matches` says: that is the meaning of a filter, and each
store's own language only a way to get there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias, TypeGuard, cast

from agent_knowledge.errors import InputError, shown

Scalar: TypeAlias = str | int | float | bool
Value: TypeAlias = Scalar | tuple[Scalar, ...]
"""What a field of metadata holds; a tuple is a set of values, such as tags."""
Fields: TypeAlias = Mapping[str, Value]
Bound: TypeAlias = str | int | float
"""An end of a range: a number, or an ISO date."""

_MOST_CONDITIONS = 32
_MOST_VALUES = 1_000
_MOST_NAME = 200
"""Limits of what a caller may send: of conditions, of values in one, of a name's characters."""
_LARGEST = 2**63
"""Whole numbers below it are what every store can compare: a limit."""
_DATE = re.compile(
    r"\d{4}-\d\d-\d\d"
    r"(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:?\d\d)?)?"
)
_OPERATORS = ("eq", "in", "gte", "gt", "lte", "lt", "exists")
_ACCEPTED = (
    "a value, a list of values, or a mapping of eq, in, gt, gte, lt, lte (numbers or ISO dates) "
    "and exists (true or false)"
)


class _Exact:
    """Equal by how it is written: `1` is another value than `true`, which Python holds for equal.

    Without that, two filters would be one to whatever remembers by them.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))


@dataclass(frozen=True, slots=True, eq=False)
class Equals(_Exact):
    """The field is this value; of a field with several, one of them is."""

    field: str
    value: Scalar

    def holds(self, value: Value | None) -> bool:
        """Whether a field's value is as asked; None where the field is missing."""
        return any(_same(one, self.value) for one in _values(value))


@dataclass(frozen=True, slots=True, eq=False)
class OneOf(_Exact):
    """The field is one of these values."""

    field: str
    values: tuple[Scalar, ...]

    def holds(self, value: Value | None) -> bool:
        """See `Equals.holds`."""
        return any(_same(one, wanted) for one in _values(value) for wanted in self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """The field is a number, or a date, in this range; at least one end is given.

    Attributes:
        field: Name of the field.
        at_least: The lowest that is in it.
        above: What everything in it is above.
        at_most: The highest that is in it.
        below: What everything in it is below.
    """

    field: str
    at_least: Bound | None = None
    above: Bound | None = None
    at_most: Bound | None = None
    below: Bound | None = None

    @property
    def dated(self) -> bool:
        """Its ends are dates, not numbers."""
        return any(isinstance(end, str) for end in self.ends.values())

    @property
    def ends(self) -> dict[str, Bound]:
        """The ends that are given, by operator: `gte`, `gt`, `lte`, `lt`."""
        ends = {"gte": self.at_least, "gt": self.above, "lte": self.at_most, "lt": self.below}
        return {name: end for name, end in ends.items() if end is not None}

    def holds(self, value: Value | None) -> bool:
        """See `Equals.holds`."""
        return any(self._has(one) for one in _values(value))

    def _has(self, value: Scalar) -> bool:
        place = instant(value) if self.dated else value if is_number(value) else None
        if place is None:
            return False
        for name, end in self.ends.items():
            there = cast("float", instant(end) if self.dated else end)
            here = cast("float", place)  # both are datetimes, or both are numbers
            within = {"gte": here >= there, "gt": here > there, "lte": here <= there}
            if not within.get(name, here < there):
                return False
        return True


@dataclass(frozen=True, slots=True)
class Exists:
    """The field is there, or is not."""

    field: str
    present: bool = True

    def holds(self, value: Value | None) -> bool:
        """See `Equals.holds`."""
        return (value is not None and value != ()) == self.present


Condition: TypeAlias = Equals | OneOf | Between | Exists


@dataclass(frozen=True, slots=True)
class Filter:
    """What a passage's metadata must say: all of these hold. Hashable."""

    conditions: tuple[Condition, ...] = ()

    def __bool__(self) -> bool:
        """Whether it asks for anything."""
        return bool(self.conditions)

    @classmethod
    def of(cls, written: Mapping[str, object]) -> Filter:
        """Read the written form.

        Args:
            written: Per field a value, a list of values, or a mapping of operators, as in
                `{"lang": "en", "team": ["a", "b"], "year": {"gte": 2020}}`.

        Raises:
            InputError: It is none; names the field, what is there and what is accepted.
        """
        if not isinstance(written, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - callers err
            msg = f"the filter is {shown(written)}; give a mapping of fields, each with {_ACCEPTED}"
            raise InputError(msg)
        found = [one for name, value in written.items() for one in _conditions(name, value)]
        if len(found) > _MOST_CONDITIONS:
            msg = f"the filter has {len(found)} conditions; at most {_MOST_CONDITIONS} are accepted"
            raise InputError(msg)
        return cls(tuple(found))

    def matches(self, fields: Fields) -> bool:
        """Whether metadata is as asked."""
        return all(one.holds(fields.get(one.field)) for one in self.conditions)

    def joined(self, other: Filter) -> Filter:
        """Both: what either asks for holds."""
        return Filter(tuple(dict.fromkeys((*self.conditions, *other.conditions))))

    def written(self) -> list[dict[str, object]]:
        """For records: per condition a mapping that `of` reads."""
        return [_written(one) for one in self.conditions]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where a search may look.

    Attributes:
        filter: What metadata must say.
        tenant: Whose documents are searched, in sources that keep those of several apart. It comes
            from the host at run time, and from nothing that a caller or a model writes.
    """

    filter: Filter = Filter()
    tenant: str | None = None

    def narrowed(self, other: Scope) -> Scope:
        """What lies in both: a scope within this one never widens it.

        Raises:
            InputError: They name two tenants.
        """
        if self.tenant and other.tenant and self.tenant != other.tenant:
            msg = "the tenant is given already, and another one now; begin with the unscoped router"
            raise InputError(msg)
        return Scope(filter=self.filter.joined(other.filter), tenant=self.tenant or other.tenant)


EVERYTHING = Scope()


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def instant(value: object) -> datetime | None:
    """The moment that an ISO date or time says; a date alone is its first moment, in UTC."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return None
    try:
        found = datetime.fromisoformat(value)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # as 2024-13-45, or year 1 east of Greenwich
        return None


def _values(value: Value | None) -> tuple[Scalar, ...]:
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)


def _same(one: Scalar, other: Scalar) -> bool:
    """Equal and of one kind: 1 is 1.0, but neither "1" nor true."""
    if is_number(one) or is_number(other):
        return is_number(one) and is_number(other) and one == other
    return type(one) is type(other) and one == other


def _conditions(name: object, value: object) -> Iterable[Condition]:
    if not isinstance(name, str) or not 0 < len(name) <= _MOST_NAME or "\0" in name:
        msg = f"the filter's field {shown(name)} is no name of 1 to {_MOST_NAME} characters"
        raise InputError(msg)
    if _is_scalar(value):
        return [Equals(name, value)]
    if isinstance(value, list | tuple):
        return [OneOf(name, _scalars(name, cast("Iterable[object]", value)))]
    if isinstance(value, Mapping) and value:
        return _operators(name, cast("Mapping[object, object]", value))
    raise _refused(name, cast("object", value))


def _operators(name: str, given: Mapping[object, object]) -> Iterable[Condition]:
    if unknown := [key for key in given if key not in _OPERATORS]:
        raise _refused(name, unknown[0])
    for key, value in given.items():
        if key == "eq" and _is_scalar(value):
            yield Equals(name, value)
        elif key == "in" and isinstance(value, list | tuple):
            yield OneOf(name, _scalars(name, cast("Iterable[object]", value)))
        elif key == "exists" and isinstance(value, bool):
            yield Exists(name, value)
        elif key in ("eq", "in", "exists") or not (_is_end(value)):
            raise _refused(name, value)
    ends = {key: cast("Bound", end) for key, end in given.items() if key in _OPERATORS[2:6]}
    if len({isinstance(end, str) for end in ends.values()}) > 1:
        raise _refused(name, dict(ends))
    if ends:
        yield Between(
            field=name,
            at_least=ends.get("gte"),
            above=ends.get("gt"),
            at_most=ends.get("lte"),
            below=ends.get("lt"),
        )


def _is_end(value: object) -> TypeGuard[Bound]:
    return (is_number(value) and _is_scalar(value)) or instant(value) is not None


def _is_scalar(value: object) -> TypeGuard[Scalar]:
    if isinstance(value, float):
        return value - value == 0  # neither NaN nor infinite
    return isinstance(value, str) or (isinstance(value, int) and abs(value) < _LARGEST)


def _scalars(name: str, given: Iterable[object]) -> tuple[Scalar, ...]:
    values = tuple(given)
    if not values or len(values) > _MOST_VALUES:
        raise _refused(name, values)
    found = tuple(one for one in values if _is_scalar(one))
    if len(found) < len(values):
        raise _refused(name, values)
    return found


def _refused(name: str, value: object) -> InputError:
    return InputError(f"the filter's field {shown(name)} has {shown(value)}; give {_ACCEPTED}")


def _written(one: Condition) -> dict[str, object]:
    match one:
        case Equals(field, value):
            return {field: {"eq": value}}
        case OneOf(field, values):
            return {field: {"in": [*values]}}
        case Exists(field, present):
            return {field: {"exists": present}}
        case Between():
            return {one.field: {**one.ends}}
