from __future__ import annotations

from agent_knowledge.citations.verify import Evidence, Verification, verify

PASSAGES = {
    "1": Evidence(title="Refunds", text="Shoes can be returned within 30 days. Sale items not."),
    "2": Evidence(title="Shipping", text="Parcels leave daily. Shipping costs $4.50."),
}


def claims(answer: str) -> list[tuple[str, tuple[str, ...], bool]]:
    return [(c.text, c.cites, c.supported) for c in verify(answer, PASSAGES).claims]


def test_a_sentence_without_a_marker_is_no_claim():
    assert verify("Shoes can be returned.", PASSAGES) == Verification(claims=(), fabricated=())


def test_a_claim_has_text_span_score_and_quote():
    answer = "Hello. Shoes can be returned within 30 days [1]. Bye."
    (claim,) = verify(answer, PASSAGES).claims
    assert claim.text == "Shoes can be returned within 30 days."
    assert answer[claim.start : claim.end] == "Shoes can be returned within 30 days [1]."
    assert claim.supported
    assert claim.score == 1
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


def test_a_bare_list_of_sources_states_nothing():
    assert claims("Sources: [1], [2]") == []
    assert claims("[1]") == []
