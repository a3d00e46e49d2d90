from __future__ import annotations

import pytest

from agent_knowledge.citations.entailment import SupportCheck, check_by_words

PASSAGE = (
    "Acme was founded by Ada Lopez in Madrid. Shoes can be returned within 30 days of purchase. "
    "Items on sale are not refundable. Shipping costs $4.50 and 1,200 parcels leave each day. "
    "Marta Ruiz has led the company since 2019."
)


def test_a_sentence_of_the_passage_is_supported_and_quoted():
    judged = check_by_words("Shoes can be returned within 30 days of purchase.", PASSAGE)
    assert judged.supported
    assert judged.score > 0.5
    assert judged.span is not None
    assert PASSAGE[slice(*judged.span)] == "Shoes can be returned within 30 days of purchase."


@pytest.mark.parametrize(
    "claim",
    [
        "You can return shoes within thirty days of the purchase.",
        "Shoes may be returned within 30 days.",
        "Shipping costs 4.5 dollars.",
        "Every day 1200 parcels leave.",
        "Sale items aren't refundable.",
    ],
)
def test_a_fact_in_other_words_is_supported(claim: str):
    assert check_by_words(claim, PASSAGE).supported


@pytest.mark.parametrize(
    "claim",
    [
        "Shoes can be returned within 60 days of purchase.",
        "Shoes can be returned within 30 hours of purchase.",
        "Items on sale are refundable.",
        "Shoes can not be returned within 30 days of purchase.",
        "Shipping costs $4.60.",
        "Acme was founded by Marta Ruiz in Madrid.",
        "Madrid has led the company since 2019.",
        "The weather in spring is mild.",
        "",
        "It is so.",
    ],
)
def test_a_changed_fact_is_not_supported(claim: str):
    judged = check_by_words(claim, PASSAGE)
    assert not judged.supported
    assert judged.score < 0.5


LIBRARY = (
    "A loan lasts 21 days and can be renewed. Whoever returns a book late pays 40 cents for each "
    "day. The reading room seats 64 visitors and closes at 19 o'clock on weekdays."
)


@pytest.mark.parametrize(
    ("claim", "number", "other"),
    [
        ("You can keep a loan for {} days.", "21", "64"),
        ("There is room for {} visitors in the reading room.", "64", "21"),
        ("If you are late, each day costs {} cents.", "40", "64"),
    ],
)
def test_a_number_that_the_passage_has_beside_other_words_is_not_supported(
    claim: str, number: str, other: str
):
    assert check_by_words(claim.format(number), LIBRARY).supported
    judged = check_by_words(claim.format(other), LIBRARY)
    assert not judged.supported
    assert judged.reason == f"the passage says '{number}', not '{other}'"


def test_the_title_names_what_the_text_calls_it():
    claim = "The Zephyr kettle weighs 2 kg."
    assert not check_by_words(claim, "It weighs 2 kg.").supported
    assert check_by_words(claim, "It weighs 2 kg.", "Zephyr kettle").supported


def test_a_claim_may_take_neighbouring_sentences_together():
    claim = "The lamp dims at night, and the fan stops at dawn."
    assert check_by_words(claim, "The lamp dims at night. The fan stops at dawn.").supported


@pytest.mark.parametrize(
    ("claim", "text"),
    [
        ("Shipping is free.", "Shipping costs 4.90 euros."),
        ("Returns are possible in Belgium.", "Returns are possible."),
        ("The lamp has 5 modes made in Italy.", "The lamp has 5 modes."),
        ("The museum opens daily.", "The museum is closed on Mondays."),
    ],
)
def test_a_brief_claim_needs_each_of_its_words(claim: str, text: str):
    assert not check_by_words(claim, text).supported


def test_what_contradicts_is_told_in_words():
    judged = check_by_words("Shoes can be returned within 60 days of purchase.", PASSAGE)
    assert judged.verdict == "contradicted"
    assert "not '60'" in judged.reason


def test_a_passage_without_words_says_nothing():
    assert not check_by_words("Anything at all.", "").supported
    assert not check_by_words("", "").supported


@pytest.mark.parametrize(
    ("claim", "text"),
    [
        ("Refunds are paid within two weeks.", "We pay refunds within 14 days of the return."),
        ("The talk takes 90 minutes.", "The talk takes 1.5 hours."),
    ],
)
def test_the_same_amount_in_another_unit_is_supported(claim: str, text: str):
    assert check_by_words(claim, text).supported


@pytest.mark.parametrize(
    ("claim", "text"),
    [
        ("Bob Stone sued Ada Lopez.", "Ada Lopez sued Bob Stone."),
        ("The empire lasted 12 years.", "The empire lasted 12 centuries."),
        ("The lamp weighs 2 lb.", "The lamp weighs 2 kg."),
        (
            "The wall can be seen from the moon.",
            "It is a myth that the wall can be seen from the moon.",
        ),
    ],
)
def test_what_a_passage_has_in_another_role_unit_or_frame_is_not_supported(claim: str, text: str):
    judged = check_by_words(claim, text)
    assert not judged.supported
    assert judged.reason


def test_a_claim_of_several_sentences_is_as_true_as_the_least_supported():
    told = "Shoes can be returned within 30 days of purchase. "
    assert check_by_words(f"{told}Items on sale are not refundable.", PASSAGE).supported
    assert not check_by_words(f"{told}Items on sale are refundable.", PASSAGE).supported


def test_the_threshold_decides_from_where_a_claim_counts():
    claim = "Shoes can be returned within 30 days of purchase."
    score = check_by_words(claim, PASSAGE).score
    assert SupportCheck(threshold=score)(claim, PASSAGE).supported
    assert not SupportCheck(threshold=score + 0.01)(claim, PASSAGE).supported
