from __future__ import annotations

import time

import pytest

from agent_knowledge.citations.quotations import find_quotation, fold, quoted_spans

TEXT = (
    "We **pay** refunds—within 14\u00a0days of the parcel’s ﬁnal\n> return [by post](http://x.y)."
)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ('He said "we pay it," then left.', ["we pay it,"]),
        ("“a b” „c d“ «e f» 「g h」 ‘i’m it’", ["a b", "c d", "e f", "g h", "i’m it"]),
        ('"over\ntwo lines"', ["over\ntwo lines"]),
        ("> a block\n> of two lines\n> — Handbook", ["a block\n> of two lines"]),
        ("It's the dogs' day, it's.", []),
        ('a 5" screen and a 7" screen', []),
        ('<a href="x y">', []),
        ('"one paragraph\n\nanother"', []),
        ("> **Note:** nothing is quoted", []),
        ("> [!TIP]\n> nothing is quoted", []),
        ("“” \"\" ''", []),
    ],
)
def test_what_stands_between_quotation_marks(text: str, quoted: list[str]):
    assert [text[slice(*span)] for span in quoted_spans(text)] == quoted


def test_code_quotes_nothing():
    text = '`print("hi there")` and "use `x` now"'
    assert [text[slice(*s)] for s in quoted_spans(text, ((0, 19),))] == ["use `x` now"]


@pytest.mark.parametrize(
    ("quoted", "found"),
    [
        ("we pay refunds - within 14 days", "We **pay** refunds—within 14\u00a0days"),
        ("the parcel's final return", "the parcel’s ﬁnal\n> return"),
        ("We … 14 days", "We **pay** refunds—within 14\u00a0days"),
        ("[w]e pay [sic] refunds,", "We **pay** refunds"),
        ("return by post.", "return [by post"),
    ],
)
def test_typography_does_not_count(quoted: str, found: str):
    span = find_quotation(quoted, TEXT)
    assert span is not None
    assert TEXT[slice(*span)] == found


@pytest.mark.parametrize(
    "quoted", ["we pay refunds within 15 days", "refund", "14 days … we pay", "WE PAY", "...", ""]
)
def test_other_words_are_not_found(quoted: str):
    assert find_quotation(quoted, TEXT) is None


def test_a_letter_and_its_mark_are_one_character():
    text = "cafe\u0301 e\u0301te\u0301"
    span = find_quotation("café", text)
    assert span is not None
    assert text[slice(*span)] == "cafe\u0301"
    assert find_quotation("cafe", text) is None


def test_scripts_without_blanks_have_no_word_edges():
    assert find_quotation("三十天内", "可以在三十天内退货。") == (3, 7)


@pytest.mark.parametrize("unit", ["“", '"a ', "> x\n", "‘a ", "’", "[", "](", " ", "\n", "e\u0301"])
def test_hostile_texts_take_linear_time(unit: str):
    text = (unit * 100_000)[:100_000]
    started = time.perf_counter()
    quoted_spans(text)
    fold(text)
    find_quotation("a b", text)
    assert time.perf_counter() - started < 10
