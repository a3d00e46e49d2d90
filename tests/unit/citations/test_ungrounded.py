"""Sentences without a marker, checked against what the answer was given."""

from __future__ import annotations

from agent_knowledge import CitationVerifier

PASSAGES = ["Shoes can be returned within 30 days. Shipping costs 4.50 euros."]


def ungrounded(answer: str) -> list[str]:
    found = CitationVerifier().verify(answer, PASSAGES)
    return [answer[start:end] for start, end in found.ungrounded]


def test_what_no_passage_says_is_told_where_it_stands():
    answer = "Shoes can be returned within 30 days [1]. Hats are sewn by hand in Ghent."
    assert ungrounded(answer) == ["Hats are sewn by hand in Ghent."]


def test_what_a_passage_says_without_a_marker_is_grounded():
    assert ungrounded("Shipping costs 4.50 euros. Shoes can be returned within 30 days.") == []


def test_what_states_nothing_is_not_checked():
    assert ungrounded("Here is what I found:\n\nDo you need more?") == []


def test_without_passages_every_statement_is_told():
    text = "The thread count is 100 by default. Hello!"
    spans = CitationVerifier().ungrounded(text, [])
    assert [text[start:end] for start, end in spans] == ["The thread count is 100 by default."]
