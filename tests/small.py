"""A router over a handful of passages in memory: what many cases share costs nothing to make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agent_knowledge import KnowledgeRouter
from agent_knowledge.build import packaged_embedder
from agent_knowledge.config import AgentProfile
from agent_knowledge.testing import HashEmbedder, MemoryIndex
from agent_knowledge.types import Matrix
from tests.unit.fakes import passage

NOTICE = "The notice period for a flat is three months."
DEPOSIT = "The deposit for a flat is two months' rent."
QUESTION = "How long is the notice period for a flat?"
SAID = "The notice period for a flat is three months [1]."


class Heard(HashEmbedder):
    """Keeps what it was asked to embed, call by call, as the log of a hosted embedding would."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[list[str]] = []

    @property
    def texts(self) -> list[str]:
        return [text for call in self.calls for text in call]

    def embed(self, texts: Sequence[str]) -> Matrix:
        self.calls.append([*texts])
        return super().embed(texts)


def small_router(
    *texts: str, source: str = "handbook", embedder: HashEmbedder | None = None, **policy: Any
) -> KnowledgeRouter:
    """A router over some texts.

    Args:
        texts: Its passages; by default `NOTICE` and `DEPOSIT`.
        source: What they are called.
        embedder: Embeds the tasks.
        policy: Of its agent; it always retrieves unless this says otherwise.
    """
    profile = {"sources": {source: {"path": "x"}}, "policy": {"citations": "always", **policy}}
    return KnowledgeRouter(
        AgentProfile.model_validate(profile),
        embedder=embedder or HashEmbedder(),
        encoder=packaged_embedder(),
        index=MemoryIndex(
            [passage(text, source=source) for text in texts or (NOTICE, DEPOSIT)], HashEmbedder()
        ),
    )
