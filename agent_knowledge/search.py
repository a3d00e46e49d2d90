"""The values of a search: what is asked, what each source answered, and what a ranking found.

They pass between the signals, which probe, the strategies, which retrieve, and the index; a
`Reading` holds them beside a task's signals, so that nothing is searched twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent_knowledge.types import Rewriting, Signals, Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from agent_knowledge.types import Vector


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Query:
    """What the sources are asked.

    Attributes:
        text: What the turn itself asks.
        vector: Its embedding.
        told: The turns before it, oldest first: what they name may be what it is about.
        tail: The end of the conversation with the turn, when the turn leans on it; its words are
            searched for where no name says what it is about.
    """

    text: str
    vector: Vector
    told: tuple[str, ...] = ()
    tail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A passage that a ranking found, not yet read from the store.

    Attributes:
        source: Name of the source.
        passage: The passage's number in the store.
        score: What fusion made of all that was measured, comparable within one ranking.
    """

    source: str
    passage: int
    score: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Probe:
    """What one source answered to a query: arrays with one number per passage.

    Attributes:
        source: Name of the source.
        numbers: The passages' numbers in the store.
        dense: Cosine of query and passage, -1..1; NaN where it is not known.
        lexical: BM25 score, 0 or more, unbounded.
        named: What being named by the conversation adds to the rank, in standard deviations.
        mentioned: How clearly the turn itself names something that the source has, 0..1.
        names_something: The turn seems to name a thing that few passages speak of, or none.
        subjects: The names that only the conversation before the turn has, strongest first.
        terms_found: Share of the turn's words, weighted by rarity in the source (IDF), that occur
            in the best lexical candidate; 0..1.
        nearest: Title of the nearest passage; may be empty.
        date: ISO date of the nearest passage's document, when known.
        usual: Mean cosine of the query with the source's passages.
        spread: Standard deviation of those cosines.
    """

    source: str
    numbers: NDArray[np.int64]
    dense: NDArray[np.float32]
    lexical: NDArray[np.float32]
    named: NDArray[np.float32]
    mentioned: float = 0.0
    names_something: bool = False
    subjects: tuple[str, ...] = ()
    terms_found: float = 0.0
    nearest: str = ""
    date: str | None = None
    usual: float = 0.0
    spread: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The signals of a task, and what measuring them found, so that nothing is searched twice.

    Attributes:
        task: The task.
        signals: What was measured.
        query: What the sources were asked.
        standalone: The request as it reads without its history.
        views: Vectors of what this turn asks and, where there is one, of the text that the task
            works on; example sets are compared with the nearer one.
        probes: What each indexed source answered.
        rewriting: What a chat model made of the turn and its history, where one was asked.
    """

    task: Task
    signals: Signals
    query: Query
    standalone: str
    views: tuple[Vector, ...]
    probes: Mapping[str, Probe] = field(default_factory=dict[str, Probe])
    rewriting: Rewriting | None = None
