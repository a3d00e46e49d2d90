"""What a reader says of a route, kept as a case that `agent-knowledge check` reads."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from filelock import FileLock

from agent_knowledge.errors import InputError, shown
from agent_knowledge.types import STRATEGIES, Task

_PRIVATE = 0o600
"""Mode of the file, which holds what people asked: its owner alone reads and writes it. A limit."""


def case_of(task: Task, expected: str, id_: str) -> dict[str, Any]:
    """A task and how it should be served, as a line of `check --cases`.

    Args:
        task: What was asked.
        expected: A strategy.
        id_: The case's own; a later word on the same turn takes the place of the first.

    Raises:
        InputError: That is no strategy.
    """
    if expected not in STRATEGIES:
        msg = f"{shown(expected)} is no strategy; give one of: {', '.join(STRATEGIES)}"
        raise InputError(msg)
    case: dict[str, Any] = {"id": id_, "task": task.text, "expected": expected}
    if task.history:
        case["history"] = [asdict(turn) for turn in task.history]
    return case


def keep(case: dict[str, Any], file: Path) -> None:
    """Put a case at the end of a file, in the place of one with the same id.

    Raises:
        InputError: The file cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{file}.lock"):
            lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
            others = [line for line in lines if line.strip() and _id(line) != case["id"]]
            new = file.with_suffix(".new")
            new.unlink(missing_ok=True)
            # For its owner alone: it is what people asked.
            opened = os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _PRIVATE)
            with os.fdopen(opened, "w", encoding="utf-8") as out:
                out.write("\n".join([*others, json.dumps(case)]) + "\n")
            if file.exists():
                shutil.copymode(file, new)
            os.replace(new, file)  # noqa: PTH105 - whole or not at all
    except UnicodeDecodeError as error:
        msg = f"{str(file)!r} is no UTF-8 ({error.reason}); mend it, or give another --cases"
        raise InputError(msg) from error
    except OSError as error:
        msg = f"cannot write {str(file)!r} ({error.strerror}); start the page with another --cases"
        raise InputError(msg) from error


def _id(line: str) -> object:
    """The id of a case; None of a line that a person wrote and that is none."""
    try:
        row: object = json.loads(line)
    except ValueError:
        return None
    return row.get("id") if isinstance(row, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
