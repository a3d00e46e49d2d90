from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

import pytest

from agent_knowledge import types
from agent_knowledge.errors import InputError
from agent_knowledge.types import (
    Decision,
    Knowledge,
    Message,
    Plan,
    Reason,
    Signals,
    Task,
    answers,
    to_dict,
    without_surrogates,
)
from agent_knowledge.types.answers import Answer

DECISION = Decision(
    strategy="retrieval",
    plan=Plan(sources=("faq",), query="q", k=5),
    confidence=0.9,
    signals=Signals(
        need={"direct": 0.1, "retrieval": 0.8, "few_shot": 0.1}, coverage={"faq": 0.9, "web": None}
    ),
    reasons=(Reason(rule="facts-need-retrieval", text="needed"),),
)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("plain", "plain"),
        ("a\ud800b\udfff", "a\ufffdb\ufffd"),
        ("\U0001f600 stays", "\U0001f600 stays"),
    ],
)
def test_lone_surrogates_are_replaced_one_for_one(text: str, clean: str):
    assert without_surrogates(text) == clean
    assert Task(text).text == Message("user", text).content == clean


def test_a_history_may_be_given_as_a_list_and_is_kept_as_it_was():
    history = [Message("user", "hello")]
    task = Task("t", history=history)  # pyright: ignore[reportArgumentType]
    history.append(Message("assistant", "hi"))
    assert task.history == (Message("user", "hello"),)


@pytest.mark.parametrize("strategy", ["few-shot", "", "RETRIEVAL", 3, ["direct"]])
def test_a_strategy_that_there_is_not_is_refused_by_name(strategy: object):
    accepted = "direct, retrieval, few_shot, fine_tuned"
    with pytest.raises(InputError, match=accepted) as raised:
        Task("t", strategy=strategy)  # pyright: ignore[reportArgumentType]
    assert repr(strategy) in str(raised.value)


def test_every_value_is_frozen_and_slotted():
    names = {**vars(types), **vars(answers)}
    values = [kind for kind in names.values() if dataclasses.is_dataclass(kind)]
    assert len(values) > 15
    for kind in values:
        assert kind.__dataclass_params__.frozen
        assert "__slots__" in vars(kind)
    with pytest.raises(dataclasses.FrozenInstanceError):
        DECISION.strategy = "direct"  # pyright: ignore[reportAttributeAccessIssue]


def test_a_decision_is_plain_json_with_the_keys_of_the_command_line():
    row = json.loads(json.dumps(to_dict(DECISION)))
    assert row["strategy"] == "retrieval"
    assert set(row["plan"]) >= {"sources", "query", "k", "examples", "endpoint", "citations"}
    assert set(row["signals"]) == {
        "need",
        "fresh",
        "multi_hop",
        "asks_sources",
        "coverage",
        "pattern",
        "dates",
        "nearest",
        "foreign",
        "asked",
        "agent_need",
        "turn",
        "failed",
        "turn_need",
        "likely",
        "evidence",
    }
    assert row["signals"]["coverage"] == {"faq": 0.9, "web": None}
    assert row["reasons"] == [{"rule": "facts-need-retrieval", "text": "needed"}]


def test_an_answer_knows_the_decision_behind_it():
    assert Answer(text="a", knowledge=Knowledge(decision=DECISION)).decision is DECISION


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Task(5), "the task is 5; give a text"),
        (lambda: Task(["x"] * 100_000), "the task is ['x', 'x'"),
        (lambda: Task("t", history=5), "the history is 5; give a list of Message"),
        (lambda: Task("t", history="turns"), "the history is 'turns'"),
        (lambda: Task("t", history=({"role": "user"},)), "a turn of the history is {'role'"),
        (lambda: Message("user", 5), "the content of a turn is 5; give a text"),
        (lambda: Message("user", [{"type": "text"}]), "the content of a turn is [{"),
        (lambda: Message("system", "x"), "the role of a turn is 'system'; give 'user' or"),
        (lambda: Message(["user"], "x"), "the role of a turn is ['user']"),
    ],
)
def test_what_is_of_another_type_is_refused_in_a_short_message(
    make: Callable[[], object], says: str
):
    with pytest.raises(InputError) as caught:
        make()
    assert str(caught.value).startswith(says)
    assert len(str(caught.value)) < 200
