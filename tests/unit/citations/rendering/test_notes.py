from __future__ import annotations

from dataclasses import replace

import pytest

from agent_knowledge.citations.notes import (
    excerpt,
    heading,
    lines,
    link,
    notes,
    one_line,
    place,
    visible,
)
from agent_knowledge.types.answers import Opinion, Quotation
from tests.unit.citations.rendering.answers_made import REFUNDS, SHIPPING, made


def test_each_named_passage_has_one_note_with_its_quotes_and_remarks():
    answer = made(
        "Refunds take 14 days [1]. Wrapping is free [1][2].",
        found={
            "Refunds": {"said": "within 14 days"},
            "Wrapping": {"supported": False, "reason": "nothing says so"},
        },
    )
    refunds, shipping = notes(answer)
    assert (refunds.number, shipping.number) == (1, 2)
    assert [REFUNDS.text[slice(*span)] for span in refunds.quotes] == ["within 14 days"]
    (remark,) = refunds.remarks
    assert (remark.kind, remark.said, remark.reason) == (
        "unsupported",
        "Wrapping is free.",
        "nothing says so",
    )
    assert [r.kind for r in shipping.remarks] == ["unsupported"]


def test_a_contradiction_a_loose_quotation_and_a_second_opinion_are_told():
    text = "It says “at once” [1]."
    start = text.index("at once")
    loose = Quotation(start=start, end=start + len("at once"), verbatim=False)
    opinion = Opinion(judge="a judge", supported=None, reason="no answer")
    fields = {"supported": False, "contradicted": True, "quotations": (loose,), "opinion": opinion}
    (note,) = notes(made(text, found={"It": fields}))
    assert [(r.kind, r.said) for r in note.remarks] == [
        ("contradicted", "It says “at once”."),
        ("not verbatim", "at once"),
        ("second opinion", "It says “at once”."),
    ]
    assert "a judge" in note.remarks[2].text


def test_a_passage_that_only_supports_half_is_remarked_on_but_not_with_the_claims_reason():
    answer = made("Refunds take 14 days [1][2].")
    half = replace(answer.citations[1], supported=False)
    first, second = notes(replace(answer, citations=(answer.citations[0], half)))
    assert first.remarks == ()
    assert [(r.kind, r.reason) for r in second.remarks] == [("unsupported", "")]


def test_a_marker_whose_sentence_states_nothing_still_has_its_note():
    answer = replace(made("See [2]."), citations=(), claims=())
    assert [note.number for note in notes(answer)] == [2]


def test_nothing_retrieved_means_no_notes():
    assert notes(made("See [2].", passages=())) == []


def test_where_a_passage_stands():
    assert (heading(REFUNDS), heading(SHIPPING)) == ("Refunds > How long it takes", "ship")
    assert place(REFUNDS) == "handbook/refunds.md"
    assert (lines(REFUNDS), lines(SHIPPING)) == ("lines 12-13", "line 1")
    assert lines(replace(REFUNDS, lines=None)) == ""


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("https://a.example/x?y=1#z", "https://a.example/x?y=1#z"),
        ("HTTP://a.example", "HTTP://a.example"),
        ("docs/my file (1).md", "docs/my%20file%20%281%29.md"),
        ("/docs/x.md#a:b", "/docs/x.md#a:b"),
        ('https://a.example/"><script>', "https://a.example/%22%3E%3Cscript%3E"),
        ("javascript:alert(1)", None),
        (" JavaScript:alert(1)", None),
        ("java\nscript:alert(1)", None),
        ("data:text/html,x", None),
        ("file:///etc/passwd", None),
        ("//evil.example", None),
        ("https:evil", None),
        ("", None),
    ],
)
def test_only_web_and_relative_addresses_are_linked(uri: str, address: str | None):
    assert link(uri) == address


def test_texts_from_outside_show_and_do_not_act():
    text = "a\x1b[31mred\x00\u202eevil\udc80"
    assert visible(text) == "a\ufffd[31mred\ufffd\ufffdevil\ufffd"
    assert one_line(" a\n\tb ") == "a b"
    assert excerpt("word " * 100, 10) == "word word…"
    assert one_line("👩‍👩‍👧 زن‌ها") == "👩‍👩‍👧 زن‌ها"  # joiners are part of writing
