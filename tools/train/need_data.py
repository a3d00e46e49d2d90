"""Prompts that are labelled by what they need: the shared ones and our own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

PROMPTS = Path(__file__).parent / "prompts"
"""Prompts of our own, labelled under the data's code book; Apache-2.0 like the rest. Those in
`themes/` were written by theme, without a look at the data or at what earlier heads got wrong."""
TURNS = Path(__file__).parent / "turns.jsonl"
"""Turns of service dialogues, of our own too: does the turn ask for what a help page holds."""
TASKS = "need/tasks.jsonl"
FRESHNESS = "freshness/freshqa.jsonl"
QUERIES = ("retrieval/hotpot/queries.jsonl", "retrieval/musique/queries.jsonl")
ONE_HOP = "retrieval/docs_rag/queries.jsonl"


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Read JSON lines."""
    lines = path.read_text(encoding="utf-8").split("\n")
    return [cast("dict[str, Any]", json.loads(line)) for line in lines if line.strip()]


def own_files() -> list[Path]:
    """Our own prompts' files, sorted."""
    return sorted(PROMPTS.rglob("*.jsonl"))
