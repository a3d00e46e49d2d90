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
from agent_knowledge.types import NEEDS, Vector

PROMPTS = Path(__file__).parent / "prompts"
"""Prompts of our own, labelled under the data's code book; Apache-2.0 like the rest."""
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
        inputs: What the heads read, a row per text.
    """

    texts: Sequence[str]
    family: NDArray[np.str_]
    licence: Sequence[str]
    need: NDArray[np.int64]
    second: NDArray[np.int64]
    fresh: NDArray[np.bool_]
    multi_hop: NDArray[np.bool_]
    inputs: NDArray[np.float32]

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
            {**row, "id": f"{OWN}:{file.stem}", "licence": "Apache-2.0"} for row in rows_of(file)
        ]
    texts = [str(row["task"]) for row in rows]
    return Tasks(
        texts=texts,
        family=np.array([str(row["id"]).split(":")[0] for row in rows]),
        licence=[str(row["licence"]) for row in rows],
        need=np.array([NEEDS.index(row["need"]) for row in rows]),
        second=np.array([NEEDS.index(row["second"]) if row["second"] else NONE for row in rows]),
        fresh=np.array([bool(row["fresh"]) for row in rows]),
        multi_hop=np.array([row["hops"] == "multi" for row in rows]),
        inputs=embed(texts, embedder),
    )


def own_files() -> list[Path]:
    """Our own prompts' files, sorted."""
    return sorted(PROMPTS.glob("*.jsonl"))


def vectors_of(texts: Sequence[str], embedder: MiniLM) -> dict[str, Vector]:
    """Embed every distinct view of the texts once."""
    wanted = list(dict.fromkeys(view for text in texts for view in need.views(text)))
    return dict(zip(wanted, embedder.embed(wanted), strict=True))


def embed(texts: Sequence[str], embedder: MiniLM) -> NDArray[np.float32]:
    """What the heads read of the texts, a row each."""
    return need.inputs(texts, vectors_of(texts, embedder))
