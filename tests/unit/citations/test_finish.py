from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from agent_knowledge.citations.finish import REFUSAL, Finished, Unsupported, finish
from agent_knowledge.citations.verification import verify
from agent_knowledge.errors import SourceError
from agent_knowledge.types import Passage, Plan


def passage(title: str, text: str) -> Passage:
    return Passage(
        source="handbook", document=title, title=title, uri="", text=text, start=0, end=len(text)
    )


PASSAGES = (
    passage("Refunds", "Shoes can be returned within 30 days."),
    passage("Shipping", "Shipping costs $4.50."),
)
HATS = passage("Hats", "Hats are sewn in Ghent.")
ALWAYS = Plan(citations="always")
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
    assert done(f"{TRUE} {FALSE}", "refuse").text == f"{REFUSAL} Searched: handbook."
    assert done("Made up [9].", "refuse").fabricated == ("9",)
    assert done("Made up [9].", "refuse").claims == ()
    assert done(TRUE, "refuse").text == TRUE


def test_a_refusal_says_what_was_searched_and_cites_nothing():
    plan = Plan(sources=("handbook", "faq"), query="What\nof [1] (2)?")
    refused = finish(FALSE, PASSAGES, "refuse", plan=plan).text
    assert refused == f"{REFUSAL} Searched: handbook, faq, for “What of 1 2 ?”."
    assert verify(refused, {"1": PASSAGES[0], "2": PASSAGES[1]}).claims == ()
    assert finish(refused, PASSAGES, "annotate", plan=ALWAYS).uncited == ()


def test_an_answer_that_says_the_sources_lack_it_is_not_refused():
    said = "The passages do not mention hats [1]."
    assert done(said, "refuse").text == said


def test_repair_gives_a_claim_without_any_passage_its_own():
    finished = done("Shipping costs $4.50 [9].", "repair")
    assert (finished.text, finished.fabricated) == ("Shipping costs $4.50 [2].", ("9",))


def test_repair_searches_anew_for_what_no_passage_says():
    asked: list[str] = []

    def search(claim: str) -> Sequence[Passage]:
        asked.append(claim)
        return [*PASSAGES, HATS]

    said = f"{TRUE} Hats are sewn in Ghent [2]. Gloves are knitted in Porto [1]."
    finished = finish(said, PASSAGES, "repair", search=search)
    assert finished.text == f"{TRUE} Hats are sewn in Ghent [3]. Gloves are knitted in Porto."
    assert asked == ["Hats are sewn in Ghent.", "Gloves are knitted in Porto."]
    assert finished.passages == (*PASSAGES, HATS)
    assert [(c.number, c.passage) for c in finished.citations][-1] == (3, HATS)


def test_a_search_that_fails_has_found_nothing():
    def search(claim: str) -> Sequence[Passage]:
        raise SourceError("down")

    finished = finish("Hats are sewn in Ghent [2].", PASSAGES, "repair", search=search)
    assert finished.text == "Hats are sewn in Ghent."


def test_repair_keeps_the_parentheses_that_a_model_cites_in():
    finished = done("Shipping costs $4.50 (1). Shoes can be returned within 30 days (1).", "repair")
    assert finished.text == "Shipping costs $4.50 (2). Shoes can be returned within 30 days (1)."
    assert [c.number for c in finished.citations] == [2, 1]


def test_a_statement_without_a_marker_is_told_where_citations_are_always_wanted():
    said = f"{TRUE} Hats are sewn in Ghent. Can I help you?"
    always = finish(said, PASSAGES, "annotate", plan=ALWAYS)
    assert [always.text[start:end] for start, end in always.uncited] == ["Hats are sewn in Ghent."]
    assert done(said).uncited == ()
    assert len(finish(said, (), "annotate", plan=ALWAYS).uncited) == 2


def test_a_citation_says_where_the_passage_says_it():
    (citation,) = done("Yes, the shipping costs $4.50 [2].").citations
    assert citation.quote is not None
    assert citation.passage.text[slice(*citation.quote)] == "Shipping costs $4.50."
    (wrong,) = done(FALSE).citations
    assert (wrong.quote, wrong.verdict) == (None, "contradicted")


def test_the_citation_of_an_invented_quotation_is_not_supported():
    (citation,) = done("“Shoes may well be returned within 30 days” [1].").citations
    assert not citation.supported
    assert citation.score < 0.5


def test_one_of_two_cited_passages_may_be_beside_the_point():
    finished = done("Shoes can be returned within 30 days [1][2].")
    assert [(c.number, c.supported) for c in finished.citations] == [(1, True), (2, False)]


def test_without_passages_brackets_are_no_markers():
    assert finish("Take a [1] and b [2].", (), "refuse").text == "Take a [1] and b [2]."


@pytest.mark.parametrize(
    "unit", ["> “x [1]\n", "> x [1]. \n", "“Shoes cost” [1]. ", "a (1). ", "| a [1] |\n", "[1]-"]
)
def test_hostile_answers_take_linear_time(unit: str):
    started = time.perf_counter()
    done((unit * 20_000)[:40_000], "repair")
    assert time.perf_counter() - started < 10


def test_brackets_built_to_become_markers_do_not():
    nested = "x " + "[" * 20 + "9" + "]9" * 20
    assert done(nested).citations == ()
