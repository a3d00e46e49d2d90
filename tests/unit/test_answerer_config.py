"""What a caller hands to LangChain reaches each call of the model, and files can be let go."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import RunnableConfig

from agent_knowledge import Answer, Answerer, KnowledgeConfig, KnowledgeRouter, load_answerer
from agent_knowledge.models.chat import Chat
from tests.scripted import ScriptedModel

REFUND = "How long is the return window?"
OPEN_FILES = Path("/proc/self/fd")


class Heard(BaseCallbackHandler):
    """Remembers the tags of each call of a model, and how many ended."""

    def __init__(self) -> None:
        self.started: list[list[str]] = []
        self.ended = 0

    def on_chat_model_start(self, *args: Any, tags: list[str] | None = None, **kwargs: Any) -> None:
        self.started.append(tags or [])

    def on_llm_end(self, *args: Any, **kwargs: Any) -> None:
        self.ended += 1


async def ask(answerer: Answerer, way: str, config: RunnableConfig) -> Answer:
    """Ask in one of the four ways; the whole answer."""
    match way:
        case "answer":
            return answerer.answer(REFUND, config=config)
        case "aanswer":
            return await answerer.aanswer(REFUND, config=config)
        case "stream":
            pieces = list(answerer.stream(REFUND, config=config))
        case _:
            pieces = [piece async for piece in answerer.astream(REFUND, config=config)]
    (whole,) = (piece for piece in pieces if isinstance(piece, Answer))
    return whole


@pytest.mark.parametrize("way", ["answer", "aanswer", "stream", "astream"])
async def test_callbacks_and_tags_reach_the_model(support: KnowledgeRouter, way: str) -> None:
    heard = Heard()
    model = Chat(model=ScriptedModel(replies=["Thirty days [1]."]), name="scripted")
    config: RunnableConfig = {"callbacks": [heard], "tags": ["desk-7"]}
    answer = await ask(Answerer(support, model), way, config)
    assert answer.text
    assert heard.started == [["desk-7"]]
    assert heard.ended == 1


def open_below(folder: Path) -> list[str]:
    """Files below a folder that this process has open now."""
    found = (link.readlink() for link in OPEN_FILES.iterdir() if link.is_symlink())
    return sorted(path.name for path in found if path.is_relative_to(folder.resolve()))


@pytest.mark.skipif(not OPEN_FILES.exists(), reason="this system does not list open files")
def test_a_closed_answerer_holds_no_file_and_still_answers(shop: KnowledgeConfig) -> None:
    gc.collect()  # an error of another test may still hold a router
    before = open_below(shop.store_path)  # of other tests' routers
    with load_answerer(shop, "support") as answerer:
        first = answerer.answer(REFUND)
        assert len(open_below(shop.store_path)) > len(before)
    assert open_below(shop.store_path) == before
    assert answerer.answer(REFUND).text == first.text
    answerer.close()
    answerer.close()


async def test_what_is_retrieved_awaited_is_what_is_retrieved(support: KnowledgeRouter) -> None:
    assert await support.aretrieve(REFUND, 2) == support.retrieve(REFUND, 2)
