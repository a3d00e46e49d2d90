from __future__ import annotations

import pytest

from agent_knowledge.citations.finish import REFUSAL, Finished, Unsupported, finish
from agent_knowledge.types import Passage


def passage(title: str, text: str) -> Passage:
    return Passage(
        source="handbook", document=title, title=title, uri="", text=text, start=0, end=len(text)
    )


PASSAGES = (
    passage("Refunds", "Shoes can be returned within 30 days."),
    passage("Shipping", "Shipping costs $4.50."),
)
TRUE = "Shoes can be returned within 30 days [1]."
MISCITED = "Shipping costs $4.50 [1]."
FALSE = "Shipping costs $9.00 [2]."


def done(text: str, policy: Unsupported = "annotate") -> Finished:
    return finish(text, PASSAGES, policy)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("It is so [9]. Yes.", "It is so. Yes."),
        ("It is so. [9] Yes.", "It is so. Yes."),
        ("It is so [1, 9].", "It is so [1]."),
        ("It is so [1][9].", "It is so [1]."),
        ("[9] It is so.", "It is so."),
        ("- [9] It is so.", "- It is so."),
        ("It is so [1-4].", "It is so [1, 2]."),
        ("a [9]b", "a b"),
    ],
)
def test_fabricated_markers_go_and_leave_no_trace(said: str, shown: str):
    finished = done(said)
    assert finished.text == shown
    assert finished.fabricated


def test_citations_tie_claims_to_passages_at_the_final_offsets():
    finished = done(f"Well [8]. {TRUE} {FALSE}")
    assert [(c.number, c.supported) for c in finished.citations] == [(1, True), (2, False)]
    first = finished.citations[0]
    assert finished.text[first.start : first.end] == TRUE
    assert first.passage == PASSAGES[0]
    assert finished.fabricated == ("8",)


def test_annotate_keeps_unsupported_markers():
    assert done(f"{TRUE} {FALSE}").text == f"{TRUE} {FALSE}"


def test_strip_takes_the_markers_of_unsupported_claims():
    finished = done(f"{TRUE} {FALSE}", "strip")
    assert finished.text == f"{TRUE} Shipping costs $9.00."
    assert [c.number for c in finished.citations] == [1]


def test_repair_moves_a_marker_to_the_passage_that_says_it_or_strips_it():
    finished = done(f"{MISCITED} {FALSE}", "repair")
    assert finished.text == "Shipping costs $4.50 [2]. Shipping costs $9.00."
    assert [(c.number, c.supported) for c in finished.citations] == [(2, True)]


def test_refuse_gives_no_answer_when_a_claim_is_unsupported():
    assert done(f"{TRUE} {FALSE}", "refuse").text == REFUSAL
    assert done("Made up [9].", "refuse").text == REFUSAL
    assert done(TRUE, "refuse").text == TRUE


def test_one_of_two_cited_passages_may_be_beside_the_point():
    finished = done("Shoes can be returned within 30 days [1][2].")
    assert [(c.number, c.supported) for c in finished.citations] == [(1, True), (2, False)]


def test_without_passages_brackets_are_no_markers():
    assert finish("Take a [1] and b [2].", (), "refuse").text == "Take a [1] and b [2]."


def test_brackets_built_to_become_markers_do_not():
    nested = "x " + "[" * 20 + "9" + "]9" * 20
    assert done(nested).citations == ()
