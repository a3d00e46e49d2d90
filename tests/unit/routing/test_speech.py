from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_knowledge import Message, Task
from agent_knowledge.routing.queries import own_query, without_fillers


@pytest.mark.parametrize(
    ("turn", "left"),
    [
        ("ok great umm do you know if they have parking", "do you know if they have parking"),
        ("Perfect, thanks! And is breakfast included?", "is breakfast included?"),
        ("that sounds really good, uh, what about dogs", "what about dogs"),
        ("thank you so much", "thank you so much"),
        ("Is the museum open on Monday?", "Is the museum open on Monday?"),
        ("", ""),
    ],
)
def test_what_is_left_is_what_was_asked(turn: str, left: str):
    assert without_fillers(turn) == left


def test_only_turns_of_a_conversation_lose_words():
    text = "Great Expectations, what is it about?"
    assert own_query(Task(text)) == text
    assert own_query(Task("ok and dogs?", history=(Message("user", "hi"),))) == "dogs?"


@given(st.text(max_size=200))
def test_no_turn_becomes_empty(turn: str):
    assert bool(without_fillers(turn).strip()) == bool(turn.strip())
