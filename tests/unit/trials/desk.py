"""A small desk to measure: an example set, cases, and models that answer by a rule."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from langchain_core.messages import BaseMessage

from agent_knowledge import KnowledgeConfig
from agent_knowledge.trials.cases import CaseSet, TrialCase
from agent_knowledge.types import Task
from tests.scripted import ScriptedModel

_THINGS = """
lamp chair table vase rug mirror shelf candle clock frame stool desk
""".split()  # noqa: SIM905 - a row of words reads better as words
_SHOWN = """
fridge oven kettle curtain pillow blanket carpet toaster sofa wardrobe bench barrel
""".split()  # noqa: SIM905
"""What the examples are about: other things than the cases, which would restate them."""
_YAML = """
examples: {triage: {file: triage.jsonl, k: 2}}
endpoints:
  tuned:
    model: openai:tuned
    base_url: http://127.0.0.1:9/v1
    serves: triage
    training: {examples: 2400, data_as_of: 2026-06-01}
prices:
  ScriptedModel: {input: 1, output: 10}
agents:
  desk: {examples: [triage]}
  tuned-desk: {examples: [triage], endpoint: tuned}
"""


def rows(words: str, things: Sequence[str] = _THINGS) -> list[tuple[str, str]]:
    """Tasks with their queues: two for each thing."""
    made: list[tuple[str, str]] = []
    for thing in things:
        made.append((f"{words}: I want to send the {thing} back", "returns"))
        made.append((f"{words}: where is the parcel with my {thing}?", "shipping"))
    return made


def write_desk(folder: Path, more: str = "") -> KnowledgeConfig:
    """Write the desk's configuration and examples."""
    lines = [
        json.dumps({"input": text, "output": queue}) for text, queue in rows("Good day", _SHOWN)
    ]
    (folder / "triage.jsonl").write_text("\n".join(lines))
    return KnowledgeConfig.parse(_YAML + more).at(folder)


def cases(count: int = 8) -> CaseSet:
    """So many cases, half of each queue."""
    wanted = [row for words in ("Hello", "Hi", "Please") for row in rows(words)][:count]
    made = [
        TrialCase(id=f"c{place}", task=Task(text), expected=(queue,))
        for place, (text, queue) in enumerate(wanted)
    ]
    return CaseSet(cases=tuple(made), like_examples=True)


def right(messages: Sequence[BaseMessage]) -> str:
    """The right queue."""
    return "returns" if "send" in messages[-1].text else "shipping"


def by_examples(messages: Sequence[BaseMessage]) -> str:
    """The right queue where examples are shown, else always the same."""
    return right(messages) if len(messages) > 1 else "returns"


class Counting(ScriptedModel):
    """Answers by a rule; counts safely, since it is asked from several threads."""

    def __init__(self, rule: Callable[[Sequence[BaseMessage]], Any] = right) -> None:
        super().__init__(replies=[])
        self._rule, self._lock, self._calls = rule, threading.Lock(), 0

    _rule: Any
    _lock: Any
    _calls: int

    @property
    def calls(self) -> int:
        """How often it was asked."""
        return self._calls

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Any:
        with self._lock:
            self._calls += 1
        return ScriptedModel(replies=[self._rule(messages)])._generate(messages)
