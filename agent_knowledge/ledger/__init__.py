"""The ledger: every measured trial of an agent's rungs, and what it proves today.

`evaluate` appends to it; `route` reads it before a fine-tuned endpoint may serve; nothing in it is
ever changed. A trial keeps hashes of all that it rests on, so that evidence falls with its ground.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import NormalDist
from typing import Protocol

from agent_knowledge.ledger.history import History
from agent_knowledge.ledger.records import Records, digest
from agent_knowledge.types import Rung

FILE = "ledger.jsonl"
_DIGITS = 16
"""Of a hash that stands for a tenant: a plain length."""
MIN_CASES = 50
"""ladder-tried: fewer cases prove nothing (GUIDE.md)."""
MARGIN = 0.02
"""ladder-tried: how far an endpoint may lie behind a rung that misses the latency budget; and how
far fewer examples may lie behind the best number of them."""
MAX_FAILED = 0.02
"""Share of the cases that may fail on a rung. What failed is compared with nothing, so at worst it
moves a difference by as much: no further than `MARGIN`."""
FALSE_OPENINGS = 0.02
"""ladder-tried: what all tries of a model that is no better may spend together. The interval is a
little narrow far out, so that twenty tries open the gate in somewhat more, and in at most 2.5 %:
with 0.025 here it was 2.6 % on 200 cases. `python -m tools.bench.trials` measures it, and what
power is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RungResult:
    """How one rung did on a trial's cases.

    Attributes:
        rung: Which.
        model: Which model answered.
        n: Cases with an answer, those among them that broke its form included.
        score: Mean of the trial's metric over those, 0..1.
        ci: 95 % bootstrap interval of `score`.
        latency_p50_ms: Median time of an answer.
        latency_p95_ms: Time that 95 % of the answers stayed below.
        tokens_in: Mean tokens of a prompt.
        tokens_out: Mean tokens of an answer.
        cost_usd_per_1k: Of a thousand tasks; None where no price is configured.
        errors: Cases that failed: no answer came. They are compared with nothing.
        unusable: Answers that broke their form, so that nobody would be shown them; they score 0.
        metrics: Further measures by their names, each 0..1.
        tokens_cached: Mean tokens of a prompt that the provider had read already.
        slices: Per tag of the cases, how many were answered, and their score.
        confusion: Per label that was expected, how often each label was answered.
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
    unusable: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    tokens_cached: float = 0.0
    slices: Mapping[str, tuple[int, float]] = field(default_factory=dict[str, "tuple[int, float]"])
    confusion: Mapping[str, Mapping[str, int]] = field(
        default_factory=dict[str, "Mapping[str, int]"]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptResult:
    """How another system prompt did on the rung `prompt`, beside the configured one.

    Attributes:
        prompt: Its file.
        result: Its figures.
        difference: Mean of the paired differences in score, this less the configured one.
        ci: 95 % paired bootstrap interval of it.
        n: Cases that both answered.
    """

    prompt: str
    result: RungResult
    difference: float
    ci: tuple[float, float]
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RungComparison:
    """Two rungs on the same cases.

    Attributes:
        rung: The higher one.
        against: The lower one.
        difference: Mean of the paired differences in score, `rung` less `against`.
        ci: 95 % paired bootstrap interval of it.
        n: Cases that both answered.
    """

    rung: Rung
    against: Rung
    difference: float
    ci: tuple[float, float]
    n: int

    def at_least(self, tries: int = 1) -> float:
        """What the difference surely is, by the level that is left for the nth try.

        Of `FALSE_OPENINGS` the first try may spend a half, the second a sixth, the third a twelfth,
        the nth 1/n(n+1), which together never is more than all of it (alpha spending, by
        Bonferroni's inequality). The interval is stretched to that level as that of a normal
        distribution would be.

        Args:
            tries: How often the same model has been tried, this time included.
        """
        level = FALSE_OPENINGS / (tries * (tries + 1))
        stretch = _NORMAL.inv_cdf(1 - level) / _NORMAL.inv_cdf(0.975)
        low, high = self.ci
        return (low + high) / 2 - stretch * (high - low) / 2


_NORMAL = NormalDist()


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
        n: How many distinct cases were measured.
        example_set: The example set that was tried, if any.
        examples: Hash of its examples.
        endpoint: The endpoint that was tried, if any.
        endpoint_model: The model behind it, as configured.
        model: What answered the other rungs.
        versions: Per file behind the prompt, its hash; as `Plan.versions`.
        conditions: What else the figures hold under, by its name; see `routing.proof`. Trials of
            before this was recorded have none.
        excluded: Cases that were left out, by why: `repeated`, `examples`, `training`.
        documents: Per source, the hash of its documents.
        tenant: Of an agent that keeps tenants apart, the hash of the one whose documents and
            examples were used; see `tenant_hash`.
        rungs: The results, lowest rung first.
        comparisons: Each rung with each lower one.
        target: The score that was asked for, if one was.
        latency_budget_ms: The policy's, then.
        recommended: The lowest rung that serves; None where the cases tell none.
        why: In a sentence.
        open_gate: What the endpoint would serve of the cases; None where the agent had none for the
            set, and in trials of before this was told.
        prompts: Other system prompts that were measured on the rung `prompt`.
        repeats: How often each case was asked.
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
    tenant: str = ""
    conditions: Mapping[str, str] = field(default_factory=dict[str, str])
    excluded: Mapping[str, int] = field(default_factory=dict[str, int])
    target: float | None = None
    latency_budget_ms: int | None = None
    recommended: Rung | None = None
    why: str = ""
    open_gate: OpenGate | None = None
    prompts: tuple[PromptResult, ...] = ()
    repeats: int = 1

    @property
    def refused(self) -> str:
        """Why nothing follows from the trial: more than `MAX_FAILED` failed; empty otherwise."""
        told = [
            f"{row.rung} failed on {row.errors} of {row.n + row.errors} cases"
            for row in self.rungs
            if row.errors > MAX_FAILED * (row.n + row.errors)
        ]
        return f"{'; '.join(told)}, and at most {MAX_FAILED:.0%} may" if told else ""

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
        model: What answers the other rungs by the configuration; empty where it doesn't say.
        base_model: What really answers them, as its provider calls it; empty until it is known.
    """

    trials: tuple[Trial, ...] = ()
    examples: str = ""
    examples_changed: str | None = None
    model: str = ""
    base_model: str = ""

    def within(self, tenant: str | None) -> TrackRecord:
        """What of it counts for a tenant: not what another tenant's knowledge has shown."""
        counting = {"", tenant_hash(tenant)}
        return replace(self, trials=tuple(one for one in self.trials if one.tenant in counting))


def tenant_hash(tenant: str | None) -> str:
    """What stands for a tenant on record, so that no name does; empty for none.

    Whoever can guess the name can tell whether it is this one.
    """
    return digest(tenant)[:_DIGITS] if tenant else ""


def tries_of(trial: Trial, trials: Sequence[Trial]) -> int:
    """How often a fine-tuned model was tried on its set, up to a trial that is among those.

    What cannot open the gate is no try: a trial that is refused, or of too few cases. Nor is the
    same evidence again, as when a command is repeated and nothing is asked anew. A prompt or a set
    that changed starts no new count; another model does.

    Args:
        trial: Which.
        trials: All that are on record, oldest first.
    """
    seen: set[tuple[object, ...]] = {_evidence(trial)}
    for other in trials:
        if other.id == trial.id:
            break
        if _model_tried(other) == _model_tried(trial) and other.n >= MIN_CASES:
            seen |= set() if other.refused else {_evidence(other)}
    return len(seen)


def _model_tried(trial: Trial) -> tuple[str | None, ...]:
    model = trial.conditions.get("model", trial.endpoint_model)
    return (trial.agent, trial.endpoint, trial.example_set, model)


def _evidence(trial: Trial) -> tuple[object, ...]:
    """What a trial found of the fine-tuned rung."""
    found = (c for c in trial.comparisons if c.rung == "fine_tuned")
    return (trial.cases, *((c.against, c.difference, c.n) for c in found))


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
