"""The batch forms: one JSON object a line in, one a line out, order kept.

A bad line becomes `{"id", "line", "error"}` in its place and a message on standard error; the rest
is done.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

from agent_knowledge.cli.terminal import complain
from agent_knowledge.errors import AgentKnowledgeError, InputError
from agent_knowledge.types import Message, Task

CHUNK = 64
"""Lines worked on together: their texts are embedded in one go."""
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of input: its number, its id, and the row, or what is wrong with it."""

    number: int
    id: str
    row: Row
    error: str = ""


def run_batch(source: str, target: str, work: Callable[[Sequence[Row]], Sequence[Row]]) -> None:
    """Work through a file of JSON lines.

    Args:
        source: Path of the input; `-` for standard input.
        target: Path of the output; `-` for standard output.
        work: From rows to rows, in the same order; ids are added here. When it fails on several
            rows together, each is tried alone, so that one bad row spoils no other; a row that it
            gives back as {"error"} gets its line.

    Raises:
        InputError: The input cannot be read, or the output cannot be written.
    """
    if source != "-" and target != "-" and Path(source).resolve() == Path(target).resolve():
        msg = f"--output: {target!r} is the input too, and would be emptied; give another path"
        raise InputError(msg)
    with _reading(source) as lines_in, _writing(target) as out:
        lines = (_read(number, raw) for number, raw in enumerate(lines_in, 1) if raw.strip())
        while chunk := list(islice(lines, CHUNK)):
            for line, result in _work_through(chunk, work):
                row = {"id": line.id, **result}
                if "error" in result:
                    row = {"id": line.id, "line": line.number, **result}
                    complain(f"line {line.number}: {result['error']}")
                out.write(json.dumps(row) + "\n")
            out.flush()


def require_one_way(given: str | None, source: str | None, target: str, *wishes: object) -> None:
    """Refuse options that exclude each other: one text, or a batch.

    Args:
        given: The text.
        source: `--input`.
        target: `--output`.
        wishes: Options that ask for something about the one text; in a batch, its lines do.

    Raises:
        InputError: Neither or both are given, or options of the other way.
    """
    if (given is None) == (source is None):
        msg = "give either a text or --input FILE (JSON lines; - for standard input)"
        raise InputError(msg)
    if source is None and target != "-":
        msg = f"--output {target!r} goes with --input; for one text use --json and redirect it"
        raise InputError(msg)
    if source is not None and any(wishes):
        msg = (
            "--citations and --strategy go with one text; write them on the lines of --input,"
            ' as {"task": ..., "strategy": "few_shot"}'
        )
        raise InputError(msg)


def read_lines(source: str) -> list[Line]:
    """Read all lines of a file of JSON lines.

    Raises:
        InputError: The file cannot be read.
    """
    with _reading(source) as lines:
        return [_read(number, raw) for number, raw in enumerate(lines, 1) if raw.strip()]


def _work_through(
    chunk: Sequence[Line], work: Callable[[Sequence[Row]], Sequence[Row]]
) -> Iterator[tuple[Line, Row]]:
    good = [line for line in chunk if not line.error]
    results: dict[int, Row] = {}
    try:
        made: Sequence[Row] = work([line.row for line in good]) if good else []
        results = {line.number: row for line, row in zip(good, made, strict=True)}
    except AgentKnowledgeError:
        for line in good:
            try:
                results[line.number] = work([line.row])[0]
            except InputError as error:
                results[line.number] = {"error": str(error)}
    for line in chunk:
        yield line, results.get(line.number, {"error": line.error})


def _read(number: int, raw: str) -> Line:
    try:
        row: object = json.loads(raw)
    except ValueError as error:
        return Line(number, str(number), {}, f"not JSON ({error})")
    if not isinstance(row, dict):
        return Line(number, str(number), {}, f"a JSON {type(row).__name__}, not an object")
    fields = cast("Row", row)
    given = fields.get("id")
    return Line(number, str(number) if given is None else str(given), fields)


def text_of(row: Row, key: str) -> str:
    """A text that a row must have.

    Raises:
        InputError: It is missing, empty or no text.
    """
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        msg = f"{key!r} is {value!r}; give a text that is not empty"
        raise InputError(msg)
    return value


def task_of(row: Row, key: str = "task") -> Task:
    """The task that a row describes, with its history.

    Raises:
        InputError: The text is missing, the history is no list of turns, or the strategy is none.
    """
    citations = row.get("citations") or False
    if not isinstance(citations, bool):
        msg = f"'citations' is {citations!r}; give true or false"
        raise InputError(msg)
    return Task(
        text_of(row, key),
        history=_history(row.get("history")),
        citations=citations,
        strategy=row.get("strategy"),
    )


def _history(value: object) -> tuple[Message, ...]:
    turns = cast("list[object]", value or [])
    if not isinstance(value, list | None):
        msg = f"'history' is {value!r}; give a list of {{'role', 'content'}}"
        raise InputError(msg)
    history: list[Message] = []
    for turn in turns:
        fields = cast("Row", turn if isinstance(turn, dict) else {})
        role, content = fields.get("role"), fields.get("content")
        if role not in {"user", "assistant"} or not isinstance(content, str):
            msg = f"a turn of 'history' is {turn!r}; give role (user or assistant) and content"
            raise InputError(msg)
        history.append(Message(role, content))
    return tuple(history)


@contextmanager
def _reading(source: str) -> Generator[IO[str]]:
    if source == "-":
        # Bytes that are no UTF-8 become U+FFFD: one bad character must not stop a batch.
        sys.stdin.reconfigure(encoding="utf-8", errors="replace")  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
        yield sys.stdin
        return
    try:
        with Path(source).open(encoding="utf-8", errors="replace") as file:
            yield file
    except OSError as error:
        msg = f"--input: cannot read {source!r} ({error.strerror}); give a file of JSON lines, or -"
        raise InputError(msg) from error


@contextmanager
def _writing(target: str) -> Generator[IO[str]]:
    if target == "-":
        yield sys.stdout
        return
    try:
        with Path(target).open("w", encoding="utf-8") as file:
            yield file
    except OSError as error:
        msg = f"--output: cannot write {target!r} ({error.strerror}); give another path, or -"
        raise InputError(msg) from error
