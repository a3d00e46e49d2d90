"""What routers said of agents' labelled tasks, scored; one row a router and agent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from agent_knowledge.trials.decision_scores import calibration_error, codes
from agent_knowledge.types import Strategy
from tools.data.agents import KINDS, Kind, LabelledTask, truth_of

_COLUMNS: Mapping[Kind, str] = MappingProxyType(
    {
        "covered": "covered",
        "gap": "gap",
        "followup": "follow-up",
        "followup-chat": "chat",
        "general": "general",
        "instance-bare": "bare",
        "instance-asked": "asked",
        "near-miss": "near miss",
    }
)
"""What the table calls each kind; chat is that after an answer, bare and asked are instances."""
_NAME_WIDTH = 34
_NOT_MEASURED = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a router said of labelled tasks.

    Attributes:
        tasks: The tasks.
        named: Per task, the strategy that it named.
        confidence: Per task, the probability that it gave that strategy, 0..1.
        found: Per covered task, whether a relevant document is among the five passages that the
            router retrieves for it; empty for a router that retrieves nothing.
        handed: Per covered task, whether the router as a tool hands passages over.
    """

    tasks: tuple[LabelledTask, ...]
    named: tuple[Strategy, ...]
    confidence: tuple[float, ...]
    found: tuple[bool, ...] = ()
    handed: tuple[bool, ...] = ()

    @classmethod
    def together(cls, parts: Sequence[Judged]) -> Judged:
        """What was said of several agents' tasks, each task counting the same."""
        return cls(
            tasks=tuple(task for part in parts for task in part.tasks),
            named=tuple(name for part in parts for name in part.named),
            confidence=tuple(number for part in parts for number in part.confidence),
            found=tuple(one for part in parts for one in part.found),
            handed=tuple(one for part in parts for one in part.handed),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How well a router routes; all 0..1, None where there is nothing to measure.

    Attributes:
        by_kind: Share routed rightly, per kind.
        accuracy: Share of all tasks routed rightly.
        macro_f1: Mean F1 of the strategies; a right strategy counts as the task's own label.
        ece: Expected calibration error of the confidence, ten bins.
        found: Share of covered tasks with a relevant document among five passages.
        handed: Share of covered tasks for which the tool brings passages.
    """

    by_kind: Mapping[Kind, float | None]
    accuracy: float
    macro_f1: float
    ece: float
    found: float | None
    handed: float | None


def figures(judged: Judged) -> Figures:
    """Score what was said of at least one task."""
    truth, made = truth_of(judged.tasks), codes(judged.named)
    right = truth.right(made)
    kinds = np.array([task.kind for task in judged.tasks])
    return Figures(
        by_kind={kind: _share(right[kinds == kind].tolist()) for kind in KINDS},
        accuracy=float(right.mean()),
        macro_f1=truth.macro_f1(made),
        ece=calibration_error(np.array(judged.confidence), right),
        found=_share(judged.found),
        handed=_share(judged.handed),
    )


def print_head(title: str) -> None:
    """Print the table's title and the names of its columns.

    Args:
        title: What our router was fitted to, in words.
    """
    print(f"{title}\nshare of tasks routed rightly, by kind")
    cells = [f"{_COLUMNS[kind]:>{_width(kind)}}" for kind in KINDS]
    last = f"{'accuracy':>8} {'macro-F1':>8} {'ECE':>5} | {'found':>5} {'tool':>5}"
    print(f"{'':{_NAME_WIDTH}} {'tasks':>5} | {' '.join(cells)} | {last}", flush=True)


def print_row(name: str, judged: Judged) -> None:
    """Print one row: a router's figures on the tasks that it judged."""
    of = figures(judged)
    cells = [_cell(of.by_kind[kind], _width(kind)) for kind in KINDS]
    last = f"{of.accuracy:8.3f} {of.macro_f1:8.3f} {of.ece:5.3f}"
    last += f" | {_cell(of.found, 5)} {_cell(of.handed, 5)}"
    row = f"{name:{_NAME_WIDTH}} {len(judged.tasks):5} | {' '.join(cells)} | {last}"
    print(row, flush=True)


def _share(right: Sequence[bool]) -> float | None:
    return sum(right) / len(right) if right else None


def _width(kind: Kind) -> int:
    return max(len(_COLUMNS[kind]), len("1.000"))


def _cell(share: float | None, width: int) -> str:
    return f"{_NOT_MEASURED:>{width}}" if share is None else f"{share:{width}.3f}"
