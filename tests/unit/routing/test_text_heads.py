"""What the packaged text model says of texts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_knowledge import Message
from agent_knowledge.errors import ConfigError
from agent_knowledge.models.minilm import DIMENSIONS, MiniLM
from agent_knowledge.routing.text_heads import TextHeads, TextReading, context_of
from agent_knowledge.types import NEEDS

MODEL = MiniLM()
HEADS = TextHeads.load()


def read(text: str, *history: Message) -> TextReading:
    return HEADS.read(MODEL.read([text], [context_of(history)]).states)[0]


@pytest.mark.parametrize(
    ("text", "need"),
    [
        ("Who was the first person to row alone across the Pacific?", "retrieval"),
        ("What does our travel policy say about rental cars?", "retrieval"),
        ("How long may a shop in Spain keep my personal data?", "retrieval"),
        ("Write a ballad about a tired elevator.", "direct"),
        ("I have 14 eggs, drop 3 and use a third of the rest plus one. How many remain?", "direct"),
        ("hi there, how are you?", "direct"),
        ("Tag the message as complaint, praise or question.\n\nYour driver was a gem!", "few_shot"),
        ("Convert to ISO dates:\n\n2 May 2024\n9/9/23", "few_shot"),
        ("Give the plural, one per line:\n\nleaf\nmouse\nshelf", "few_shot"),
    ],
)
def test_plain_cases_are_told(text: str, need: str) -> None:
    reading = read(text)
    assert max(reading.need, key=lambda name: reading.need[name]) == need


@pytest.mark.parametrize(
    ("text", "need"),
    [
        ("what happens if i bring it back scratched", "retrieval"),
        ("am I allowed to bring my own food", "retrieval"),
        ("Write a limerick about our coffee machine", "direct"),
        ("what is 12 % of 480", "direct"),
        ("Sort into the usual categories: the left speaker crackles", "few_shot"),
    ],
)
def test_what_a_task_asks_of_an_agent_is_told(text: str, need: str) -> None:
    reading = read(text)
    assert max(reading.agent, key=lambda name: reading.agent[name]) == need


def test_a_turn_is_read_with_what_was_said_before_it() -> None:
    before = (
        Message("user", "How long is the warranty on lamps?"),
        Message("assistant", "Two years from the day of delivery."),
    )
    assert read("and on desks?", *before).agent["retrieval"] > 0.5
    assert read("thanks, that's all I needed", *before).agent["direct"] > 0.5


def test_what_changes_is_fresher_than_what_does_not() -> None:
    assert read("What is the price of copper today?").fresh > 0.7
    assert read("In which year did the Suez canal open?").fresh < 0.4
    assert read("How can I test my app?").fresh < 0.4


def test_two_look_ups_are_told_from_one() -> None:
    two = read("Which of the two founders of the club that won the cup was born in a harbour town?")
    assert two.multi_hop > read("What is the capital of Peru?").multi_hop


def test_texts_of_one_kind_are_near_whatever_they_are_about() -> None:
    kinds = HEADS.kinds(
        MODEL.read(
            [
                "PR #12: retries honour the server's wish to wait",
                "PR #40: the menu closes when a page is chosen",
                "how do i close the menu",
            ]
        ).states
    )
    assert kinds[0] @ kinds[1] > kinds[1] @ kinds[2]


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=300))
def test_readings_are_probabilities_whatever_the_text(text: str) -> None:
    reading = read(text)
    for shares in (reading.need, reading.agent):
        assert tuple(shares) == NEEDS
        assert sum(shares.values()) == pytest.approx(1)
        assert min(shares.values()) >= 0
    assert 0 <= reading.fresh <= 1
    assert 0 <= reading.multi_hop <= reading.need["retrieval"]


def test_many_texts_read_as_each_alone_and_in_order() -> None:
    texts = ["Who built it?", "", "Translate:\n\nbread", "a long story. " * 400, "Who built it?"]
    together = MODEL.read(texts, ["", "", "before", "", ""])
    for row, text in enumerate(texts):
        alone = MODEL.read([text], ["before" if row == 2 else ""])
        assert together.states[row] == pytest.approx(alone.states[0], abs=1e-4)
        assert together.vectors[row] == pytest.approx(alone.vectors[0], abs=1e-4)


def test_the_tuned_layers_leave_the_embedding_as_it_is() -> None:
    texts = ["How long do refunds take?", "a lamp"]
    assert MODEL.read(texts).vectors == pytest.approx(MiniLM().embed(texts), abs=1e-6)


def test_no_texts_give_no_readings() -> None:
    assert HEADS.read(MODEL.read([]).states) == ()
    assert MODEL.read([]).vectors.shape == (0, DIMENSIONS)


def test_the_end_of_the_last_exchange_is_the_context() -> None:
    history = (
        Message("user", "first"),
        Message("assistant", "old answer"),
        Message("user", "second"),
        Message("assistant", "new answer " * 100),
    )
    context = context_of(history)
    assert context.startswith("second new answer")
    assert "first" not in context
    assert len(context) <= 600
    assert context_of(()) == ""


def test_damaged_heads_are_named(tmp_path: Path) -> None:
    file = tmp_path / "text_heads.json"
    file.write_text("{}")
    with pytest.raises(ConfigError, match="reinstall"):
        TextHeads.load(file)
