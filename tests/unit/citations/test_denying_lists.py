"""An item of a list says what the words above the list say of it."""

from __future__ import annotations

import pytest

from agent_knowledge import CitationVerifier, Passage
from agent_knowledge.build import load_verifier

ITEMS = """- marks of normal use, such as scratches
- lamps and furniture used outdoors
- damage from water"""
ABOVE = {
    "the title": ("Warranty > What is not covered", ITEMS),
    "a heading": ("Warranty", f"## What is not covered\n\n{ITEMS}"),
    "a colon": ("Warranty", f"The warranty does not cover:\n\n{ITEMS}"),
}


@pytest.fixture(scope="module")
def verifier() -> CitationVerifier:
    return load_verifier()


def passage(title: str, text: str) -> Passage:
    return Passage(source="s", document="d", title=title, uri="", text=text, start=0, end=len(text))


@pytest.mark.parametrize("above", ABOVE)
@pytest.mark.parametrize(
    ("claim", "holds"),
    [
        ("Lamps used outdoors are covered [1].", False),
        ("Damage from water is covered [1].", False),
        ("The warranty covers lamps and furniture used outdoors [1].", False),
        ("The warranty does not cover lamps used outdoors [1].", True),
        ("Damage from water is not covered [1].", True),
        ("Marks of normal use, such as scratches, are not covered [1].", True),
        ("lamps and furniture used outdoors [1].", True),
    ],
)
def test_words_above_a_list_deny_its_items(
    verifier: CitationVerifier, above: str, claim: str, holds: bool
) -> None:
    (found,) = verifier.verify(claim, {"1": passage(*ABOVE[above])}).claims
    assert found.supported is holds, found.reason


def test_a_list_under_words_that_deny_nothing_is_read_as_it_is(verifier: CitationVerifier) -> None:
    given = {"1": passage("Rooms > Included in the price", "- breakfast\n- towels for two")}
    yes, no = verifier.verify(
        "Breakfast is included in the price [1]. Breakfast is not included in the price [1].", given
    ).claims
    assert yes.supported
    assert not no.supported


def test_an_item_in_several_lines_ends_no_list(verifier: CitationVerifier) -> None:
    items = "- marks of normal use, such as\n  scratches of any kind\n- damage from water"
    said = "Damage from water is not covered [1]. Damage from water is covered [1]."
    given = {"1": passage("Warranty > What is not covered", items)}
    yes, no = verifier.verify(said, given).claims
    assert yes.supported
    assert not no.supported


def test_what_stands_below_a_list_is_not_denied(verifier: CitationVerifier) -> None:
    text = "We never ship:\n\n- live plants\n\nOther parcels go out within two days."
    said = "Other parcels go out within two days [1]."
    (found,) = verifier.verify(said, {"1": passage("Shipping", text)}).claims
    assert found.supported


def test_a_quote_of_an_item_is_its_own_words(verifier: CitationVerifier) -> None:
    title, text = ABOVE["the title"]
    (found,) = verifier.verify(
        "Damage from water is not covered [1].", {"1": passage(title, text)}
    ).claims
    assert found.quote is not None
    assert text[found.quote.start : found.quote.end] == "damage from water"


def test_a_long_line_above_a_list_is_a_paragraph(verifier: CitationVerifier) -> None:
    text = "It is not " + "a b " * 45 + ":\n\n- live plants"
    (found,) = verifier.verify("live plants [1].", {"1": passage("Shipping", text)}).claims
    assert found.supported
