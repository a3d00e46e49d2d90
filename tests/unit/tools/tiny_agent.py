"""A small agent with labelled tasks, as the data has them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

NAME = "ferry"
CONFIG = """
sources:
  guide: {path: "docs/**/*.md", description: "Timetable, fares and rules of the Lum ferry"}
  faq: {path: faq.jsonl, description: "what passengers ask"}
examples:
  desk: {file: examples/desk.jsonl, description: "Sort a note from the pier: crew, repair or lost"}
agents:
  helper: {description: Helps the desk of the Lum ferry, sources: [guide, faq], examples: [desk]}
"""
FILES = {
    "agent-knowledge.yaml": CONFIG,
    "docs/fares.md": "# Fares\n\n## Bicycles\n\nA bicycle crosses the Lum for 4 crowns.\n",
    "docs/index.md": "# The Lum ferry\n\nIt sails every hour from dawn to dusk.\n",
    "docs/rules/index.md": "# Rules on board\n\n## Dogs\n\nDogs stay on a leash below deck.\n",
}
FAQ = [{"id": "prams", "title": "Prams", "text": "Prams travel free and board first."}]
EXAMPLES = [
    {"input": f"{text}, {n} o'clock", "output": label}
    for text, label in (
        ("deckhand did not turn up", "crew"),
        ("winch is leaking oil", "repair"),
        ("blue scarf left on bench", "lost"),
    )
    for n in range(1, 7)
]
ROWS: list[dict[str, Any]] = [
    {
        "id": "c1",
        "kind": "covered",
        "task": "What does a bicycle cost on the Lum ferry?",
        "expected": "retrieval",
        "also": [],
        "relevant": ["docs/fares.md"],
    },
    {
        "id": "c2",
        "kind": "covered",
        "task": "do prams travel free",
        "expected": "retrieval",
        "also": ["few_shot"],
        "relevant": ["prams"],
    },
    {
        "id": "f1",
        "kind": "followup",
        "task": "and dogs?",
        "history": [
            {"role": "user", "content": "May bicycles come on board?"},
            {"role": "assistant", "content": "Yes, for 4 crowns."},
        ],
        "expected": "retrieval",
        "also": [],
        "relevant": ["docs/rules/index.md"],
    },
    {
        "id": "b1",
        "kind": "instance-bare",
        "task": "winch is leaking oil, 9 o'clock",
        "expected": "few_shot",
        "also": [],
        "relevant": [],
        "set": "desk",
    },
    {
        "id": "n1",
        "kind": "general",
        "task": "Write a short poem about rain",
        "expected": "direct",
        "also": [],
        "relevant": [],
    },
]


def write_rows(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write JSON lines."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def write_agent(agents: Path) -> Path:
    """Write the agent into a folder of agents; returns the agent's own folder."""
    home = agents / NAME
    for place, text in FILES.items():
        (home / place).parent.mkdir(parents=True, exist_ok=True)
        (home / place).write_text(text, encoding="utf-8")
    write_rows(home / "faq.jsonl", FAQ)
    write_rows(home / "examples/desk.jsonl", EXAMPLES)
    write_rows(home / "tasks.jsonl", ROWS)
    return home
