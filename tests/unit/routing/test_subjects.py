"""What a conversation named some turns ago, by whoever, is what a turn without a name is about."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_knowledge import KnowledgeRouter, Message, Task
from agent_knowledge.build import packaged_embedder
from agent_knowledge.config import AgentProfile, SourceConfig
from agent_knowledge.retrieval.embedded.indexing import Indexer
from agent_knowledge.retrieval.embedded.search import SourceIndex

HOTELS = ["Harbour House", "Laurel Inn", "Rose Court", "Mill Lodge", "Hotel Astoria"]
ASKED = ["Is there parking?", "Are dogs allowed?", "Which cards do you take?"]
ROWS = {
    "short metadata": lambda hotel, asked: {"title": asked, "venue": hotel},
    "a title that asks": lambda hotel, asked: {"title": f"{hotel}: {asked}"},
}
OFFERED = (
    Message("user", "I need a place to stay in the north"),
    Message("assistant", "You could stay at the Laurel Inn. It has rooms for tonight."),
    Message("user", "ok, book it please"),
    Message("assistant", "It is booked for two nights."),
    Message("user", "great, thank you"),
    Message("assistant", "You are welcome. Anything else?"),
)


@pytest.fixture(params=ROWS)
def router(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[KnowledgeRouter]:
    embedder, row = packaged_embedder(), ROWS[request.param]
    lines = [
        json.dumps({"id": f"{hotel}/{asked}", "text": "Yes, it says so.", **row(hotel, asked)})
        for hotel in HOTELS
        for asked in ASKED
    ]
    (tmp_path / "faq.jsonl").write_text("\n".join(lines), encoding="utf-8")
    with Indexer(tmp_path / "store", embedder) as indexer:
        indexer.index("faq", tmp_path / "faq.jsonl")
    with SourceIndex(tmp_path / "store", embedder.name) as index:
        yield KnowledgeRouter(
            AgentProfile(sources={"faq": SourceConfig(path="faq.jsonl")}),
            embedder=embedder,
            index=index,
        )


def test_a_name_that_the_assistant_offered_is_found_like_one_that_the_user_said(
    router: KnowledgeRouter,
) -> None:
    offered = Task("do they have parking", history=OFFERED)
    assert router.retrieve(offered)[0].document == "Laurel Inn/Is there parking?"
    assert next(router.read([offered])).standalone == "do they have parking (Laurel Inn)"


def test_a_name_in_the_turn_itself_leaves_the_offered_one_behind(router: KnowledgeRouter) -> None:
    task = Task("does the Rose Court have parking", history=OFFERED)
    assert router.retrieve(task)[0].document == "Rose Court/Is there parking?"
