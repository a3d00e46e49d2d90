from __future__ import annotations

import pytest

from agent_knowledge.citations.evidence import GivenPassage
from agent_knowledge.citations.verification import NOTHING_CITED, Checks, verify, verify_with
from agent_knowledge.errors import SourceError

PASSAGES = {
    "1": GivenPassage(
        title="Refunds", text="Shoes can be returned within 30 days. Sale items not."
    ),
    "2": GivenPassage(title="Shipping", text="Parcels leave daily. Shipping costs $4.50."),
}


def claims(answer: str) -> list[tuple[str, tuple[str, ...], bool]]:
    return [(c.text, c.cites, c.supported) for c in verify(answer, PASSAGES).claims]


def test_a_sentence_without_a_marker_is_no_claim():
    found = verify("Shoes can be returned.", PASSAGES)
    assert (found.claims, found.fabricated) == ((), ())


def test_a_claim_has_text_span_score_and_quote():
    answer = "Hello. Shoes can be returned within 30 days [1]. Bye."
    (claim,) = verify(answer, PASSAGES).claims
    assert claim.text == "Shoes can be returned within 30 days."
    assert answer[claim.start : claim.end] == "Shoes can be returned within 30 days [1]."
    assert claim.supported
    assert claim.score > 0.5
    assert claim.quote is not None
    quoted = PASSAGES[claim.quote.passage].text[claim.quote.start : claim.quote.end]
    assert quoted == "Shoes can be returned within 30 days."


def test_a_wrong_number_or_source_is_unsupported_and_has_no_quote():
    for answer in ("Shoes can be returned within 60 days [1].", "Shipping costs $4.50 [1]."):
        (claim,) = verify(answer, PASSAGES).claims
        assert not claim.supported
        assert claim.quote is None


def test_a_marker_after_the_full_stop_belongs_to_the_sentence_before_it():
    answer = "Shoes can be returned within 30 days. [1] Shipping costs $4.50.[2] Bye."
    assert claims(answer) == [
        ("Shoes can be returned within 30 days.", ("1",), True),
        ("Shipping costs $4.50.", ("2",), True),
    ]
    assert claims("Shipping costs $4.50.\n\n[2]\n\nBye.")[0] == (
        "Shipping costs $4.50.",
        ("2",),
        True,
    )


def test_a_marker_that_opens_a_line_belongs_to_what_follows():
    answer = "Here:\n- [2] Shipping costs $4.50.\n[1] Shoes can be returned within 30 days."
    assert [c[:2] for c in claims(answer)] == [
        ("Shipping costs $4.50.", ("2",)),
        ("Shoes can be returned within 30 days.", ("1",)),
    ]


def test_fabricated_ids_are_listed_and_their_sentence_is_an_unsupported_claim():
    found = verify("Shoes can be returned within 30 days [7]. Yes [1, 8]. Again [7].", PASSAGES)
    assert found.fabricated == ("7", "8")
    assert found.claims[0].cites == ()
    assert not found.claims[0].supported


def test_passages_may_support_a_claim_together():
    answer = "Shoes can be returned within 30 days, and shipping costs $4.50 [1][2]."
    assert claims(answer)[0][1:] == (("1", "2"), True)


def test_a_claim_that_joins_two_passages_needs_both_of_them():
    answer = "Shoes can be returned within 30 days, and shipping costs $4.50 [1]."
    (claim,) = verify(answer, PASSAGES).claims
    assert not claim.supported


def test_what_a_passage_denies_is_contradicted_and_the_reason_says_so():
    (claim,) = verify("Shoes can be returned within 60 days [1].", PASSAGES).claims
    assert claim.verdict == "contradicted"
    assert "30" in claim.reason
    (other,) = verify("Shoes can be returned within 60 days [2][1].", PASSAGES).claims
    assert other.verdict == "contradicted"


def test_a_claim_without_any_passage_says_so():
    (claim,) = verify("Shoes can be returned within 30 days [7].", PASSAGES).claims
    assert (claim.verdict, claim.reason) == ("unsupported", NOTHING_CITED)


