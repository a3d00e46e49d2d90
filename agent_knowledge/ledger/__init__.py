"""The ledger: every measured trial of an agent's rungs, and what it proves today.

`evaluate` appends to it; `route` reads it before a fine-tuned endpoint may serve; nothing in it is
ever changed. A trial keeps hashes of all that it rests on, so that evidence falls with its ground.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from agent_knowledge.ledger.history import History
from agent_knowledge.ledger.records import Records
from agent_knowledge.types import Rung

FILE = "ledger.jsonl"
MIN_CASES = 50
"""ladder-tried: fewer cases prove nothing (GUIDE.md)."""
MARGIN = 0.02
"""ladder-tried: how far an endpoint may lie behind a rung that misses the latency budget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RungResult:
    """How one rung did on a trial's cases.

    Attributes:
        rung: Which.
        model: Which model answered.
        n: Cases with an answer.
        score: Mean of the trial's metric, 0..1; a case that failed counts as 0.
        ci: 95 % bootstrap interval of `score`.
        latency_p50_ms: Median time of an answer.
        latency_p95_ms: Time that 95 % of the answers stayed below.
        tokens_in: Mean tokens of a prompt.
        tokens_out: Mean tokens of an answer.
        cost_usd_per_1k: Of a thousand tasks; None where no price is configured.
        errors: Cases without an answer.
        metrics: Further measures by their names, each 0..1.
    """

    rung: Rung
    model: str
    n: int
    score: float
    ci: tuple[float, float]
    latency_p50_ms: float
    latency_p95_ms: float
    tokens_in: float
    tokens_out: float
    cost_usd_per_1k: float | None = None
    errors: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True, kw_only=True)
class RungComparison:
    """Two rungs on the same cases.

    Attributes:
        rung: The higher one.
        against: The lower one.
        difference: Mean of the paired differences in score, `rung` less `against`.
        ci: 95 % paired bootstrap interval of it.
        n: Cases that both were measured on.
    """

    rung: Rung
    against: Rung
    difference: float
    ci: tuple[float, float]
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenGate:
    """What an endpoint would serve of a trial's cases, supposing that `ladder-tried` holds.

    Attributes:
        endpoint: Its name.
        served: Cases that it would serve.
        refused: The others, by the first rule that refuses each; most frequent first.
    """

    endpoint: str
    served: int
    refused: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def n(self) -> int:
        """All cases, at least one."""
        return self.served + sum(self.refused.values())

    @property
    def share(self) -> float:
        """The share of the cases that it would serve, 0..1."""
        return self.served / self.n


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One measured run of an agent's rungs on a case set.

    Attributes:
        id: Its own.
        at: ISO time, UTC.
        agent: Whose rungs.
        metric: What `score` means.
        cases: Hash of the cases.
        n: How many cases there are.
        example_set: The example set that was tried, if any.
        examples: Hash of its examples.
        endpoint: The endpoint that was tried, if any.
        endpoint_model: The model behind it, as configured.
        model: What answered the other rungs.
        versions: Per file behind the prompt, its hash; as `Plan.versions`.
        documents: Per source, the hash of its documents.
        rungs: The results, lowest rung first.
        comparisons: Each rung with each lower one.
        target: The score that was asked for, if one was.
        latency_budget_ms: The policy's, then.
        recommended: The lowest rung that serves; None where the cases tell none.
        why: In a sentence.
        open_gate: What the endpoint would serve of the cases; None where the agent had none for the
            set, and in trials of before this was told.
    """

    id: str
    at: str
    agent: str
    metric: str
    cases: str
    n: int
    model: str
    rungs: tuple[RungResult, ...]
    comparisons: tuple[RungComparison, ...] = ()
    example_set: str | None = None
    examples: str = ""
    endpoint: str | None = None
    endpoint_model: str = ""
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    documents: Mapping[str, str] = field(default_factory=dict[str, str])
    target: float | None = None
    latency_budget_ms: int | None = None
    recommended: Rung | None = None
    why: str = ""
    open_gate: OpenGate | None = None

    def result(self, rung: Rung) -> RungResult | None:
        """How a rung did; None when it was not tried."""
        return next((row for row in self.rungs if row.rung == rung), None)

    def compared(self, rung: Rung, against: Rung) -> RungComparison | None:
        """How a rung did beside a lower one; None when they were not compared."""
        rows = self.comparisons
        return next((c for c in rows if c.rung == rung and c.against == against), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRecord:
    """What is on record about an agent's endpoint, beside what is true now.

    Attributes:
        trials: Of the agent's endpoint on the set that it serves, oldest first.
        examples: Hash of that set now; empty where nobody knows.
        examples_changed: ISO time when it last changed; None when it never did.
        model: What answers the other rungs now; empty where nobody knows.
    """

    trials: tuple[Trial, ...] = ()
    examples: str = ""
    examples_changed: str | None = None
    model: str = ""


NOTHING_ON_RECORD = TrackRecord()
"""Of an endpoint that was never measured."""


class EndpointRecord(Protocol):
    """Where a router learns what is on record; asked at each decision, so it must be quick."""

    def now(self) -> TrackRecord:
        """What is on record at this moment."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvidence:
    """What a store has on record about one agent's endpoint; satisfies `EndpointRecord`.

    Attributes:
        ledger: The store's trials.
        history: The changes of its data.
        agent: The agent's name.
        endpoint: Its endpoint.
        serves: The set that the endpoint serves.
        examples: Hash of that set as it is loaded.
        model: What answers the other rungs; empty where nobody knows.
    """

    ledger: Ledger
    history: History
    agent: str
    endpoint: str
    serves: str
    examples: str
    model: str = ""

    def now(self) -> TrackRecord:
        """Read what is new on record; costs two looks at a file's time."""
        trials = tuple(
            trial
            for trial in self.ledger.trials(self.agent)
            if (trial.endpoint, trial.example_set) == (self.endpoint, self.serves)
        )
        change = self.history.last_change("examples", self.serves)
        return TrackRecord(
            trials=trials,
            examples=self.examples,
            examples_changed=change.at if change else None,
            model=self.model,
        )


class Ledger:
    """The trials of one store's agents."""

    def __init__(self, store: Path) -> None:
        """Open the ledger of a store's folder; nothing is read yet."""
        self._records = Records(store / FILE, Trial)

    @property
    def file(self) -> Path:
        """Where it is kept."""
        return self._records.file

    def append(self, trial: Trial) -> None:
        """Put a trial on record.

        Raises:
            OSError: The store cannot be written.
        """
        self._records.append(trial)

    def trials(self, agent: str | None = None) -> tuple[Trial, ...]:
        """All trials, or one agent's, oldest first; read again only when the file changed."""
        rows = self._records.read()
        return rows if agent is None else tuple(row for row in rows if row.agent == agent)
