"""The form of texts, whatever they are about."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_knowledge.routing.match import SetForm, marks
from agent_knowledge.routing.need import load_fits

BACKGROUND = load_fits("minilm").background
NOTES = [
    "PR #3391: zstd bodies that arrive as several frames are decoded to the end now",
    "PR #3402: retries no longer count towards the limit of the pool",
    "PR #3410: cookies set on a redirect are sent on the next hop too",
    "PR #3415: a closed client says so instead of hanging",
]


@pytest.mark.parametrize(
    ("like", "unlike"),
    [
        ("PR #3500: an empty header no longer ends the stream", "how do i retry a request"),
        ("PR #9: shorter names", "What does PR stand for?"),
    ],
)
def test_what_looks_like_the_sets_inputs_is_told(like: str, unlike: str) -> None:
    form = SetForm.of(NOTES, BACKGROUND)
    assert form.likeness(like) > 0.5 > form.likeness(unlike)


def test_two_lines_are_a_form() -> None:
    issues = [f"Title number {n} of some issue\nWhat I did and what I saw." for n in range(12)]
    form = SetForm.of(issues, BACKGROUND)
    two = "Menu stays open after a click\nSeen on two machines."
    assert form.likeness(two) > form.likeness(two.replace("\n", " "))


@given(st.text(max_size=400), st.lists(st.text(max_size=60), min_size=1, max_size=6))
def test_any_text_has_a_finite_likeness_to_any_set(text: str, inputs: list[str]) -> None:
    assert abs(SetForm.of(inputs, BACKGROUND).likeness(text)) < 100
    assert marks(text)


def test_a_huge_text_costs_no_more_than_a_page() -> None:
    marks("warm")
    started = time.perf_counter()
    marks("word " * 5_000_000)
    assert time.perf_counter() - started < 0.5
