"""How long a task may take; how much is taken from a model is in `agent_knowledge.limits`."""

from __future__ import annotations

from dataclasses import dataclass

GRACE_S = 1.0
"""Seconds after a budget when a taker gives up on work that cannot be stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a task may take.

    Attributes:
        timeout_s: Seconds for one call, its whole answer included.
        budget_s: Seconds for all calls together, waiting between them included.
        retries: Calls after the first.
    """

    timeout_s: float
    budget_s: float
    retries: int
