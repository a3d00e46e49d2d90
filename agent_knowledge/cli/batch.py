"""The batch forms: one JSON object a line in, one a line out, order kept.

A bad line becomes `{"id", "line", "error"}` in its place and a message on standard error; the rest
is done, and the exit status is 2 only when nothing could be. A line that gives no id gets none:
its number would be taken for the id of another.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any, BinaryIO, TypeVar, cast

import typer

from agent_knowledge.cli.progress import counting
from agent_knowledge.cli.terminal import complain
from agent_knowledge.config.files import UnreadableError, leniently, lines_of, read_object
from agent_knowledge.errors import AgentKnowledgeError, InputError, shown
from agent_knowledge.types import Message, Task

CHUNK = 64
"""Lines worked on together: their texts are embedded in one go."""
Row = dict[str, Any]
_Given = TypeVar("_Given")
_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of input: its number, its id if it has one, and the row, or what is wrong with it."""

    number: int
    id: str | None
    row: Row
    error: str = ""


def run_batch(
    source: str,
    target: str,
    work: Callable[[Sequence[Row]], Sequence[Row]],
    *,
    at_once: int = CHUNK,
) -> None:
    """Work through a file of JSON lines.

    Args:
        source: Path of the input; `-` for standard input.
        target: Path of the output; `-` for standard output.
        work: From rows to rows, in the same order; ids are added here. When it fails on several
            rows together, each is tried alone, so that one bad row spoils no other; a row that it
            gives back as {"error"} gets its line.
        at_once: Lines worked on together; 1 where each takes long by itself.

    Raises:
        InputError: The input cannot be read, or the output cannot be written.
        typer.Exit: With status 2, when there were lines and none could be done.
    """
    if source != "-" and target != "-" and os.path.realpath(source) == os.path.realpath(target):
        msg = f"--output: {target!r} is the input too, and would be emptied; give another path"
        raise InputError(msg)
    done = failed = 0
    seen = target == "-" and sys.stdout.isatty()  # what is written shows how far it is
    with (
        _reading(source, "--input") as lines_in,
        _writing(target) as out,
        counting("--input", "lines done", silent=seen) as count,
    ):
        lines = _lines(lines_in)
        while chunk := list(islice(lines, at_once)):
            rows = [_told(line, result) for line, result in _work_through(chunk, work)]
            _write(out, rows, target)
            bad = sum("error" in row for row in rows)
            done, failed = done + len(rows) - bad, failed + bad
            count(done + failed, 0)
    if failed and not done:
        complain(f"error: --input: none of its {failed} lines could be done")
        raise typer.Exit(2)


def in_chunks(
    name: str, work: Callable[[Sequence[_Given]], Iterable[_Made]], given: Sequence[_Given]
) -> list[_Made]:
    """Work through what may be many, some at a time, and tell how far it is."""
    made = list[_Made]()
    with counting(name, "tasks done") as count:
        for start in range(0, len(given), CHUNK):
            made += work(given[start : start + CHUNK])
            count(len(made), len(given))
    return made


def _told(line: Line, result: Row) -> Row:
    """A line's row of output; where it has no id, or went wrong, with its number."""
    if "error" in result:
        complain(f"line {line.number}: {result['error']}")
    number = {"line": line.number} if "error" in result or line.id is None else {}
    return {"id": line.id, **number, **result}


def require_one_way(given: str | None, source: str | None, target: str, *wishes: object) -> None:
    """Refuse options that exclude each other: one text, or a batch.

    Args:
        given: The text.
        source: `--input`.
        target: `--output`.
        wishes: Options that ask for something about the one text; in a batch, its lines do.

    Raises:
        InputError: Neither or both are given, the text is `-`, or options of the other way.
    """
    if (given is None) == (source is None):
        msg = "give either a text or --input FILE (JSON lines; - for standard input)"
        raise InputError(msg)
    if given == "-":  # elsewhere it stands for standard input: screened as a text, that was "clean"
        msg = "'-' is no text; for JSON lines on standard input give --input -"
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


