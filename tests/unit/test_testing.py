"""The fakes that users may use too."""

from __future__ import annotations

import numpy as np

from agent_knowledge.retrieval.fusion import fuse
from agent_knowledge.testing import HashEmbedder, MemoryIndex
from agent_knowledge.types.search import Query
from tests.unit.fakes import passage


def test_texts_that_share_words_are_near() -> None:
    one, same, other, empty = HashEmbedder().embed(["red lamp", "Lamp, red", "blue desk", ""])
    assert np.isclose(one @ same, 1.0)
    assert one @ other < 0.5
    assert np.isclose(np.linalg.norm(empty), 1.0)


def test_a_memory_index_finds_the_passage_of_its_source() -> None:
    embedder = HashEmbedder()
    passages = [passage("red lamp", source="a"), passage("blue desk", source="b")]
    index = MemoryIndex(passages, embedder)
    query = Query(text="blue desk", vector=embedder.embed(["blue desk"])[0])
    results = index.search([query], ["a", "b"], 10)[0]
    assert np.isclose(results["b"].terms_found, 1.0)
    assert results["a"].terms_found == 0.0
    assert index.passages(fuse([results["b"]]))[0].text == "blue desk"
    assert index.statistics("a").passages == results["a"].statistics.passages == 1
