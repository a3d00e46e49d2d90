from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_knowledge.signals.structure import FEATURE_NAMES, demand, ends, features


def named(text: str) -> dict[str, float]:
    return dict(zip(FEATURE_NAMES, features(text).tolist(), strict=True))


@given(st.text(max_size=600))
def test_any_text_gives_finite_features_within_bounds(text: str) -> None:
    values = features(text)
    assert values.shape == (len(FEATURE_NAMES),)
    assert values.dtype == np.float32
    assert ((values >= 0) & (values <= 1)).all()


def test_names_are_unique() -> None:
    assert len(set(FEATURE_NAMES)) == len(FEATURE_NAMES)


def test_the_same_text_gives_the_same_features() -> None:
    text = "Which of the two rivers is longer?"
    assert (features(text) == features(text)).all()


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("Could you please tag this review as positive or negative?", ["head_pattern", "options"]),
        ("Translate the line into German.\n\nGood morning", ["head_pattern", "language"]),
        ("What is the latest version of Node?", ["now", "moving", "ask_what", "ends_question"]),
        ("Who is the mayor of Linz today?", ["office", "now", "ask_who_when_where"]),
        ("How do I reset my password?", ["how_to", "ask_how", "first_person"]),
        ("You are a museum guard. I touch things.", ["role_play"]),
        ("Which is longer, the river A or the river B, and is it older than C?", ["comparison"]),
        ("Who wrote the book that won the prize in 1974?", ["relative", "old_year"]),
        ("Write a haiku about rain.", ["head_compose", "invented"]),
        ("Why does it fail?\n\n```\nint main() {}\n```", ["ask_why"]),
        ("Solve for x: 3x = 7 + 2", ["head_compute", "maths"]),
    ],
)
def test_what_a_reader_sees_is_marked(text: str, marks: list[str]) -> None:
    found = named(text)
    assert [mark for mark in marks if not found[mark]] == []


def test_a_plain_story_has_no_mark_of_a_question() -> None:
    found = named("Write a short story.")
    unmarked = ("now", "office", "options", "ends_question")
    assert [mark for mark in unmarked if found[mark]] == []


def test_supplied_text_shows() -> None:
    bare = named("Summarise the report.")
    given_text = named("Summarise the report.\n\n" + "The pump froze in March. " * 20)
    assert given_text["told"] > bare["told"]
    assert given_text["told_share"] > 0.5 > bare["told_share"]


def test_a_demand_after_its_text_is_told_from_one_before() -> None:
    story = "The pump froze in March. Nobody noticed."
    assert named(f"{story} What froze?")["told_first"]
    assert not named(f"What froze? {story}")["told_first"]


@pytest.mark.parametrize("filler", ["a, ", "x" * 1_000, "What? ", "\n", '"', "a.b/", "1,2;", " | "])
def test_a_huge_text_costs_no_more_than_a_page(filler: str) -> None:
    text = filler * (50_000_000 // len(filler))
    started = time.perf_counter()
    features(text)
    demand(text)
    assert time.perf_counter() - started < 1.0


def test_the_demand_is_the_part_that_asks() -> None:
    text = "The mill stood by the river. It closed in 1930. Why did it close?"
    assert demand(text) == "Why did it close?"


def test_a_text_that_asks_nothing_is_its_own_demand() -> None:
    assert demand("Rain, again.") == "Rain, again."


def test_the_ends_leave_quotations_out() -> None:
    assert "cite" not in ends('Is "please cite" polite?\n\nThanks')
    assert "Thanks" in ends('Is "please cite" polite?\n\nThanks')
