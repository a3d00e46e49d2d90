"""The sets that routers are compared on: tasks, what each needs, and what may be learnt before."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent_knowledge.types import NEEDS, Message, Task
from tools.train import need_data
from tools.train.need_data import Tasks

TURNS, FAQ = "dialogue/turns.jsonl", "dialogue/faq.jsonl"
QUESTIONS, DOCS = "retrieval/docs_rag/queries.jsonl", "retrieval/docs_rag/corpus.jsonl"
REQUESTS, EXAMPLES = "intents/banking77/test.jsonl", "intents/banking77/train.jsonl"
FILES = (need_data.TASKS, TURNS, FAQ, QUESTIONS, DOCS, REQUESTS, EXAMPLES)

REST = "rest"
"""The class of every need that a set does not tell apart."""
SEED = 20261124
TIMED = 200
"""At most so many tasks of a set are timed."""
_REQUESTS = 200
_DIRECT = 100
_PER_INTENT = 10
_CHATS = ("arenahard", "koala")
"""Prompts that people sent to chat models; the mixed agent's direct tasks are of them."""

Rows = NDArray[np.bool_]
"""A mask over the rows of `Tasks`."""
Lesson = tuple[str, str]
"""A text and its class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Tasks that are judged by what was fitted to certain rows of the need set.

    Attributes:
        train: These rows, as a mask over `Tasks`.
        held_out: Whether that leaves out rows that the packaged weights were fitted to.
        judged: Places in the set.
    """

    train: Rows
    held_out: bool
    judged: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingSet:
    """Tasks of one agent, and what each needs.

    Attributes:
        name: For the table.
        tasks: The tasks, with their history.
        gold: Per task, its class.
        classes: All classes, sorted.
        folds: Which together judge each task once.
        agent: Its agent in `CONFIG`; None for tasks that belong to none.
        holds: What that agent has at hand, in words for a model.
        examples: What the inputs of its example set are, which a peer may be told too.
        lessons: Texts and their classes that peers learn in place of the folds' rows.
    """

    name: str
    tasks: tuple[Task, ...]
    gold: tuple[str, ...]
    classes: tuple[str, ...]
    folds: tuple[Fold, ...]
    agent: str | None = None
    holds: str = ""
    examples: tuple[str, ...] = ()
    lessons: tuple[Lesson, ...] = ()

    @property
    def texts(self) -> list[str]:
        """The tasks' own texts."""
        return [task.text for task in self.tasks]

    @property
    def timed(self) -> list[Task]:
        """The tasks that are timed, spread over the set."""
        return list(self.tasks[:: -(-len(self.tasks) // TIMED)])

    def label(self, need: str) -> str:
        """The class of a need or a strategy."""
        return need if need in self.classes else REST


def read_sets(data: Path, tasks: Tasks) -> tuple[RoutingSet, ...]:
    """Read all three.

    Args:
        data: The data folder.
        tasks: What `need_data.read_tasks` read from it.
    """
    return needs(tasks), dialogue(data, tasks), mixed(data, tasks)


def needs(tasks: Tasks) -> RoutingSet:
    """The need set; each family of prompts is judged by what saw no prompt of it."""
    shared = tasks.family != need_data.OWN
    families = tasks.family[shared]
    return RoutingSet(
        name="need",
        tasks=tuple(Task(text) for text in _texts(tasks, shared)),
        gold=tuple(NEEDS[need] for need in tasks.need[shared]),
        classes=tuple(sorted(NEEDS)),
        folds=tuple(
            Fold(
                train=tasks.trainable & (tasks.family != family),
                held_out=True,
                judged=np.flatnonzero(families == family),
            )
            for family in sorted(set(families.tolist()))
        ),
    )


def dialogue(data: Path, tasks: Tasks) -> RoutingSet:
    """Turns of spoken dialogues: does this one need the FAQ.

    Peers learn our own turns of other services' dialogues, which our router's head for turns is
    fitted to as well.
    """
    turns = need_data.rows_of(data / TURNS)
    return RoutingSet(
        name="dialogue",
        tasks=tuple(Task(turn["task"], history=_history(turn)) for turn in turns),
        gold=tuple("retrieval" if turn["need"] == "retrieval" else REST for turn in turns),
        classes=(REST, "retrieval"),
        folds=(_one_fold(tasks, tasks.trainable, len(turns)),),
        agent="travel",
        holds="a FAQ about the hotels, restaurants and attractions of a city",
        lessons=tuple(
            (row["task"], "retrieval" if row["knowledge"] else REST)
            for row in need_data.rows_of(need_data.TURNS)
        ),
    )


def mixed(data: Path, tasks: Tasks) -> RoutingSet:
    """An agent with product documentation and an example set: whose is this task.

    Its direct tasks are of two families, no row of which anything is fitted to.
    """
    draw = random.Random(SEED)
    asked = {
        "retrieval": [row["query"] for row in need_data.rows_of(data / QUESTIONS)],
        "few_shot": draw.sample(
            [row["input"] for row in need_data.rows_of(data / REQUESTS)], _REQUESTS
        ),
        "direct": _clearly_direct(tasks, draw),
    }
    gold = tuple(need for need, texts in asked.items() for _ in texts)
    return RoutingSet(
        name="mixed agent",
        tasks=tuple(Task(text) for texts in asked.values() for text in texts),
        gold=gold,
        classes=tuple(sorted(NEEDS)),
        folds=(_one_fold(tasks, tasks.trainable & ~np.isin(tasks.family, _CHATS), len(gold)),),
        agent="mixed",
        holds=(
            "the documentation of a software product; and worked examples that put the request of"
            " a bank's customer into one of 77 intents"
        ),
        examples=tuple(example["input"] for example in shown_examples(data)),
    )


def shown_examples(data: Path) -> list[dict[str, Any]]:
    """The mixed agent's examples: ten of each intent, as `input` and `output`."""
    of_intent: dict[str, list[dict[str, Any]]] = {}
    for row in need_data.rows_of(data / EXAMPLES):
        of_intent.setdefault(row["output"], []).append(row)
    draw = random.Random(SEED)
    return [row for rows in of_intent.values() for row in draw.sample(rows, _PER_INTENT)]


def lessons(one: RoutingSet, tasks: Tasks, fold: Fold) -> list[Lesson]:
    """What peers learn before they judge a fold."""
    if one.lessons:
        return list(one.lessons)
    classes = [one.label(NEEDS[need]) for need in tasks.need[fold.train]]
    return list(zip(_texts(tasks, fold.train), classes, strict=True))


def _texts(tasks: Tasks, rows: Rows) -> list[str]:
    return [text for text, wanted in zip(tasks.texts, rows, strict=True) if wanted]


def _one_fold(tasks: Tasks, train: Rows, judged: int) -> Fold:
    held_out = bool((tasks.trainable & ~train).any())
    return Fold(train=train, held_out=held_out, judged=np.arange(judged))


def _clearly_direct(tasks: Tasks, draw: random.Random) -> list[str]:
    clear = (
        np.isin(tasks.family, _CHATS)
        & (tasks.need == NEEDS.index("direct"))
        & (tasks.second == need_data.NONE)
    )
    found = _texts(tasks, clear)
    return draw.sample(found, min(_DIRECT, len(found)))


def _history(turn: dict[str, Any]) -> tuple[Message, ...]:
    return tuple(Message(said["role"], said["content"]) for said in turn["history"])
