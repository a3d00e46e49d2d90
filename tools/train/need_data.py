"""What the need heads are trained on and measured on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from agent_knowledge.embedding.minilm import MiniLM
from agent_knowledge.signals import need
from agent_knowledge.signals.speech import without_fillers
from agent_knowledge.types import NEEDS, Vector

PROMPTS = Path(__file__).parent / "prompts"
"""Prompts of our own, labelled under the data's code book; Apache-2.0 like the rest. Those in
`themes/` were written by theme, without a look at the data or at what earlier heads got wrong."""
TURNS = Path(__file__).parent / "turns.jsonl"
"""Turns of service dialogues, of our own too: does the turn ask for what a help page holds."""
TASKS = "need/tasks.jsonl"
FRESHNESS = "freshness/freshqa.jsonl"
QUERIES = ("retrieval/hotpot/queries.jsonl", "retrieval/musique/queries.jsonl")
ONE_HOP = "retrieval/docs_rag/queries.jsonl"
OWN = "own"
NONE = -1

_OPEN_LICENCES = ("Apache-2.0", "MIT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tasks:
    """Labelled texts, as columns.

    Attributes:
        texts: The tasks.
        family: Where each comes from: rows of one family never stand on both sides of a split.
        licence: Of each row, as the data names it.
        need: Index into `NEEDS`.
        second: The other label that a labeller could defend, or `NONE`.
        fresh: The right answer changes with time.
        multi_hop: Two or more look-ups.
        themes: Of each text, whether it is one of the many that we wrote by theme.
        inputs: What the heads read, a row per text.
        turn_inputs: The same of our own turns of service dialogues.
        turn_asks: Of each turn, whether it asks for what a help page holds.
    """

    texts: Sequence[str]
    family: NDArray[np.str_]
    licence: Sequence[str]
    need: NDArray[np.int64]
    second: NDArray[np.int64]
    fresh: NDArray[np.bool_]
    multi_hop: NDArray[np.bool_]
    themes: NDArray[np.bool_]
    inputs: NDArray[np.float32]
    turn_inputs: NDArray[np.float32]
    turn_asks: NDArray[np.bool_]

    @property
    def trainable(self) -> NDArray[np.bool_]:
        """Rows whose licence lets weights be fitted to them; the others are measured on only."""
        return np.array([licence.startswith(_OPEN_LICENCES) for licence in self.licence])


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Read JSON lines."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [cast("dict[str, Any]", json.loads(line)) for line in lines if line.strip()]


def read_tasks(folder: Path, embedder: MiniLM) -> Tasks:
    """Read the shared tasks and our own prompts, and embed them."""
    rows = rows_of(folder / TASKS)
    for file in own_files():
        rows += [
            {**row, "id": f"{OWN}:{file.stem}", "licence": "Apache-2.0", "theme": _is_theme(file)}
            for row in rows_of(file)
        ]
    texts = [str(row["task"]) for row in rows]
    turns, asks = read_turns(embedder)
    return Tasks(
        texts=texts,
        family=np.array([str(row["id"]).split(":")[0] for row in rows]),
        licence=[str(row["licence"]) for row in rows],
        need=np.array([NEEDS.index(row["need"]) for row in rows]),
        second=np.array([NEEDS.index(row["second"]) if row["second"] else NONE for row in rows]),
        fresh=np.array([bool(row["fresh"]) for row in rows]),
        multi_hop=np.array([row["hops"] == "multi" for row in rows]),
        themes=np.array([bool(row.get("theme")) for row in rows]),
        inputs=embed(texts, embedder),
        turn_inputs=turns,
        turn_asks=asks,
    )


def read_turns(embedder: MiniLM) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """What the heads read of our own turns, and whether each asks for knowledge."""
    rows = rows_of(TURNS)
    texts = [without_fillers(str(row["task"])) for row in rows]
    return embed(texts, embedder), np.array([bool(row["knowledge"]) for row in rows])


def own_files() -> list[Path]:
    """Our own prompts' files, sorted."""
    return sorted(PROMPTS.rglob("*.jsonl"))


def _is_theme(file: Path) -> bool:
    return file.parent != PROMPTS


def vectors_of(texts: Sequence[str], embedder: MiniLM) -> dict[str, Vector]:
    """Embed every distinct view of the texts once."""
    wanted = list(dict.fromkeys(view for text in texts for view in need.views(text)))
    return dict(zip(wanted, embedder.embed(wanted), strict=True))


def embed(texts: Sequence[str], embedder: MiniLM) -> NDArray[np.float32]:
    """What the heads read of the texts, a row each."""
    return need.inputs(texts, vectors_of(texts, embedder))
