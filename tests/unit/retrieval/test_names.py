from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_knowledge.retrieval.lexical import LexicalIndex
from agent_knowledge.retrieval.names import NameIndex, TalkedOf, names_of, proper_stems, spoken
from agent_knowledge.retrieval.reading.chunks import Searched

HOTELS = ["Laurel Inn, a Joie de Vivre Hotel", "Harbor Court Hotel", "Pier Market Seafood Grill"]
ASKED = ["Is there parking?", "Are dogs allowed?", "When is breakfast?"]
ROWS = [(title, hotel) for hotel in HOTELS for title in ASKED] + [("B on the Go", "")]


def index(rows: Sequence[tuple[str, str]] = ROWS) -> NameIndex:
    passages = [
        Searched(number=n, title=title, keywords=keywords, text=f"It says so in line {n}.")
        for n, (title, keywords) in enumerate(rows)
    ]
    return NameIndex.of(rows, LexicalIndex.build(passages))


NAMES = index()


def talked_of(request: str, *told: str) -> TalkedOf:
    return NAMES.talked_of(spoken(request), [spoken(turn) for turn in reversed(told)])


def lifted(found: TalkedOf) -> set[str]:
    """The hotels whose passages gain most."""
    best = np.flatnonzero(found.gains == found.gains.max())
    return {ROWS[i][1] for i in best} if found.gains.any() else set()


@pytest.mark.parametrize(
    ("title", "keywords", "names"),
    [
        ("Refunds > How long it takes", "", ("Refunds",)),
        ("Ed Wood (film)", "", ("Ed Wood",)),
        (
            "Laurel Inn, a Joie de Vivre Hotel",
            "",
            ("Laurel Inn, a Joie de Vivre Hotel", "Laurel Inn"),
        ),
        ("Is there parking?", "Laurel Inn\nhotel", ("Laurel Inn", "hotel")),
        ("can i bring my dog", "", ()),
        ("Harbour House: Which cards do you take?", "", ("Harbour House",)),
        ("Harbour House (Hull) – Can I pay later?", "", ("Harbour House",)),
        ("Guide > Harbour House: Is there a lift?", "Hotel", ("Guide", "Harbour House", "Hotel")),
        ("Which cards do you take: Visa?", "", ()),
        ("A title that is a whole sentence about one matter", "", ()),
        ("", "", ()),
    ],
)
def test_a_passage_goes_by_title_headings_and_metadata(
    title: str, keywords: str, names: tuple[str, ...]
):
    assert names_of(title, keywords) == names


def test_what_the_conversation_named_is_what_a_turn_without_a_subject_is_about():
    found = talked_of("do they have parking", "i found one called the laurel inn for you")
    assert lifted(found) == {HOTELS[0]}
    assert found.subjects[0] in HOTELS[0]
    assert found.mentioned == 0


def test_the_later_of_two_names_counts_for_more():
    told = ["what about the harbor court hotel", "hm no", "then the laurel inn in the north"]
    assert lifted(talked_of("do they allow dogs", *told)) == {HOTELS[0]}
    assert lifted(talked_of("do they allow dogs", *reversed(told))) == {HOTELS[1]}


def test_a_turn_that_names_something_itself_leaves_the_rest_behind():
    found = talked_of("and does the Harbor Court Hotel have parking", "we took the laurel inn")
    assert lifted(found) == {HOTELS[1]}
    assert found.mentioned > 0.5


def test_a_question_with_its_subject_before_a_colon_is_found_by_that_subject():
    names = ["Harbour House", "Rose Court", "Mill Lodge"]
    asked = ["Which cards do you take?", "Is there a lift?"]
    titles = [f"{name}: {question}" for name in names for question in asked]
    found = index([(title, "") for title in titles]).talked_of(
        spoken("do they have a lift"), [spoken("i would like to stay at the harbour house")]
    )
    best = np.flatnonzero(found.gains == found.gains.max())
    assert [titles[i] for i in best] == titles[:2]
    assert found.subjects == ("Harbour House",)


def test_a_name_that_was_offered_some_turns_ago_is_what_a_turn_without_one_is_about():
    offer = (
        "I found three: Laurel Inn, which is quiet; you could also look for a motel. Shall I go on?"
    )
    told = [offer, "hm let me think", "Of course, take your time.", "ok that one is fine"]
    assert lifted(talked_of("do they have parking", *told)) == {HOTELS[0]}


def test_names_are_heard_through_speech():
    assert lifted(talked_of("what about the pier market sea food grill")) == {HOTELS[2]}


def test_a_number_that_is_read_out_names_nothing():
    names = index([("RESTAURANT ONE SEVEN", ""), ("Curry House", "")])
    said = spoken("the phone number is four one five one seven seven one")
    assert not names.talked_of(said, []).gains.any()


def test_a_common_word_is_no_mention_of_a_name_that_has_it():
    assert talked_of("where can we go tonight").gains.max() < 1


def test_a_passage_that_names_another_is_followed_to_it_and_not_to_itself():
    rows = [("Solaris", ""), ("Andrei Tarkovsky", ""), ("Stalker", "")]
    text = spoken("Solaris was filmed by Andrei Tarkovsky.")
    assert index(rows).mentioned(text, but_of=0).argmax() == 1
    assert index(rows).mentioned(text, but_of=0)[0] == 0


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("When was Ed Wood born?", True),
        ('what does "ordinary care" mean', True),
        ("How long do refunds take?", False),
        ("It came on 2 December. Can I send it back?", False),
        ("do they have parking", False),
    ],
)
def test_whether_a_text_names_something(text: str, named: bool):
    assert bool(proper_stems(text)) == named


@given(st.text(max_size=200), st.lists(st.text(max_size=80), max_size=4))
def test_no_conversation_raises_and_gains_stay_in_their_range(request: str, told: list[str]):
    found = talked_of(request, *told)
    assert found.gains.shape == (len(ROWS),)
    assert 0 <= found.gains.min() <= found.gains.max() <= 8
    assert 0 <= found.mentioned <= 1
