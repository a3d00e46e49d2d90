"""Asking models: at once, in order, never for long and never fatally."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Barrier, Event
from typing import Any

import pytest

from agent_knowledge.errors import EndpointError
from agent_knowledge.judges import QUERY_CHARACTERS, rewritings, verdicts
from agent_knowledge.types import Message, NeedVerdict, Task


@dataclass
class Adviser:
    """Judges and writes as a test says."""

    answer: Callable[[Task], Any]
    name: str = "model"

    def judge(self, task: Task) -> Any:
        return self.answer(task)

    def rewrite(self, task: Task) -> Any:
        return self.answer(task)


def says(need: Any, reason: str = "because") -> NeedVerdict:
    return NeedVerdict(model="model", need=need, reason=reason)


def fails(error: Exception) -> Callable[[Task], Any]:
    def answer(task: Task) -> Any:
        raise error

    return answer


def turn(text: str) -> Task:
    return Task(text, history=(Message("user", "Tell me about Laurel Inn."),))


def test_several_are_asked_at_once_and_answers_keep_their_order() -> None:
    together = Barrier(4, timeout=30)

    def answer(task: Task) -> NeedVerdict:
        together.wait()  # nobody answers before all four are asked
        return says("direct", task.text)

    tasks = [Task(text) for text in "abcd"]
    assert [v.reason for v in verdicts(Adviser(answer), tasks)] == list("abcd")


def test_one_that_fails_spoils_no_other() -> None:
    def answer(task: Task) -> NeedVerdict:
        if task.text == "b":
            raise RuntimeError("sk-secret")
        return says("few_shot")

    found = verdicts(Adviser(answer), [Task(text) for text in "abc"])
    assert [v.need for v in found] == ["few_shot", None, "few_shot"]
    assert found[1].reason == "it failed (RuntimeError)"


def test_one_that_hangs_is_not_waited_for() -> None:
    never = Event()
    (verdict,) = verdicts(Adviser(lambda _: never.wait()), [Task("a")], wait_s=0.05)
    never.set()
    assert (verdict.need, verdict.reason) == (None, "it gave no answer within 0.05 s")


@pytest.mark.parametrize(
    "nonsense", [None, "retrieval", says("fine_tuned"), says(None), says(["direct"]), 3]
)
def test_a_verdict_that_names_no_need_is_none(nonsense: object) -> None:
    (verdict,) = verdicts(Adviser(lambda _: nonsense), [Task("a")])
    assert (verdict.need, verdict.reason) == (None, "it named no need that there is")


def test_a_reason_becomes_one_line() -> None:
    verbose = says("retrieval", "It asks\n for\x1b[2J a price. \ud800" + "x" * 9000)
    (verdict,) = verdicts(Adviser(lambda _: verbose), [Task("a")])
    assert verdict.reason.startswith("It asks for [2J a price. \ufffdx")
    assert len(verdict.reason) <= 200


def test_only_turns_with_a_history_are_rewritten() -> None:
    tasks = [Task("plain"), turn("and parking?"), Task("plain"), turn("and a pool?")]
    found = rewritings(Adviser(lambda task: f"  {task.text}\n at Laurel Inn "), tasks)
    assert [r.query if r else None for r in found] == [
        None,
        "and parking? at Laurel Inn",
        None,
        "and a pool? at Laurel Inn",
    ]


def test_a_query_is_cut() -> None:
    (found,) = rewritings(Adviser(lambda _: "word " * 1000), [turn("and parking?")])
    assert found is not None
    assert 0 < len(found.query) <= QUERY_CHARACTERS


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (lambda _: " \n", "it wrote nothing"),
        (lambda _: None, "it wrote nothing"),
        (lambda _: 3, "it wrote nothing"),
        (fails(EndpointError("model 'x' failed")), "model 'x' failed"),
        (fails(ValueError("sk-secret")), "it failed (ValueError)"),
    ],
)
def test_what_is_no_query_is_said(answer: Callable[[Task], Any], failure: str) -> None:
    (found,) = rewritings(Adviser(answer), [turn("and parking?")])
    assert found is not None
    assert (found.model, found.query, found.failure) == ("model", "", failure)
