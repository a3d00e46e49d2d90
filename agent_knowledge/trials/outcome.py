"""What became of one case on every rung: what the report's table is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent_knowledge.types import Rung


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOutcome:
    """One case, what was answered on each rung, and how that was scored.

    Attributes:
        case: The case's id.
        task: What was asked.
        expected: What counts as right; any of them does.
        answers: Per rung, what was answered; a rung that failed has none.
        scores: Per rung, 0..1; 0 where it failed.
        errors: Per rung that failed, what went wrong.
    """

    case: str
    task: str
    expected: tuple[str, ...]
    answers: Mapping[Rung, str] = field(default_factory=dict[Rung, str])
    scores: Mapping[Rung, float] = field(default_factory=dict[Rung, float])
    errors: Mapping[Rung, str] = field(default_factory=dict[Rung, str])