def read_lines(source: str, option: str) -> list[Line]:
    """Read all lines of a file of JSON lines.

    Args:
        source: Path of the file; `-` for standard input.
        option: What gave the path, such as `--cases`, for messages.

    Raises:
        InputError: The file cannot be read.
    """
    with _reading(source, option) as lines:
        return list(_lines(lines))


def _lines(file: BinaryIO) -> Iterator[Line]:
    return (_read(n, raw) for n, raw in lines_of(file) if raw is None or raw.strip())


def _work_through(
    chunk: Sequence[Line], work: Callable[[Sequence[Row]], Sequence[Row]]
) -> Iterator[tuple[Line, Row]]:
    good = [line for line in chunk if not line.error]
    results: dict[int, Row] = {}
    try:
        made: Sequence[Row] = work([line.row for line in good]) if good else []
        results = {line.number: row for line, row in zip(good, made, strict=True)}
    except Exception:  # noqa: BLE001 - whichever row it was: each is tried alone
        results = {line.number: _alone(line.row, work) for line in good}
    for line in chunk:
        yield line, results.get(line.number, {"error": line.error})


def _alone(row: Row, work: Callable[[Sequence[Row]], Sequence[Row]]) -> Row:
    """What becomes of one row; what goes wrong with it stops no other."""
    try:
        return work([row])[0]
    except AgentKnowledgeError as error:
        return {"error": str(error)}
    except Exception as error:  # noqa: BLE001 - a fault of ours, which the other rows may not meet
        return {"error": f"could not be worked on ({type(error).__name__}: {shown(str(error))})"}


def _read(number: int, raw: bytes | None) -> Line:
    try:
        row: Row = read_object(leniently(raw))
    except UnreadableError as error:
        return Line(number, None, {}, str(error))
    given = row.get("id")
    if given is None:
        return Line(number, None, row)
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        return Line(number, None, row, f"'id' is {shown(given)}; give a text or a number")
    return Line(number, str(given), row)


def text_of(row: Row, key: str) -> str:
    """A text that a row must have.

    Raises:
        InputError: It is missing, empty or no text.
    """
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        msg = f"{key!r} is {shown(value)}; give a text that is not empty"
        raise InputError(msg)
    return value


def task_of(row: Row, key: str = "task") -> Task:
    """The task that a row describes, with its history.

    Raises:
        InputError: The text is missing, the history is no list of turns, or the strategy is none.
    """
    citations = row.get("citations") or False
    if not isinstance(citations, bool):
        msg = f"'citations' is {shown(citations)}; give true or false"
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
        msg = f"'history' is {shown(value)}; give a list of {{'role', 'content'}}"
        raise InputError(msg)
    history: list[Message] = []
    for turn in turns:
        fields = cast("Row", turn if isinstance(turn, dict) else {})
        role, content = fields.get("role"), fields.get("content")
        if role not in {"user", "assistant"} or not isinstance(content, str):
            msg = f"a turn of 'history' is {shown(turn)}; give role (user or assistant) and content"
            raise InputError(msg)
        history.append(Message(role, content))
    return tuple(history)


@contextmanager
def _reading(source: str, option: str) -> Generator[BinaryIO]:
    if source == "-":
        yield sys.stdin.buffer
        return
    try:
        file = Path(source).open("rb")  # noqa: SIM115 - what fails while it is read is no fault of it
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        msg = f"{option}: cannot read {source!r} ({why}); give a file of JSON lines, or -"
        raise InputError(msg) from error
    with file:
        yield file


@contextmanager
def _writing(target: str) -> Generator[IO[str]]:
    if target == "-":
        yield sys.stdout
        return
    try:
        file = Path(target).open("w", encoding="utf-8")  # noqa: SIM115 - see `_reading`
    except (OSError, ValueError) as error:
        raise _unwritable(target, error) from error
    with file:
        yield file


def _write(out: IO[str], rows: Sequence[Row], target: str) -> None:
    try:
        out.write("".join(json.dumps(row) + "\n" for row in rows))
        out.flush()
    except BrokenPipeError:
        raise  # whoever read them has gone
    except OSError as error:
        raise _unwritable(target, error) from error


def _unwritable(target: str, error: Exception) -> InputError:
    why = getattr(error, "strerror", None) or error
    return InputError(f"--output: cannot write {target!r} ({why}); give another path, or -")
