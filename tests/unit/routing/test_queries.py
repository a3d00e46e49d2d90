"""What a task is taken to ask, and to work on."""

from __future__ import annotations

import pytest

from agent_knowledge import Message, Task
from agent_knowledge.routing.queries import payload, standalone_query, tail, turn_query

HISTORY = (
    Message("user", "Do you repair lamps that are out of warranty?"),
    Message("assistant", "Yes, our workshop does."),
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('Which queue: "I was charged twice today"', "I was charged twice today"),
        ("Classify “the parcel is late again”, please.", "the parcel is late again"),
        ("Label the mood.\n\nThe soup was cold and late.", "The soup was cold and late."),
        ("Translate to French: good morning my friend", "good morning my friend"),
        ("How long do refunds take?", None),
        ('What does "SLA" mean?', None),
        ("", None),
    ],
)
def test_what_a_task_works_on(text: str, found: str | None) -> None:
    assert payload(text) == found


def test_a_long_task_is_looked_at_only_in_part() -> None:
    assert payload("x" * 5_000_000 + ': "a b c d"') is None


def test_a_question_that_stands_alone_is_asked_as_it_is() -> None:
    task = Task("How long is the warranty on a desk lamp?", history=HISTORY)
    assert standalone_query(task, []) == task.text
    assert tail(task) == ""


@pytest.mark.parametrize("text", ["And what does it cost?", "How long?"])
def test_a_turn_that_points_back_takes_its_history_along(text: str) -> None:
    query = standalone_query(Task(text, history=HISTORY), [])
    assert "out of warranty" in query
    assert query.endswith(text.removeprefix("And "))


def test_a_turn_without_its_subject_is_put_with_the_name_that_was_told() -> None:
    task = Task("do they have parking", history=HISTORY)
    assert standalone_query(task, ["Laurel Inn", "Mill"]) == "do they have parking (Laurel Inn)"


def test_the_turn_itself_is_what_is_meant_when_it_says_something() -> None:
    telling = Task("do they also polish brass lamps there", history=HISTORY)
    assert turn_query(telling) == telling.text
    assert "warranty" in turn_query(Task("and that?", history=HISTORY))


def test_a_huge_task_keeps_both_ends() -> None:
    query = standalone_query(Task("First this. " + "x " * 100_000 + "What is it?"), [])
    assert len(query) < 3000
    assert query.startswith("First this.")
    assert query.endswith("What is it?")
