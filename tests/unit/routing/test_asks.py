from __future__ import annotations

import time

import pytest

from agent_knowledge.routing.wishes import asks_for_sources


@pytest.mark.parametrize(
    "text",
    [
        "How long may we store call recordings? Cite your sources.",
        "Explain the treatment of gout with references.",
        "Is fluoride harmful? Please provide sources.",
        "Summarise the debate, citing historians.",
        "Write a page about the Hanse with at least two sources.",
        "Use four in-text citations in your essay.",
        "Which fees apply? Source?",
        "How many bees died? Sources please.",
        "what's your source for that",
        "What is the source of this claim?",
        "According to the handbook, how many days may I work from home?",
        "Who approves travel, according to our travel policy?",
        "Where does it say that we pay for shipping?",
        "Where in the contract is the notice period?",
        "Where is that written?",
        "Where did you get that number?",
        "Which clause covers late delivery?",
        "Which page is that on?",
        "Quote the policy on refunds.",
        "Quote the exact sentence about warranty.",
        "Give me the answer and a link to the documentation.",
        "How do I rotate keys? Include links to the docs.",
        "Back up your answer with evidence.",
        "I want every statement to be supported by sources.",
    ],
)
def test_a_wish_for_sources_is_heard(text: str) -> None:
    assert asks_for_sources(text)


@pytest.mark.parametrize(
    "text",
    [
        "Explain this source code.",
        "Where can I find the source code of the app?",
        "Write a reference letter for my intern.",
        "Quote me a price for 200 chairs.",
        "Quote the price in euros.",
        "Our magazine has been cite-free for years, is that bad?",
        "What are good sources of protein?",
        "List the sources of income of a small theatre.",
        "Give me three sources of vitamin C.",
        "Write a poem with references to Greek myths.",
        "I need a job with references from my former boss.",
        "Is this open source?",
        "Add a link to my home page in this HTML.",
        "How do I create a link in Markdown?",
        "Add a link to the documentation in the footer of this page.",
        "What is the source of the Danube?",
        "According to the passage below, why did the mill close?",
        "According to the contract below, who pays?",
        "Answer briefly, no sources needed.",
        "Tell me about gout without citations.",
        "Please don't cite anything, just explain.",
        'Translate: "Please cite your sources."',
        "Translate into German: please cite your sources",
        'Is this sentence polite? "Where does it say that we pay?"',
        "Implement a reference counter with weak references in C++.",
        "Where did you go on holiday?",
        "Refactor the data sources module.",
        "Which page of the site should be blue?",
        "What page layout do you like?",
        "",
        "?",
    ],
)
def test_false_friends_are_not(text: str) -> None:
    assert not asks_for_sources(text)


@pytest.mark.parametrize(
    "filler", ["a ", "the ", "cite ", "with the all the ", "according to the "]
)
def test_a_huge_text_costs_no_more_than_a_page(filler: str) -> None:
    text = filler * 2_000_000
    started = time.perf_counter()
    asks_for_sources(text)
    assert time.perf_counter() - started < 1.0
