"""Cases: tasks with what counts as a right answer, one JSON object a line."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError

from agent_knowledge.config.files import UnreadableError, leniently, lines_of, read_object
from agent_knowledge.errors import InputError, shown
from agent_knowledge.ledger.records import digest
from agent_knowledge.trials.overlap import folded
from agent_knowledge.types import Message, Task, without_surrogates

_KEYS = frozenset({"id", "task", "history", "expected", "relevant", "tags"})
_EXAMPLE_KEYS = frozenset({"id", "input", "output", "tags"})
_SHOWN_FAULTS = 20
"""A limit of what is shown."""
_DIGITS = 16
"""Of a case's hash: a plain length."""
_TURNS = TypeAdapter(tuple[Message, ...])


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialCase:
    """One task of a trial.

    Attributes:
        id: Its own among the cases.
        task: What is asked.
        expected: What counts as right; any of them does.
        relevant: Ids of the documents that hold the answer, where they are known.
        tags: What it is an instance of, for figures of such cases alone.
    """

    id: str
    task: Task
    expected: tuple[str, ...]
    relevant: frozenset[str] = frozenset()
    tags: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """A hash of what is asked and expected, by which another trial's case is the same."""
        return digest(_content(self))[:_DIGITS]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseSet:
    """The cases of a trial.

    Attributes:
        cases: At least one.
        like_examples: They were written as an example set is, {"input", "output"} a line.
    """

    cases: tuple[TrialCase, ...]
    like_examples: bool = False

    @property
    def digest(self) -> str:
        """A hash of what is asked and expected; ids don't count."""
        return digest([_content(case) for case in self.cases])

    @property
    def distinct(self) -> CaseSet:
        """The cases without those that ask what an earlier one asks."""
        first: dict[tuple[str, ...], TrialCase] = {}
        for case in self.cases:
            told = (f"{turn.role}: {folded(turn.content)}" for turn in case.task.history)
            first.setdefault((folded(case.task.text), *told), case)
        return replace(self, cases=tuple(first.values()))


def read_cases(source: str | Path) -> CaseSet:
    """Read the cases of a file: {"task", "expected"} or {"input", "output"} a line.

    "expected" is what counts as right, or a list of which any does; a number or an object stands
    for itself as JSON. "history" is a list of {"role", "content"}, "relevant" a list of ids of the
    documents that hold the answer, "tags" a list of names, "id" the case's own, by default the
    line's number.

    Args:
        source: Path of a file of JSON lines; `-` for standard input.

    Raises:
        InputError: The file cannot be read or holds no case, or with what is wrong in all bad
            lines at once.
    """
    cases: list[TrialCase] = []
    faults: list[str] = []
    examples = 0
    for number, line in _lines(source):
        if line is not None and not line.strip():
            continue
        try:
            row = _row(line)
            examples += "input" in row
            cases.append(_case(row, number))
        except InputError as error:
            faults.append(f"line {number}: {error}")
    faults += [
        f"id {name!r} stands on {count} lines; give each its own"
        for name, count in Counter(case.id for case in cases).items()
        if count > 1
    ]
    if faults or not cases:
        raise InputError(_told(str(source), faults))
    return CaseSet(cases=tuple(cases), like_examples=examples == len(cases))


def _told(source: str, faults: Sequence[str]) -> str:
    if not faults:
        wanted = '{"task", "expected"} or {"input", "output"}'
        return f"--cases {source!r} holds no case; add lines {wanted}"
    listed = "\n  ".join(faults[:_SHOWN_FAULTS])
    more = len(faults) - _SHOWN_FAULTS
    return f"--cases {source!r}:\n  {listed}" + (f"\n  and {more} more" if more > 0 else "")


def _lines(source: str | Path) -> Iterator[tuple[int, bytes | None]]:
    if str(source) == "-":
        yield from lines_of(sys.stdin.buffer)
        return
    try:
        with Path(source).open("rb") as file:
            yield from lines_of(file)
    except OSError as error:
        msg = f"--cases: cannot read {str(source)!r} ({error.strerror}); give JSON lines, or -"
        raise InputError(msg) from error


def _row(line: bytes | None) -> dict[str, Any]:
    """A line's fields; bytes that are no UTF-8 become U+FFFD."""
    try:
        return read_object(leniently(line))
    except UnreadableError as error:
        raise InputError(str(error)) from error


def _case(row: dict[str, Any], number: int) -> TrialCase:
    like_example = "input" in row
    known = _EXAMPLE_KEYS if like_example else _KEYS
    if unknown := sorted(set(row) - known):
        msg = f"unknown keys {', '.join(unknown)}; known: {', '.join(sorted(known))}"
        raise InputError(msg)
    task, expected = ("input", "output") if like_example else ("task", "expected")
    text = row.get(task)
    if not isinstance(text, str) or not text.strip():
        msg = f"{task!r} is {shown(text)}; give a text that is not empty"
        raise InputError(msg)
    given = row.get("id")
    return TrialCase(
        id=str(number) if given is None else str(given),
        task=Task(text, history=_history(row.get("history"))),
        expected=_expected(row.get(expected), expected),
        relevant=frozenset(_names(row, "relevant", "ids of documents")),
        tags=_names(row, "tags", "names"),
    )


def _expected(value: object, key: str) -> tuple[str, ...]:
    listed = cast("list[object]", value if isinstance(value, list) else [value])
    texts = tuple(
        without_surrogates(one if isinstance(one, str) else json.dumps(one))
        for one in listed
        if one is not None
    )
    if not texts or len(texts) < len(listed) or not all(text.strip() for text in texts):
        msg = f"{key!r} is {shown(value)}; give what counts as right, or a list of which any does"
        raise InputError(msg)
    return texts


def _history(value: object) -> tuple[Message, ...]:
    try:
        return _TURNS.validate_python(value or ())
    except ValidationError as error:
        msg = (
            f"'history' is {shown(value)}; give a list of {{'role', 'content'}}, role user or "
            "assistant"
        )
        raise InputError(msg) from error


def _names(row: dict[str, Any], key: str, what: str) -> tuple[str, ...]:
    value = row.get(key)
    names = cast("list[object]", value if isinstance(value, list) else [])
    if not isinstance(value, list | None) or not all(isinstance(one, str) for one in names):
        msg = f"{key!r} is {shown(value)}; give a list of {what}"
        raise InputError(msg)
    return tuple(dict.fromkeys(without_surrogates(one) for one in cast("list[str]", names)))


def _content(case: TrialCase) -> dict[str, Any]:
    return {
        "task": case.task.text,
        "history": [[turn.role, turn.content] for turn in case.task.history],
        "expected": list(case.expected),
        "relevant": sorted(case.relevant),
    }
