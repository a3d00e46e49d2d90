"""Citations in LangChain's standard form."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage

from agent_knowledge.citations.finish import finish
from agent_knowledge.langchain.convert import annotate, citation_block, passage_block
from agent_knowledge.types import Passage
from agent_knowledge.types.answers import Citation

STORED = "Intro 😀. Shoes can be returned within 30 days. Shipping costs $4.50."
PASSAGE = Passage(
    source="handbook",
    document="refunds.md",
    title="Refunds",
    uri="handbook/refunds.md",
    text=STORED[9:],
    start=9,
    end=len(STORED),
    date="2026-01-02",
    document_hash="abc",
    lines=(3, 4),
)


def cited(answer: str) -> tuple[str, list[Citation]]:
    finished = finish(answer, [PASSAGE], "annotate")
    return finished.text, list(finished.citations)


def test_a_citation_has_its_place_in_the_answer_and_in_the_stored_document() -> None:
    text, (citation,) = cited("👩‍👩‍👧 e\u0301! Shipping costs $4.50 [1]. Bye.")
    block: Any = citation_block(citation)
    assert text[block["start_index"] : block["end_index"]] == "Shipping costs $4.50 [1]."
    assert (block["url"], block["title"]) == ("handbook/refunds.md", "Refunds")
    assert block["cited_text"] == "Shipping costs $4.50."
    extras = block["extras"]
    assert STORED[extras["start"] : extras["end"]] == block["cited_text"]
    assert extras["score"] >= 0.5
    assert {k: v for k, v in extras.items() if k not in {"start", "end", "score"}} == {
        "source": "handbook",
        "document": "refunds.md",
        "document_hash": "abc",
        "passage": PASSAGE.id,
        "lines": [3, 4],
        "date": "2026-01-02",
        "number": 1,
        "supported": True,
        "verdict": "supported",
    }


def test_of_a_claim_that_the_passage_does_not_make_the_whole_passage_is_cited() -> None:
    _, (citation,) = cited("Shoes can be returned within 60 days [1].")
    block: Any = citation_block(citation)
    assert block["cited_text"] == PASSAGE.text
    assert (block["extras"]["supported"], block["extras"]["verdict"]) == (False, "contradicted")
    assert (block["extras"]["start"], block["extras"]["end"]) == (9, len(STORED))


def test_a_message_carries_its_citations_as_standard_blocks() -> None:
    text, citations = cited("Shipping costs $4.50 [1][7].")
    message = annotate(AIMessage("Shipping costs $4.50 [1][7]."), text, citations)
    (block,) = message.content_blocks
    assert block["type"] == "text"
    assert message.text == block["text"] == "Shipping costs $4.50 [1]."
    (annotation,) = block.get("annotations", [])
    assert annotation["type"] == "citation"
    again = AIMessage.model_validate(message.model_dump())
    assert again.content_blocks == message.content_blocks


def test_a_passage_that_no_answer_uses_yet_has_its_place_too() -> None:
    block: Any = passage_block(3, PASSAGE)
    assert "start_index" not in block
    assert (block["extras"]["number"], block["extras"]["passage"]) == (3, PASSAGE.id)
    assert STORED[block["extras"]["start"] : block["extras"]["end"]] == block["cited_text"]
