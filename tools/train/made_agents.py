"""Agents made from shared sets: a source of an encyclopaedia, of documentation or of a travel desk.

The questions of the first sound like general knowledge, and the source holds them: what an agent's
own evidence must outweigh. The turns of the last are spoken, with all that people say meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agent_knowledge.types import Message, Task
from tools.data.agents import TASKS, LabelledAgent, LabelledTask
from tools.data.rows import read_rows
from tools.data.split import Part, read_part
from tools.train.prompts_data import read_trainable

QUESTIONS = {
    "docs_rag": "Documentation of a language model and its tools",
    "hotpot": "Articles of an encyclopaedia",
    "musique": "Further articles of an encyclopaedia",
}
DIALOGUE = "dialogue"
SETS = (*QUESTIONS, DIALOGUE)
_ASKED = 40
_GENERAL = 25
_DOCUMENTS = 400
"""Bounds the time to embed them; those that answer a question come first."""
_ENTRIES = 2_000
"""The same of the travel desk, whose entries are short."""
_CONFIG = """\
sources:
  articles: {{path: articles.jsonl, description: "{description}"}}
agents:
  helper: {{description: "Answers questions", sources: [articles]}}
"""

Row = dict[str, Any]


def made_agents(data: Path, folder: Path, part: Part) -> tuple[LabelledAgent, ...]:
    """Lay the agents out in a folder.

    Args:
        data: The benchmark data folder.
        folder: Where they are laid out; made anew.
        part: The rows of the sets that their tasks are made of.
    """
    plain = [
        str(row["task"])
        for row in read_trainable(data, part)
        if row["need"] == "direct" and not row["second"] and "id" in row
    ]
    asking = [
        _of_questions(
            data,
            folder,
            name,
            read_part(data, f"retrieval/{name}/queries.jsonl", part)[:_ASKED],
            plain[place :: len(QUESTIONS)][:_GENERAL],
        )
        for place, name in enumerate(QUESTIONS)
    ]
    return (*asking, _of_dialogue(data, folder))


def _of_questions(
    data: Path, folder: Path, name: str, asked: Sequence[Row], plain: Sequence[str]
) -> LabelledAgent:
    rows = read_rows(data / "retrieval" / name / "corpus.jsonl")
    home = _lay_out(folder / name, rows, asked, _DOCUMENTS, QUESTIONS[name])
    covered = [_covered(f"{name}-c{n}", row, str(row["query"])) for n, row in enumerate(asked)]
    general = [
        LabelledTask(id=f"{name}-n{n}", kind="general", task=Task(text), expected="direct")
        for n, text in enumerate(plain)
    ]
    return LabelledAgent(name=name, folder=home, tasks=(*covered, *general))


def _of_dialogue(data: Path, folder: Path) -> LabelledAgent:
    turns = read_rows(data / DIALOGUE / "turns.jsonl")
    rows = read_rows(data / DIALOGUE / "faq.jsonl")
    home = _lay_out(folder / DIALOGUE, rows, turns, _ENTRIES, "Questions of travellers")
    tasks: list[LabelledTask] = []
    for n, row in enumerate(turns):
        history = tuple(Message(turn["role"], turn["content"]) for turn in row["history"])
        asks = row["need"] == "retrieval"
        tasks.append(
            LabelledTask(
                id=f"{DIALOGUE}-t{n}",
                kind="followup" if asks else "followup-chat",
                task=Task(str(row["task"]), history=history),
                expected="retrieval" if asks else "direct",
                relevant=frozenset(row["relevant"] or ()),
            )
        )
    return LabelledAgent(name=DIALOGUE, folder=home, tasks=tuple(tasks))


def _lay_out(
    home: Path, rows: list[Row], asked: Sequence[Mapping[str, Any]], most: int, description: str
) -> Path:
    home.mkdir(parents=True, exist_ok=True)
    answering = {document for row in asked for document in row["relevant"] or ()}
    rows.sort(key=lambda row: row["id"] not in answering)
    lines = [json.dumps(row, ensure_ascii=False) for row in rows[:most]]
    (home / "articles.jsonl").write_text("\n".join(lines), encoding="utf-8")
    config = _CONFIG.format(description=description)
    (home / "agent-knowledge.yaml").write_text(config, encoding="utf-8")
    (home / TASKS).write_text("", encoding="utf-8")
    return home


def _covered(name: str, row: Row, text: str) -> LabelledTask:
    return LabelledTask(
        id=name,
        kind="covered",
        task=Task(text),
        expected="retrieval",
        relevant=frozenset(row["relevant"]),
    )
