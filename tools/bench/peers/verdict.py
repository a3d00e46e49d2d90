"""What a router said of a set, and how long it took; how that is scored."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent_knowledge.types import NeedVerdict, Task

Table = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a router said of each task of a set.

    Attributes:
        named: Per task, the class that it named.
        confidence: Per task, the probability that it gave that class, 0..1.
        ms: Median milliseconds a task, one at a time, embedding included.
        asked: What a chat model said of the tasks that it was asked about, in no certain order.
    """

    named: Sequence[str]
    confidence: Table
    ms: float
    asked: Sequence[NeedVerdict] = ()

    @classmethod
    def of_table(cls, table: Table, classes: Sequence[str], ms: float) -> Verdict:
        """The likeliest class of each row of probabilities, one column per class."""
        best: list[int] = table.argmax(axis=1).tolist()
        named = [classes[place] for place in best]
        return cls(named=named, confidence=table.max(axis=1), ms=ms)


def median_ms(run: Callable[[Task], Any], tasks: Sequence[Task]) -> float:
    """Median milliseconds of running tasks one by one; the first is run once before, untimed."""
    run(tasks[0])
    spent: list[float] = []
    for task in tasks:
        started = time.perf_counter()
        run(task)
        spent.append(time.perf_counter() - started)
    return median(spent) * 1000
