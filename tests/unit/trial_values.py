"""Short ways to make trials for tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent_knowledge.config import AgentProfile, ExampleSetConfig
from agent_knowledge.ledger import RungComparison, RungResult, Trial
from agent_knowledge.types import Rung

VERSIONS = AgentProfile(examples={"triage": ExampleSetConfig(file="t")}).versions_for("triage")
"""Of an agent without a system prompt, and a set that is shown as sets are by default."""


def result(rung: Rung, score: float = 0.9, p95_ms: float = 500.0, **more: Any) -> RungResult:
    fields: dict[str, Any] = {
        "model": "m",
        "n": 200,
        "ci": (score - 0.03, score + 0.03),
        "latency_p50_ms": p95_ms / 2,
        "latency_p95_ms": p95_ms,
        "tokens_in": 100.0,
        "tokens_out": 5.0,
    }
    return RungResult(rung=rung, score=score, **(fields | more))


def beats(
    against: Rung, difference: float = 0.1, margin: float = 0.04, n: int = 200
) -> RungComparison:
    low, high = difference - margin, difference + margin
    return RungComparison(
        rung="fine_tuned", against=against, difference=difference, ci=(low, high), n=n
    )


def trial(gains: Mapping[Rung, float], **more: Any) -> Trial:
    """A trial of `triage-ft` on `triage` that is this much better than each other rung."""
    lower = [result(rung, 0.9 - gain) for rung, gain in gains.items()]
    fields: dict[str, Any] = {
        "id": "t1",
        "at": "2026-05-01T10:00:00+00:00",
        "agent": "agent",
        "metric": "normalised",
        "cases": "c",
        "n": 200,
        "model": "m",
        "example_set": "triage",
        "examples": "now",
        "versions": VERSIONS,
        "endpoint": "triage-ft",
        "endpoint_model": "ft",
        "rungs": (*lower, result("fine_tuned")),
        "comparisons": tuple(beats(rung, gain) for rung, gain in gains.items()),
    }
    return Trial(**(fields | more))
