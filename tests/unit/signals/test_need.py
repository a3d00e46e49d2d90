from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import resources

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_knowledge.embedding.minilm import MiniLM
from agent_knowledge.errors import InputError
from agent_knowledge.signals.need import (
    DIMENSIONS,
    FILE,
    HEADS,
    NeedHeads,
    NeedReading,
    inputs,
    views,
)
from agent_knowledge.signals.structure import FEATURE_NAMES
from agent_knowledge.types import NEEDS, Vector

HEADS_READ = NeedHeads.load()
EMBEDDER = MiniLM()


def embedded(texts: Sequence[str]) -> dict[str, Vector]:
    wanted = [view for text in texts for view in views(text)]
    return dict(zip(wanted, EMBEDDER.embed(wanted), strict=True))


def read(text: str) -> NeedReading:
    return HEADS_READ.read(text, embedded([text]))


def read_turn(text: str) -> NeedReading:
    return HEADS_READ.read_many([text], embedded([text]), [True])[0]


@pytest.mark.parametrize(
    ("asks", "acts"),
    [
        ("and do they let you bring a pushchair in", "and can you get me two tickets for sunday"),
        ("is there a fee if I return it scratched?", "ok then I return it on Monday at nine"),
        ("does that plan work abroad", "let's take that plan then"),
        ("what papers do I have to bring", "and what's their phone number"),
    ],
)
def test_a_turn_that_asks_what_a_help_page_holds_is_told_from_one_that_acts(asks: str, acts: str):
    asking, acting = read_turn(asks), read_turn(acts)
    assert acting.need["retrieval"] < 0.5 < asking.need["retrieval"]
    assert sum(asking.need.values()) == pytest.approx(1)
    assert acting.fresh < 0.5


def made_up(texts: Sequence[str]) -> dict[str, Vector]:
    """Unit vectors without meaning, for tests of form."""
    found: dict[str, Vector] = {}
    for text in texts:
        for view in views(text):
            vector = np.random.default_rng(len(view)).standard_normal(DIMENSIONS)
            found[view] = (vector / np.linalg.norm(vector)).astype(np.float32)
    return found


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
        ("Rewrite politely, in our brand voice: Send the form again.", "few_shot"),
    ],
)
def test_plain_cases_are_told(text: str, need: str) -> None:
    reading = read(text)
    assert max(reading.need, key=lambda name: reading.need[name]) == need


def test_what_changes_is_fresher_than_what_does_not() -> None:
    assert read("What is the price of copper today?").fresh > 0.7
    assert read("In which year did the Suez canal open?").fresh < 0.4


def test_two_look_ups_are_told_from_one() -> None:
    two = read("Which of the two founders of the club that won the cup was born in a harbour town?")
    assert two.multi_hop > read("What is the capital of Peru?").multi_hop


def test_a_task_that_needs_no_facts_needs_no_second_look_up() -> None:
    assert read("Write a ballad about a tired elevator that loved the stairs.").multi_hop < 0.2


@settings(max_examples=60)
@given(st.text(max_size=300))
def test_readings_are_probabilities_whatever_the_text(text: str) -> None:
    reading = HEADS_READ.read(text, made_up([text]))
    assert tuple(reading.need) == NEEDS
    assert sum(reading.need.values()) == pytest.approx(1)
    assert min(reading.need.values()) >= 0
    assert 0 <= reading.fresh <= 1
    assert 0 <= reading.multi_hop <= reading.need["retrieval"]


def test_many_texts_read_as_each_alone_and_in_order() -> None:
    texts = ["Who built it?", "", "Translate:\n\nbread", "a long story. " * 400, "Who built it?"]
    vectors = made_up(texts)
    for reading, text in zip(
        HEADS_READ.read_many(texts, vectors, [False] * len(texts)), texts, strict=True
    ):
        alone = HEADS_READ.read(text, vectors)
        assert reading.need == pytest.approx(alone.need)
        assert reading.fresh == pytest.approx(alone.fresh)
        assert reading.multi_hop == pytest.approx(alone.multi_hop)


def test_no_texts_give_no_readings() -> None:
    assert HEADS_READ.read_many([], {}, []) == ()


def test_a_short_question_costs_one_embedding() -> None:
    assert views("  What is the capital of Peru?\n") == ("What is the capital of Peru?",)


def test_a_text_to_work_on_adds_the_demand_as_a_view() -> None:
    text = "The mill closed in 1930. " * 30 + "Why did it close?"
    assert views(text) == (text, "Why did it close?")


def test_long_texts_are_cut_before_they_are_embedded() -> None:
    assert max(len(view) for view in views("word " * 5_000_000)) <= 1_500


def test_a_missing_vector_is_named() -> None:
    with pytest.raises(InputError, match="no vector for the view 'Who built it"):
        HEADS_READ.read("Who built it?", {})


def test_a_vector_of_another_model_is_refused() -> None:
    with pytest.raises(InputError, match=r"shape \(1536,\)"):
        HEADS_READ.read("Who built it?", {"Who built it?": np.ones(1536, dtype=np.float32)})


def test_inputs_end_with_the_structure() -> None:
    rows = inputs(["Who?"], made_up(["Who?"]))
    assert rows.shape == (1, 2 * DIMENSIONS + len(FEATURE_NAMES))


def test_the_packaged_heads_say_what_they_are_made_of() -> None:
    file = resources.files("agent_knowledge.data") / FILE
    text = file.read_text(encoding="utf-8")
    stored = json.loads(text)
    origin = stored["provenance"]
    assert len(text) < 300_000
    assert set(stored["heads"]) == set(HEADS)
    assert sum(origin["rows"]["by licence"].values()) == origin["rows"]["trained on"]
    assert all(name.startswith(("Apache-2.0", "MIT")) for name in origin["rows"]["by licence"])
    assert "simpleqa" not in origin["rows"]["by family"]
    assert all(len(digest) == 64 for digest in origin["files"].values())
    measured = origin["measured"]["need"]["families left out one at a time"]
    assert measured["macro_f1"] > 0.68
    assert measured["ece"] < 0.05
