"""Cases: tasks with what is expected of their decisions, one JSON object a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from agent_knowledge.cli.batch import Line, read_lines, task_of
from agent_knowledge.errors import InputError, shown
from agent_knowledge.types import STRATEGIES, Strategy, Task

_KEYS = {"id", "task", "history", "citations", "strategy", "expected", "sources", "set", "rules"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One line of the cases: a task and what is expected of its decision."""

    line: Line
    task: Task
    expected: tuple[Strategy, ...]
    sources: frozenset[str]
    examples: str | None
    rules: frozenset[str]


def read_cases(source: str) -> list[Case]:
    """Read the cases of a file.

    Args:
        source: Path of a file of JSON lines; `-` for standard input.

    Raises:
        InputError: The file cannot be read or holds no case, or with what is wrong in all bad
            lines at once.
    """
    cases: list[Case] = []
    faults: list[str] = []
    for line in read_lines(source, "--cases"):
        try:
            cases.append(_case(line))
        except InputError as error:
            faults.append(f"line {line.number}: {error}")
    if faults or not cases:
        listed = "\n  ".join(faults) or 'it holds no case; add lines {"task", "expected"}'
        msg = f"--cases {source!r}:\n  {listed}"
        raise InputError(msg)
    return cases


def _case(line: Line) -> Case:
    if line.error:
        raise InputError(line.error)
    row = line.row
    unknown = sorted(set(row) - _KEYS)
    if unknown:
        msg = f"unknown keys {', '.join(unknown)}; known: {', '.join(sorted(_KEYS))}"
        raise InputError(msg)
    expected = row.get("expected")
    wanted = cast("list[object]", expected if isinstance(expected, list) else [expected])
    if not wanted or any(strategy not in STRATEGIES for strategy in wanted):
        msg = f"'expected' is {shown(expected)}; give one or a list of: {', '.join(STRATEGIES)}"
        raise InputError(msg)
    examples = row.get("set")
    if not isinstance(examples, str | None):
        msg = f"'set' is {shown(examples)}; give the name of an example set"
        raise InputError(msg)
    return Case(
        line=line,
        task=task_of(row),
        expected=tuple(cast("list[Strategy]", wanted)),
        sources=_names(row, "sources"),
        examples=examples,
        rules=_names(row, "rules"),
    )


def _names(row: dict[str, Any], key: str) -> frozenset[str]:
    value: object = row.get(key) or []
    if not isinstance(value, list) or not all(
        isinstance(name, str) for name in cast("list[object]", value)
    ):
        msg = f"{key!r} is {shown(value)}; give a list of names"
        raise InputError(msg)
    return frozenset(cast("list[str]", value))
