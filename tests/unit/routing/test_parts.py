from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_knowledge.routing.queries import sub_queries


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        (
            "Who directed the film that was shot near Leland in 1986?",
            ("Who directed the film", "was shot near Leland in 1986"),
        ),
        (
            "Which opened first, the Alder Bridge or the Rowan Tunnel?",
            ("Which opened first", "the Alder Bridge", "the Rowan Tunnel"),
        ),
        (
            "When was the town founded in which Ines Halloran was born?",
            ("When was the town founded", "Ines Halloran was born"),
        ),
        ("How long do refunds take?", ()),
        ("", ()),
    ],
)
def test_a_question_is_cut_at_its_seams(question: str, parts: tuple[str, ...]):
    assert sub_queries(question) == parts


@given(st.text(max_size=400))
def test_no_text_raises_and_the_parts_are_few(text: str):
    assert len(sub_queries(text)) in {0, 2, 3, 4}
