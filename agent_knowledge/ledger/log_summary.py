"""What a log of decisions comes to: strategies over time, gaps, unsupported claims, latency."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent_knowledge.ledger.decisions import LoggedTurn
from agent_knowledge.types import Strategy

_DATE = len("2026-11-27")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedDay:
    """One day of a log, in UTC; `strategies` has those that were chosen, with how often."""

    day: str
    strategies: Mapping[Strategy, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedTask:
    """A task that a log tells of: its text, or its hash where no text is kept, and how often."""

    task: str
    times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds at the median and at the slow end, of so many turns; None of none."""

    turns: int
    p50_ms: float | None
    p95_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSummary:
    """What a log comes to.

    Attributes:
        turns: How many there are.
        strategies: How often each was chosen.
        days: The same by day, oldest first; days without turns are left out.
        answered: Turns that have an answer.
        errors: Turns that ended in an error, by its kind.
        fallbacks: Turns in which a rung failed before.
        unsure: Turns that the policy's `when_unsure` decided.
        gaps: Turns that needed facts which no source holds.
        gap_tasks: The tasks of those, most frequent first.
        claims: Cited sentences of all answers.
        unsupported: Those of them that no passage says.
        unsupported_tasks: Tasks whose answers have some, most frequent first.
        flags: How many answers bear each flag.
        decided: Time that decisions took.
        answering: Time that answers took, with their decision.
        dropped: Turns that the log could not keep up with.
    """

    turns: int
    strategies: Mapping[Strategy, int]
    days: tuple[LoggedDay, ...]
    answered: int
    errors: Mapping[str, int]
    fallbacks: int
    unsure: int
    gaps: int
    gap_tasks: tuple[LoggedTask, ...]
    claims: int
    unsupported: int
    unsupported_tasks: tuple[LoggedTask, ...]
    flags: Mapping[str, int]
    decided: Latency
    answering: Latency
    dropped: int


def summarise(rows: Sequence[LoggedTurn]) -> LogSummary:
    """What turns come to, oldest first."""
    by_day: dict[str, Counter[Strategy]] = {}
    for row in rows:
        by_day.setdefault(row.at[:_DATE], Counter())[row.strategy] += 1
    answered = [row for row in rows if row.answered_ms is not None and not row.error]
    gaps = [row for row in rows if row.gap]
    unsupported = [row for row in rows if row.unsupported]
    return LogSummary(
        turns=len(rows),
        strategies=dict(Counter(row.strategy for row in rows)),
        days=tuple(LoggedDay(day=day, strategies=dict(by_day[day])) for day in sorted(by_day)),
        answered=len(answered),
        errors=dict(Counter(row.error for row in rows if row.error)),
        fallbacks=sum(row.fallbacks > 0 for row in rows),
        unsure=sum(row.unsure for row in rows),
        gaps=len(gaps),
        gap_tasks=_tasks(gaps),
        claims=sum(row.claims for row in rows),
        unsupported=sum(row.unsupported for row in rows),
        unsupported_tasks=_tasks(unsupported),
        flags=dict(Counter(flag for row in rows for flag in row.flags)),
        decided=_latency([row.decided_ms for row in rows]),
        answering=_latency([row.answered_ms for row in answered if row.answered_ms is not None]),
        dropped=sum(row.dropped for row in rows),
    )


def _tasks(rows: Sequence[LoggedTurn]) -> tuple[LoggedTask, ...]:
    counted = Counter(row.task or row.digest for row in rows if row.task or row.digest)
    return tuple(LoggedTask(task=task, times=times) for task, times in counted.most_common())


def _latency(taken_ms: Sequence[float]) -> Latency:
    ordered = sorted(taken_ms)
    return Latency(turns=len(ordered), p50_ms=_at(ordered, 0.50), p95_ms=_at(ordered, 0.95))


def _at(ordered: Sequence[float], share: float) -> float | None:
    """The value that so large a share does not exceed (nearest rank)."""
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else None