@pytest.mark.parametrize(
    "said",
    [
        "The sources do not say whether gift wrapping is free [1].",
        "The provided passages don't contain any information about it [1, 2].",
        "This is not mentioned in the passages [1].",
    ],
)
def test_that_the_sources_lack_something_is_no_claim(said: str):
    found = verify(said, PASSAGES)
    assert (found.claims, found.uncited) == ((), ())


def test_a_quotation_must_be_verbatim():
    said = "It says “shoes can be returned within 30 days” [1]."
    (claim,) = verify(said, PASSAGES).claims
    assert claim.supported
    (quotation,) = claim.quotations
    assert quotation.verbatim
    assert said[quotation.start : quotation.end] == "shoes can be returned within 30 days"
    assert quotation.found is not None
    found = PASSAGES["1"].text[quotation.found.start : quotation.found.end]
    assert found == "Shoes can be returned within 30 days"


def test_words_between_quotation_marks_that_no_passage_has_are_no_support():
    (claim,) = verify("“Shoes can be brought back within 30 days” [1].", PASSAGES).claims
    assert [q.verbatim for q in claim.quotations] == [False]
    assert claim.verdict == "unsupported"
    assert "'Shoes can be brought back within 30 days'" in claim.reason
    assert claim.score < 0.5
    assert claim.quote is None


def test_a_word_set_off_is_told_and_decides_nothing():
    (claim,) = verify("Shoes can be “sent back” or returned within 30 days [1].", PASSAGES).claims
    assert [q.verbatim for q in claim.quotations] == [False]
    plain = verify("Shoes can be sent back or returned within 30 days [1].", PASSAGES).claims[0]
    assert claim.supported == plain.supported


def test_a_quotation_of_two_sentences_is_checked_whole():
    said = "“Shoes can be returned within 30 days. Sale items never.” [1]"
    claim = verify(said, PASSAGES).claims[-1]
    (quotation,) = claim.quotations
    assert said[quotation.start : quotation.end].startswith("Shoes")
    assert not quotation.verbatim


def test_a_block_quotation_is_a_quotation():
    good = "It says:\n\n> Shoes can be returned\n> within 30 days.\n\n[1]"
    assert [q.verbatim for q in verify(good, PASSAGES).claims[-1].quotations] == [True]
    bad = "It says:\n\n> Shoes can be returned\n> whenever you like.\n\n[1]"
    assert [q.verbatim for q in verify(bad, PASSAGES).claims[-1].quotations] == [False]


def test_a_quotation_is_looked_up_in_the_document_as_it_is_stored_now():
    said = "“Shoes can be returned within 30 days” [1]."

    def verbatim(stored: str | None) -> bool:
        checks = Checks(stored=lambda passage: stored)
        (claim,) = verify_with(checks, said, PASSAGES).claims
        return claim.quotations[0].verbatim

    assert verbatim(None)
    assert verbatim("Hello. Shoes can be returned within 30 days. Bye.")
    assert not verbatim("Shoes can be returned within 14 days.")


def test_a_store_that_cannot_be_read_leaves_the_passages():
    def fails(passage: object) -> str:
        raise SourceError("being rebuilt")

    (claim,) = verify_with(
        Checks(stored=fails), "“Shoes can be returned within 30 days” [1].", PASSAGES
    ).claims
    assert claim.quotations[0].verbatim


def test_markers_in_tables_and_lists_and_any_script():
    answer = (
        "| What | When |\n|---|---|\n| Shoes | can be returned within 30 days [1] |\n\n"
        "- 👩‍👩‍👧 e\u0301: shipping costs $4.50 [2]\n- \u202bמשלוח\u202c: $4.50 [2]"
    )
    sliced = [answer[c.start : c.end] for c in verify(answer, PASSAGES).claims]
    assert sliced[0] == "| Shoes | can be returned within 30 days [1] |"
    assert sliced[1] == "👩‍👩‍👧 e\u0301: shipping costs $4.50 [2]"
    assert sliced[2] == "\u202bמשלוח\u202c: $4.50 [2]"


def test_a_bare_list_of_sources_states_nothing():
    assert claims("Sources: [1], [2]") == []
    assert claims("[1]") == []
