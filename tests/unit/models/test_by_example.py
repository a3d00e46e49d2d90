from __future__ import annotations

from agent_knowledge.models.by_example import nearest_example, without_frame
from agent_knowledge.testing import HashEmbedder
from agent_knowledge.types import Example


def test_labels_are_voted_for_and_other_outputs_come_from_the_nearest():
    shown = [
        Example(input="I was charged twice", output="billing"),
        Example(input="Charged twice again, refund it", output="billing"),
        Example(input="The app crashes", output="bug"),
    ]
    for embedder in (None, HashEmbedder()):
        example, similarity = nearest_example("My card was charged twice", shown, embedder)
        assert example.output == "billing"
        assert similarity > 0
    long = [Example(input="The app crashes", output="x" * 100), *shown[:2]]
    assert nearest_example("app crashes", long)[0].output == "x" * 100


def framed(text: str) -> str:
    return f"Sort this ticket of our shop.\nTicket: {text}\nQueue:"


def test_what_a_task_and_all_examples_share_at_their_ends_is_taken_off():
    shown = [Example(input=framed(text), output="o") for text in ("The app crashes", "The app is")]
    task, examples = without_frame(framed("I was charged"), shown)
    assert task == "I was charged"
    assert [example.input for example in examples] == ["The app crashes", "The app is"]


def test_nothing_is_taken_off_where_nothing_would_be_left_or_told():
    same = [Example(input="Where is it?\n", output="o")] * 2
    assert without_frame("Where is it?\n", same) == ("Where is it?\n", same)
    assert without_frame(framed("a"), [Example(input=framed("b"), output="o")])[0] == framed("a")
    apart = [Example(input="one", output="o"), Example(input="only", output="o")]
    assert without_frame("on it", apart) == ("on it", apart)
    assert without_frame("x", []) == ("x", [])
