"""What advice rests on: the configuration, the history of the data, the ledger, what was told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from agent_knowledge.config import AgentProfile, EndpointConfig, KnowledgeConfig, label
from agent_knowledge.errors import ConfigError, nearest
from agent_knowledge.ledger import Ledger, RungResult, TrackRecord, Trial, tries_of
from agent_knowledge.ledger.history import Change, History, per_year
from agent_knowledge.retrieval.examples import digest_of, read_examples
from agent_knowledge.routing.proof import fallen
from agent_knowledge.trials.costs import PACKAGED
from agent_knowledge.types import Example

Case = Literal["style", "domain_language", "pattern", "latency"]
"""The guide's four reasons to fine-tune."""

_DECLARED = {"never": 0, "yearly": 1, "monthly": 12, "weekly": 52, "daily": 365, "hourly": 8760}
"""Changes a year of each word that `changes` may be."""
_DAYS_SEEN, _CHANGES_SEEN = 30, 3
"""A history tells a frequency from either on; below, one change in a day would be 365 a year."""
_FACTOR = 2
"""Two frequencies differ when one is more than this times the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a person said; None where nobody did.

    Attributes:
        changes_per_year: How often the examples change.
        facts: Whether the tasks need facts from outside their own text.
        reason: Which of the guide's four reasons it is.
        expertise: Whether there is somebody who can train and run a model.
        training_examples: How many examples there are to train on.
    """

    changes_per_year: float | None = None
    facts: bool | None = None
    reason: Case | None = None
    expertise: bool | None = None
    training_examples: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Frequency:
    """How often something changes.

    Attributes:
        per_year: Changes a year; None where nobody knows.
        origin: Where that comes from.
        note: What else was said of it: where two sources differ, or the history is too short.
    """

    per_year: float | None
    origin: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the questions are answered from.

    Attributes:
        agent: What the agent has at hand.
        example_set: The set whose tasks a fine-tuned model would serve; None when it has none.
        examples: That set's.
        digest: Hash of that set.
        set_changes: Its history.
        source_changes: The history of each of the agent's sources.
        trials: The agent's, oldest first.
        model: What answers the rungs below; empty where nobody knows.
        told: What a person said.
        now: The time.
    """

    agent: AgentProfile
    example_set: str | None = None
    examples: tuple[Example, ...] = ()
    digest: str = ""
    set_changes: tuple[Change, ...] = ()
    source_changes: Mapping[str, tuple[Change, ...]] = field(
        default_factory=dict[str, tuple[Change, ...]]
    )
    trials: tuple[Trial, ...] = ()
    model: str = ""
    told: Told = Told()
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def trial(self) -> Trial | None:
        """The newest trial on the set, with everything as it is today; None where none stands."""
        return next((t for t in reversed(self._tried()) if not self._fallen(t)), None)

    @property
    def fallen(self) -> str:
        """Why the newest trial on the set proves nothing any more; empty where none does."""
        tried = self._tried()
        return self._fallen(tried[-1]) if tried else ""

    def _tried(self) -> list[Trial]:
        return [trial for trial in self.trials if trial.example_set == self.example_set]

    def _fallen(self, trial: Trial) -> str:
        change = next((c for c in reversed(self.set_changes) if not c.first), None)
        record = TrackRecord(
            examples=self.digest, examples_changed=change.at if change else None, model=self.model
        )
        endpoint = self.endpoint if trial.result("fine_tuned") else None
        return fallen(self.agent, endpoint, record, trial)

    @property
    def tries(self) -> int:
        """How often the model of the trial that stands was tried, that time included."""
        return tries_of(self.trial, self.trials) if self.trial else 0

    @property
    def endpoint(self) -> EndpointConfig | None:
        """The agent's fine-tuned endpoint, if it is one for the set."""
        held = self.agent.endpoint
        return held if held is not None and held.serves == self.example_set else None

    def set_frequency(self) -> Frequency:
        """How often the set changes: how often a model trained on it would be trained anew."""
        if self.told.changes_per_year is not None:
            return Frequency(per_year=self.told.changes_per_year, origin="--changes-per-year")
        return frequency(self.set_changes, self.now, self.example_set or "")

    def source_frequency(self, name: str) -> Frequency:
        """How often a source changes."""
        word = self.agent.sources[name].changes
        declared = (word, f"sources.{name}.changes") if word else None
        return frequency(self.source_changes.get(name, ()), self.now, name, declared)


