"""Agents with labelled tasks: what a router is measured on, and what its decision is fitted to.

A folder of agents holds one folder an agent: `agent-knowledge.yaml` with a single agent, what it
names, and `tasks.jsonl`, a labelled task a line:

    {"id", "kind", "task", "history"?: [{"role", "content"}], "expected", "also": [strategy],
     "relevant": [document], "set"?}
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from agent_knowledge.errors import InputError
from agent_knowledge.trials.decision_scores import Truth, codes
from agent_knowledge.types import STRATEGIES, Message, Need, Role, Strategy, Task

TASKS = "tasks.jsonl"

Kind = Literal[
    "covered",
    "gap",
    "followup",
    "followup-chat",
    "general",
    "instance-bare",
    "instance-asked",
    "near-miss",
]
"""What a task is a case of; the data's code book has their definitions."""
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledTask:
    """A task, and what the agent's model should be given for it.

    Attributes:
        id: Unique among the agent's tasks.
        kind: What it is a case of.
        task: The task, with its history.
        expected: The strategy that is its label.
        also: Strategies that a careful person would accept as well.
        relevant: Documents that answer it: paths in the agent's folder, or rows' ids.
        example_set: The set that it is an instance of, if any.
    """

    id: str
    kind: Kind
    task: Task
    expected: Strategy
    also: tuple[Strategy, ...] = ()
    relevant: frozenset[str] = frozenset()
    example_set: str | None = None

    def accepts(self, strategy: str) -> bool:
        """Whether a strategy is right: it is the label, or among those accepted as well."""
        return strategy == self.expected or strategy in self.also


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledAgent:
    """An agent and its labelled tasks, in the file's order; its name is that of its folder."""

    name: str
    folder: Path
    tasks: tuple[LabelledTask, ...]


def read_agents(folder: Path) -> tuple[LabelledAgent, ...]:
    """Read every agent below a folder, sorted by name; none where the folder is absent.

    A folder without `tasks.jsonl` is no agent.

    Raises:
        InputError: A line is no labelled task; the message says where and what is wrong.
    """
    return tuple(
        LabelledAgent(name=file.parent.name, folder=file.parent, tasks=_read_tasks(file))
        for file in sorted(folder.glob(f"*/{TASKS}"))
    )


def truth_of(tasks: Sequence[LabelledTask]) -> Truth:
    """What is expected of tasks, as `Truth` scores decisions: a right one counts as the label."""
    accepted = [[one.accepts(strategy) for strategy in STRATEGIES] for one in tasks]
    return Truth(labels=codes([one.expected for one in tasks]), accepted=np.array(accepted))


class _Turn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    role: Role
    content: str


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str
    kind: Kind
    task: str
    history: list[_Turn] = []
    expected: Need
    also: list[Need]
    relevant: list[str]
    set: str | None = None

    def labelled(self) -> LabelledTask:
        history = tuple(Message(turn.role, turn.content) for turn in self.history)
        return LabelledTask(
            id=self.id,
            kind=self.kind,
            task=Task(self.task, history=history, id=self.id),
            expected=self.expected,
            also=tuple(self.also),
            relevant=frozenset(self.relevant),
            example_set=self.set,
        )


def _read_tasks(file: Path) -> tuple[LabelledTask, ...]:
    tasks: dict[str, LabelledTask] = {}
    lines = file.read_text(encoding="utf-8").split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            made = _Row.model_validate_json(line).labelled()
        except ValidationError as error:
            msg = f"{str(file)!r}, line {number}, is no labelled task: {error}"
            raise InputError(msg) from error
        if made.id in tasks:
            msg = f"{str(file)!r}, line {number}: id {made.id!r} was given before; make it unique"
            raise InputError(msg)
        tasks[made.id] = made
    return tuple(tasks.values())
