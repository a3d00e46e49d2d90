"""What the measurements of a task come to: logistic functions, and all weighed as one.

`tools/train/decision.py` fits them to the tasks of agents; one file of package data holds them,
with what they were fitted to and how well they do on agents that were left out. A cosine means
something else in each embedding space, so coverage and match have two fits: one for MiniLM's
cosines, one on measurements that have no scale of their own. The evidence for a need is named and
in log-odds, and one multinomial function says what each piece moves; no piece outvotes the others
by a rule.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from agent_knowledge.errors import ConfigError
from agent_knowledge.routing.text_heads import FILE as HEADS_FILE
from agent_knowledge.routing.text_heads import TextHeads
from agent_knowledge.types import NEEDS, Contribution, Need, Signals
from agent_knowledge.types.search import COSINE

FILE = "decision.json"
_MOST = 30.0
"""Log-odds beyond this are no different as probabilities."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogisticFit:
    """A linear function of named measurements, in log-odds.

    Attributes:
        weights: Per measurement, the log-odds that one more of it adds.
        centers: Per measurement, what is usual: it adds nothing there, as one that is missing.
        bias: The log-odds when everything is as usual.
    """

    weights: Mapping[str, float]
    centers: Mapping[str, float]
    bias: float

    def moves(self, measured: Mapping[str, float]) -> dict[str, float]:
        """What each measurement adds, in log-odds, in the order of the fit."""
        return {
            name: weight * (measured[name] - self.centers[name]) if name in measured else 0.0
            for name, weight in self.weights.items()
        }

    def log_odds(self, measured: Mapping[str, float]) -> float:
        """The log-odds of what was measured."""
        total = self.bias + sum(self.moves(measured).values())
        return min(max(total, -_MOST), _MOST)

    def probability(self, measured: Mapping[str, float]) -> float:
        """The probability, 0..1, of what was measured."""
        return 1 / (1 + math.exp(-self.log_odds(measured)))


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionFit:
    """What a task needs, from all evidence: multinomial, with `direct` as what others beat."""

    retrieval: LogisticFit
    few_shot: LogisticFit

    def likely(
        self, measured: Mapping[str, float], options: Sequence[Need] = NEEDS
    ) -> dict[Need, float]:
        """The probability of each need, summing to 1.

        Args:
            measured: The evidence; what is missing counts as usual.
            options: The needs that the agent can serve at all; the others get 0.
        """
        scores: dict[Need, float] = {
            "direct": 0.0,
            "retrieval": self.retrieval.log_odds(measured),
            "few_shot": self.few_shot.log_odds(measured),
        }
        raised: dict[Need, float] = {
            need: math.exp(scores[need]) if need in options else 0.0 for need in NEEDS
        }
        total = sum(raised.values())
        return {need: value / total for need, value in raised.items()}

    def evidence(self, measured: Mapping[str, float]) -> tuple[Contribution, ...]:
        """Each piece of evidence with what it moved, strongest first."""
        to_retrieval = self.retrieval.moves(measured)
        to_few_shot = self.few_shot.moves(measured)
        rows = [
            Contribution(
                name=name,
                value=measured[name],
                retrieval=to_retrieval[name],
                few_shot=to_few_shot.get(name, 0.0),
            )
            for name in to_retrieval
            if name in measured
        ]
        return by_strength(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fits:
    """All that a router weighs with.

    Attributes:
        coverage: That a source holds what is asked.
        pattern: That a task is an instance of a set.
        decision: What a task needs.
        background: Share of tasks at large that has each mark of form.
        coverage_anywhere: `coverage` of a store whose scores are not the embedding's cosines; None
            where it is fitted for no other store.
        by_source: `coverage` of sources that were fitted to their own questions, by name.
    """

    coverage: LogisticFit
    pattern: LogisticFit
    decision: DecisionFit
    background: Mapping[str, float]
    coverage_anywhere: LogisticFit | None = None
    by_source: Mapping[str, LogisticFit] = field(default_factory=dict[str, LogisticFit])

    def coverage_for(self, source: str, scale: str) -> LogisticFit:
        """The fit for a source's coverage: its own, else that of what its scores count in."""
        if source in self.by_source:
            return self.by_source[source]
        return self.coverage if scale == COSINE else self.coverage_anywhere or self.coverage


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What was fitted for a router: the text model's heads, and what all measurements come to."""

    heads: TextHeads
    fits: Fits


def load_weights(embedding: str, folder: Path | None = None) -> Weights:
    """Read what was fitted.

    Args:
        embedding: Name of the embedding that the index was built with.
        folder: Where `text_heads.json` and `decision.json` are, other than the packaged ones.
    """
    heads = TextHeads.load(folder / HEADS_FILE if folder else None)
    return Weights(heads=heads, fits=load_fits(embedding, folder / FILE if folder else None))


def load_fits(embedding: str, file: Path | None = None) -> Fits:
    """Read the fits for an embedding space.

    Args:
        embedding: Name of the embedding that the index was built with.
        file: Another file than the packaged one.

    Raises:
        ConfigError: The file is missing, damaged or of another version of this package.
    """
    stored = _stored(file)
    try:
        space = stored["spaces"].get(embedding, stored["spaces"]["any"])
        return Fits(
            coverage=_fit(space["coverage"]),
            pattern=_fit(space["pattern"]),
            decision=DecisionFit(
                retrieval=_fit(stored["decision"]["retrieval"]),
                few_shot=_fit(stored["decision"]["few_shot"]),
            ),
            background=stored["background"],
            coverage_anywhere=_fit(stored["spaces"]["any"]["coverage"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        msg = f"decision: {FILE!r} is of another version of the package ({error!r}); {_MEND}"
        raise ConfigError(msg) from error


def load_source_fits(folder: Path, sources: Iterable[str]) -> dict[str, LogisticFit]:
    """Read the coverage fits that `agent-knowledge tune --source` has written.

    Args:
        folder: Where they are, a file `NAME.json` each; it may be missing.
        sources: Names of the sources; one that was never fitted has none.

    Raises:
        ConfigError: One cannot be read.
    """
    return {
        name: _own_fit(name, file)
        for name in sources
        if (file := folder / f"{name}.json").is_file()
    }


def _own_fit(name: str, file: Path) -> LogisticFit:
    try:
        return _fit(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        msg = (
            f"sources.{name}: cannot read its fit {str(file)!r} ({error!r}); run agent-knowledge "
            f"tune --source {name} again, or remove the file"
        )
        raise ConfigError(msg) from error


_MEND = "reinstall langchain-agent-knowledge"


@cache
def _stored(file: Path | None) -> dict[str, Any]:
    source = file or resources.files("agent_knowledge.data") / FILE
    try:
        return json.loads(source.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        msg = f"decision: cannot read {FILE!r} ({error!r}); {_MEND}"
        raise ConfigError(msg) from error


def _fit(row: Mapping[str, Any]) -> LogisticFit:
    return LogisticFit(weights=row["weights"], centers=row["centers"], bias=row["bias"])


_LEAST = 1e-3
"""Probabilities are told apart down to this. Halved nothing moves, doubled accuracy falls by 0.001
(`tools.ablate`, routing)."""


def measure(signals: Signals) -> dict[str, float]:
    """The evidence, by name.

    Returns:
        `text_retrieval`, `text_few_shot`: log-odds of these needs against direct, from the text as
        of tasks at large; `agent_retrieval`, `agent_few_shot`: the same as of an agent's tasks;
        `fresh`; `coverage` of the best source; `pattern`, the match of the best set; `turn`, 1 in a
        conversation, and what coverage, match and text count there: `turn_coverage`,
        `turn_pattern`, `turn_agent_retrieval`, with `turn_retrieval` and `turn_few_shot`, what the
        turn says by itself; `foreign`, 1 for another language. Coverage and match are missing
        where the agent has no source that can be searched, or no set.
    """
    turn = float(signals.turn)
    agent_retrieval = against_direct(signals.agent_need, "retrieval")
    measured = {
        "text_retrieval": against_direct(signals.need, "retrieval"),
        "text_few_shot": against_direct(signals.need, "few_shot"),
        "agent_retrieval": agent_retrieval,
        "agent_few_shot": against_direct(signals.agent_need, "few_shot"),
        "fresh": log_odds_of(signals.fresh),
        "turn": turn,
        "turn_agent_retrieval": turn * agent_retrieval,
        "foreign": float(signals.foreign),
    }
    if signals.turn_need:
        measured["turn_retrieval"] = against_direct(signals.turn_need, "retrieval")
        measured["turn_few_shot"] = against_direct(signals.turn_need, "few_shot")
    # A source that failed, or has nothing within the scope, tells nothing of what a task needs.
    covered = [p for p in signals.coverage.values() if p]
    if covered:
        measured["coverage"] = log_odds_of(max(covered))
        measured["turn_coverage"] = turn * measured["coverage"]
    if signals.pattern:
        measured["pattern"] = log_odds_of(max(signals.pattern.values()))
        measured["turn_pattern"] = turn * measured["pattern"]
    return measured


def options_of(signals: Signals) -> tuple[Need, ...]:
    """The needs that the agent can serve: without sources or sets, fewer."""
    able = {"direct": True, "retrieval": bool(signals.coverage), "few_shot": bool(signals.pattern)}
    return tuple(need for need in NEEDS if able[need])


def evidence_of(signals: Signals, fit: DecisionFit) -> Signals:
    """Weigh signals.

    Returns:
        The same signals with `likely` and `evidence`.
    """
    measured = measure(signals)
    return replace(
        signals,
        likely=fit.likely(measured, options_of(signals)),
        evidence=fit.evidence(measured),
    )


def unread(signals: Signals) -> Signals:
    """What is likely of a text in letters that no model here can read: nothing more than the rest.

    Returns:
        The same signals with each option as `likely` as the others, as `need` and `agent_need`.
    """
    options = options_of(signals)
    even: dict[Need, float] = {n: float(n in options) / len(options) for n in NEEDS}
    open_: dict[Need, float] = dict.fromkeys(NEEDS, 1 / len(NEEDS))
    return replace(signals, need=open_, agent_need=open_, likely=even, evidence=())


def by_strength(rows: Iterable[Contribution]) -> tuple[Contribution, ...]:
    """Pieces of evidence, those that moved most first."""
    return tuple(sorted(rows, key=lambda row: -max(abs(row.retrieval), abs(row.few_shot))))


def against_direct(need: Mapping[Need, float], other: Need) -> float:
    """The log-odds of a need against `direct`, which certainty keeps finite too."""
    return math.log((need[other] + _LEAST) / (need["direct"] + _LEAST))


def log_odds_of(p: float) -> float:
    """The log-odds of a probability, which certainty keeps finite too."""
    bounded = min(max(p, _LEAST), 1 - _LEAST)
    return math.log(bounded / (1 - bounded))