def load_ground(
    config: KnowledgeConfig,
    agent: str | None,
    example_set: str | None,
    told: Told,
    tenant: str | None = None,
) -> Ground:
    """Gather what advice on one agent rests on; nothing is embedded and no model is called.

    Args:
        config: The configuration.
        agent: The agent; None for the only one.
        example_set: One of its sets; None for the one that its endpoint serves, or the only one.
        told: What a person said.
        tenant: Whose examples and trials alone, where the agent keeps tenants apart.

    Raises:
        ConfigError: The agent or the set is unknown, or there are several sets to choose from.
        InputError: The set cannot be read.
    """
    profile = config.agent(agent)
    name = _chosen(profile, example_set)
    history, model = History(config.store_path), label(config.models.default, "models.default")
    examples, digest = tuple[Example, ...](), ""
    if name is not None:
        spec = config.examples[name]
        file = config.resolve(spec.file, f"examples.{name}.file")
        examples = read_examples(name, file, spec.tenant, tenant)
        digest = digest_of(read_examples(name, file))
    record = TrackRecord(trials=Ledger(config.store_path).trials(profile.name))
    return Ground(
        agent=profile,
        example_set=name,
        examples=examples,
        digest=digest,
        set_changes=history.of("examples", name) if name else (),
        source_changes={source: history.of("source", source) for source in profile.sources},
        trials=(record.within(tenant) if tenant else record).trials,
        # The packaged model stands where an agent brings its own: then nobody knows here.
        model="" if model == PACKAGED else model,
        told=told,
    )


def frequency(
    changes: Sequence[Change], now: datetime, name: str, declared: tuple[str, str] | None = None
) -> Frequency:
    """How often a source or a set changes: as declared, or as seen when that is more often.

    Between two runs `index` sees one change at most, so what was seen is a lower bound, and the
    higher of the two counts.

    Args:
        changes: Its history.
        now: The time.
        name: What it is called.
        declared: The word of `changes` in the configuration, and the key of it.
    """
    seen = _seen(changes, now)
    history = f"history of {name} since {changes[0].at[:10]}" if changes else ""
    if declared is None:
        note = f"{history} is too short to tell" if changes and seen is None else ""
        return Frequency(per_year=seen, origin="" if seen is None else history, note=note)
    said = _DECLARED[declared[0]]
    if seen is not None and seen > said:
        note = f"{declared[1]} says {declared[0]}" if seen > said * _FACTOR else ""
        return Frequency(per_year=seen, origin=history, note=note)
    rarer = seen is not None and seen * _FACTOR < said
    note = f"{history} shows {times(seen)}, but index sees only what differs between two runs"
    return Frequency(
        per_year=said, origin=f"{declared[1]}: {declared[0]}", note=note if rarer else ""
    )


def times(per_year: float | None) -> str:
    """A frequency in words."""
    if per_year is None:
        return "unknown"
    if per_year in {0, 1}:
        return "once a year" if per_year else "never"
    return f"{per_year:,.0f} times a year" if per_year > 9 else f"{per_year:.2g} times a year"


def rung_below(trial: Trial) -> RungResult | None:
    """The rung that a fine-tuned model would stand in for: the recommended one, or the best."""
    below = [row for row in trial.rungs if row.rung != "fine_tuned"]
    chosen = next((row for row in below if row.rung == trial.recommended), None)
    return chosen or max(below, key=lambda row: row.score, default=None)


def _seen(changes: Sequence[Change], now: datetime) -> float | None:
    """Changes a year as a history shows them; None where it is too short to tell."""
    rate = per_year(changes, now)
    if rate is None:
        return None
    days = (now - datetime.fromisoformat(changes[0].at)).days
    proper = sum(not change.first for change in changes)
    return rate if days >= _DAYS_SEEN or proper >= _CHANGES_SEEN else None


def _chosen(agent: AgentProfile, example_set: str | None) -> str | None:
    """The set that is meant."""
    names = list(agent.examples)
    if example_set is not None:
        if example_set not in names:
            msg = f"--set: agent {agent.name!r} has no set {example_set!r}; "
            raise ConfigError(msg + nearest(example_set, names))
        return example_set
    if agent.endpoint is not None and agent.endpoint.serves in names:
        return agent.endpoint.serves
    if len(names) > 1:
        msg = f"agent {agent.name!r} has the sets {', '.join(names)}; choose one, as --set NAME"
        raise ConfigError(msg)
    return names[0] if names else None
