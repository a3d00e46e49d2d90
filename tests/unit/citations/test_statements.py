from __future__ import annotations

import pytest

from agent_knowledge.citations.evidence import GivenPassage
from agent_knowledge.citations.verification import verify

PASSAGES = {"1": GivenPassage(text="Shoes can be returned within 30 days.")}


def uncited(answer: str) -> list[str]:
    return [answer[start:end] for start, end in verify(answer, PASSAGES).uncited]


def test_a_statement_without_a_marker_is_uncited():
    answer = "Shoes can be returned within 30 days [1]. Hats are sewn in Ghent. 帽子在根特缝制。"
    assert uncited(answer) == ["Hats are sewn in Ghent.", "帽子在根特缝制。"]
    assert uncited("- Hats: 10 working days\n- Shoes: 30 days [1]") == ["Hats: 10 working days"]


def test_a_sentence_between_two_pieces_of_code_is_a_statement():
    answer = "`expires` counts the remaining days until `renewal`."
    assert uncited(answer) == [answer]
    assert uncited("`expires counts the remaining days until renewal`") == []


def test_of_a_table_the_rows_are_statements_and_the_head_is_none():
    table = "| What is it | How long |\n|---|---|\n| Shoes returned | 30 days |"
    assert uncited(table) == ["| Shoes returned | 30 days |"]


@pytest.mark.parametrize(
    "text",
    [
        "Hello Anna, good to see you!",
        "Sure, here is what I found.",
        "I can help you with that return.",
        "Is there a receipt for the shoes?",
        "## How shoes are returned",
        "**Returning worn shoes**",
        "Here are the return windows of our shop:",
        "The return windows are as follows:",
        "The sources do not mention hats at all.",
        "I don't know how hats are returned.",
        "Perhaps the shop in Ghent takes hats back.",
        "Let me know if you need help with the parcel.",
        "```\nreturn shoes within thirty days\n```",
        "Sources: [1]",
        "Not found in the sources. Searched: handbook.",
    ],
)
def test_what_states_nothing_needs_no_marker(text: str):
    assert uncited(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "Renewable sources do not provide power at night.",
        "The warranty does not cover water damage.",
        "The policy does not mention hats.",
        "We pay refunds within 14 days.",
        "No refunds are paid in cash after 14 days.",
    ],
)
def test_a_denial_about_the_world_is_a_statement(text: str):
    assert uncited(text) == [text]
