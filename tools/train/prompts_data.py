"""Prompts that are labelled by what they need: the shared ones and our own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tools.data.rows import read_rows
from tools.data.split import Part, read_part

PROMPTS = Path(__file__).parent / "prompts"
"""Prompts of our own, labelled under the data's code book; Apache-2.0 like the rest. Those in
`themes/` were written by theme, without a look at the data or at what earlier heads got wrong."""
TURNS = Path(__file__).parent / "turns.jsonl"
"""Turns of service dialogues, of our own too: does the turn ask for what a help page holds."""
TASKS = "need/tasks.jsonl"
OWN = "own"
"""The family of our own prompts."""
_OPEN_LICENCES = ("Apache-2.0", "MIT")

Row = dict[str, Any]
"""A prompt: `task`, `need`, `second` (another need that a labeller could defend, or none), `fresh`,
`hops`; a shared one has `id` and `licence` too."""


def own_files() -> list[Path]:
    """Our own prompts' files, sorted."""
    return sorted(PROMPTS.rglob("*.jsonl"))


def read_own() -> list[Row]:
    """Our own prompts."""
    return [row for file in own_files() for row in read_rows(file)]


def read_shared(data: Path, part: Part = "all") -> list[Row]:
    """The shared prompts of a part."""
    return read_part(data, TASKS, part)


def read_trainable(data: Path, part: Part) -> list[Row]:
    """The shared prompts of a part whose licence allows training, and our own."""
    shared = read_shared(data, part)
    licensed = [row for row in shared if str(row["licence"]).startswith(_OPEN_LICENCES)]
    return [*licensed, *read_own()]


def family_of(row: Row) -> str:
    """The collection that a prompt was taken from: what stands before the colon of its id."""
    return str(row["id"]).partition(":")[0] if "id" in row else OWN
