"""What the support check is built of: numbers, dates, negations, opposites, alignment."""

from __future__ import annotations

import pytest

from agent_knowledge.citations.alignment import Alignment, align
from agent_knowledge.citations.measures import measure, put_beside
from agent_knowledge.citations.numbers import Date, dates
from agent_knowledge.citations.reading import read, read_passage
from agent_knowledge.citations.words import contrary, opposed


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("thirty days", "30", "day"),
        ("30-day", "30", "day"),
        ("five working days", "5", "day"),
        ("forty-five minutes", "45", "minute"),
        ("$4.50", "4.5", "dollar"),
        ("1,200 parcels", "1200", ""),
        ("2 million euros", "2000000", "euro"),
        ("$2M", "2000000", "dollar"),
        ("76 m", "76", "metre"),
        ("76 metres", "76", "metre"),
        ("3 %", "3", "percent"),
        ("3 percent", "3", "percent"),
        ("the 77th minute", "77", "minute"),
        ("1.5.9", "1.5.9", ""),
    ],
)
def test_a_number_is_one_value_however_it_is_written(text: str, value: str, unit: str):
    assert [(t.stem, t.unit) for t in read(text) if t.kind == "number"] == [(value, unit)]


@pytest.mark.parametrize("text", ["the 3b model", "4x4 drive", "version v2"])
def test_a_name_with_digits_is_no_number(text: str):
    assert not [t for t in read(text) if t.kind == "number"]


@pytest.mark.parametrize(
    "text",
    ["3 February 1954", "February 3, 1954", "3rd of February, 1954", "1954-02-03", "3 Feb. 1954"],
)
def test_a_date_is_the_same_in_any_spelling(text: str):
    (date,) = dates(f"It ended on {text}.")
    assert (date.year, date.month, date.day) == (1954, 2, 3)


@pytest.mark.parametrize(
    ("claim", "lead"),
    [
        ("Its chair was elected by 9 members of the council.", 0),
        ("Its chair was elected by 3 members of the council.", 1 / 2),
        ("Two members of the council are new.", 0),
        ("Members of the council met in 2018.", 0),
    ],
)
def test_a_number_is_led_by_another_beside_the_same_words(claim: str, lead: float):
    passage = read_passage("Updated 3 May 2018. The council has 9 members. They elect its chair.")
    beside = put_beside(claim, passage)
    assert beside
    assert measure(beside)["rival_number"] == lead


def test_a_verb_is_no_month():
    assert not dates("It may 3 times, and they march 2019 miles.")


def test_dates_compare_by_what_both_give():
    full, month = Date(1954, 2, 3, 0, 0), Date(1954, 2, 0, 0, 0)
    assert full.says(month)
    assert not month.says(full)
    assert not full.denies(month)
    assert full.denies(Date(1954, 2, 4, 0, 0))


@pytest.mark.parametrize(
    ("text", "denied"),
    [
        ("Cards can't be refunded, but shoes can.", ["refunded"]),
        ("Files are not deleted; they become read-only.", ["deleted"]),
        ("It is not only cheap.", []),
        ("No more than three parcels.", []),
        ("All is well.", []),
    ],
)
def test_a_negation_reaches_its_clause(text: str, denied: list[str]):
    assert [token.word for token in read(text) if token.denied] == denied


@pytest.mark.parametrize(
    ("claim", "passage"),
    [
        ("Gift cards may be refunded.", "We do not refund gift cards."),
        ("One does not refund gift cards.", "Gift cards may be refunded."),
    ],
)
def test_what_one_affirms_and_the_other_denies_is_contrary(claim: str, passage: str):
    assert contrary(read(claim), read(passage))


@pytest.mark.parametrize(
    ("claim", "passage"),
    [
        ("Newspapers can't be borrowed.", "Borrowing newspapers is forbidden."),
        ("Guests can't enter the pool.", "Only members may enter the pool."),
        ("There is no refund for gift cards.", "Gift cards are not refunded."),
    ],
)
def test_a_denial_in_other_words_is_not_contrary(claim: str, passage: str):
    assert not contrary(read(claim), read(passage))


def test_an_opposite_is_found():
    (word,) = opposed(read("It is softer than steel."), read("It is harder than tool steel."))
    assert word.word == "softer"
    assert not opposed(read("It is softer than steel."), read("It is softer than tool steel."))


def _align(claim: str, text: str) -> Alignment:
    return align(read(claim), read_passage(text).sentences)


def test_the_passages_own_sentence_stands_in_order():
    beside = _align("Ada Lopez founded Acme.", "In 1990 Ada Lopez founded Acme. It grew.")
    assert (beside.order, beside.block) == (1, 1)
    assert not beside.differences


@pytest.mark.parametrize(
    ("claim", "kind", "ours", "theirs"),
    [
        ("Acme was founded in Madrid by Marta Ruiz.", "name", "marta ruiz", "ada lopez"),
        ("Acme was founded in Lisbon by Ada Lopez.", "name", "lisbon", "madrid"),
        ("Acme was not founded in Madrid by Ada Lopez.", "negation", "founded", "founded"),
    ],
)
def test_what_stands_in_the_place_of_something_else_is_found(
    claim: str, kind: str, ours: str, theirs: str
):
    (difference, *_) = _align(claim, "Acme was founded in Madrid by Ada Lopez.").differences
    assert difference.kind == kind
    assert " ".join(t.word for t in difference.ours) == ours
    assert " ".join(t.word for t in difference.theirs) == theirs


def test_a_name_may_stand_for_a_pronoun():
    beside = _align("Acme was founded in Madrid in 1990.", "It was founded in Madrid in 1990.")
    assert not beside.differences
    assert not beside.added
