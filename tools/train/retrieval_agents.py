"""Agents made from retrieval sets: a source of an encyclopaedia or of documentation, and no examples.

Their questions sound like general knowledge, and the source holds them: what an agent's own evidence
must outweigh.
"""

from __future__ import annotations

import json
from pathlib import Path

from agent_knowledge.types import Task
from tools.data.agents import TASKS, LabelledAgent, LabelledTask
from tools.data.rows import read_rows
from tools.train.prompts_data import read_trainable

SETS = {
    "docs_rag": "Documentation of a language model and its tools",
    "hotpot": "Articles of an encyclopaedia",
    "musique": "Further articles of an encyclopaedia",
}
_QUESTIONS = 40
_GENERAL = 25
_DOCUMENTS = 400
"""Bounds the time to embed them; those that answer a question come first."""
_CONFIG = """\
sources:
  articles: {{path: articles.jsonl, description: "{description}"}}
agents:
  helper: {{description: "Answers questions", sources: [articles]}}
"""


def retrieval_agents(data: Path, folder: Path) -> tuple[LabelledAgent, ...]:
    """Lay the agents out in a folder.

    Args:
        data: The benchmark data folder.
        folder: Where they are laid out; made anew.
    """
    plain = [
        str(row["task"])
        for row in read_trainable(data)
        if row["need"] == "direct" and not row["second"] and "id" in row
    ]
    made: list[LabelledAgent] = []
    for place, (name, description) in enumerate(SETS.items()):
        home = folder / name
        home.mkdir(parents=True, exist_ok=True)
        asked = read_rows(data / "retrieval" / name / "queries.jsonl")[:_QUESTIONS]
        rows = read_rows(data / "retrieval" / name / "corpus.jsonl")
        answering = {document for row in asked for document in row["relevant"]}
        rows.sort(key=lambda row: row["id"] not in answering)
        lines = [json.dumps(row, ensure_ascii=False) for row in rows[:_DOCUMENTS]]
        (home / "articles.jsonl").write_text("\n".join(lines), encoding="utf-8")
        config = _CONFIG.format(description=description)
        (home / "agent-knowledge.yaml").write_text(config, encoding="utf-8")
        (home / TASKS).write_text("", encoding="utf-8")
        covered = [
            LabelledTask(
                id=f"{name}-c{n}",
                kind="covered",
                task=Task(str(row["query"])),
                expected="retrieval",
                relevant=frozenset(row["relevant"]),
            )
            for n, row in enumerate(asked)
        ]
        general = [
            LabelledTask(id=f"{name}-n{n}", kind="general", task=Task(text), expected="direct")
            for n, text in enumerate(plain[place :: len(SETS)][:_GENERAL])
        ]
        made.append(LabelledAgent(name=name, folder=home, tasks=(*covered, *general)))
    return tuple(made)
