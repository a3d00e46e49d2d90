"""What the policy looks at: a task's evidence beside what the agent has at hand.

An agent's leaning and a judge's verdict are evidence too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from agent_knowledge.config import AgentProfile, Leaning, Thresholds
from agent_knowledge.ledger import NOTHING_ON_RECORD, TrackRecord
from agent_knowledge.routing.gate import TaskFacts, Verdict, check_gate
from agent_knowledge.routing.need import against_direct, by_strength
from agent_knowledge.types import (
    NEEDS,
    Contribution,
    Need,
    NeedVerdict,
    Reason,
    Signals,
    Strategy,
    Task,
)

JUDGE_ODDS = 10.0
"""The most that a judge's answer counts for: ten to one. It moves a need that was 1 to 10 against
another to even. A choice, not fitted: no real judge was measured. With a made one that is always
sure (`tools.bench.decision_models`, six of our agents left out), accuracy of 0.841 becomes 0.868
where it is right in 0.7 of all cases (halved 0.880, doubled 0.846, unbounded 0.778), and 0.970
where it is right in 0.95 (0.957, 0.970, 0.963)."""


def likely_of(signals: Signals) -> Mapping[Need, float]:
    """Per need, its probability by all evidence; by the text alone where nothing was weighed."""
    return signals.likely or signals.need


def leaned(likely: Mapping[Need, float], leaning: Leaning) -> Mapping[Need, float]:
    """Add what an agent's own tasks lean to.

    Args:
        likely: Per need, its probability; they sum to 1.
        leaning: Log-odds against `direct`.

    Returns:
        The same, summing to 1; a need that has probability 0 keeps it.
    """
    odds: dict[Need, float] = {
        "retrieval": math.exp(leaning.retrieval),
        "few_shot": math.exp(leaning.few_shot),
    }
    return likely if leaning == Leaning() else _raised(likely, odds)


def best_source(signals: Signals) -> tuple[str, float] | None:
    """The searched source with the highest coverage, and that coverage."""
    covered = {name: p for name, p in signals.coverage.items() if p is not None}
    return max(covered.items(), key=lambda item: item[1], default=None)


def best_set(signals: Signals) -> tuple[str, float] | None:
    """The example set with the highest match, and that match."""
    return max(signals.pattern.items(), key=lambda item: item[1], default=None)


def compared(signals: Signals, leaning: Leaning) -> dict[str, float]:
    """What is held against each threshold of the same name; absent where the agent has nothing."""
    likely = leaned(likely_of(signals), leaning)
    values = {"retrieval": likely["retrieval"], "fresh": signals.fresh}
    if covered := best_source(signals):
        values["coverage"] = covered[1]
    if signals.pattern:
        values["pattern"] = likely["few_shot"]
    return values


def with_verdict(signals: Signals, verdict: NeedVerdict) -> Signals:
    """Pool what a judge said of the need with all other evidence.

    The need that a chat model names gains ten to one. The probabilities of a decision model count
    as they stand, but none for less than a tenth of the highest; what it was not offered moves as
    `direct` does. A verdict with neither changes no probability.

    Returns:
        The same signals with `asked`, and in `evidence` with what the verdict moved; `need` and
        `likely` sum to 1 again.
    """
    said = verdict.probabilities or _in_one_word(verdict.need)
    if not said:
        return replace(signals, asked=verdict)
    least = max(said.values()) / JUDGE_ODDS
    direct = max(said["direct"], least)
    odds: dict[Need, float] = {need: max(p, least) / direct for need, p in said.items()}
    moved = [_moved(need, said, odds) for need in odds if need != "direct"]
    return replace(
        signals,
        need=_raised(signals.need, odds),
        likely=_raised(signals.likely, odds),
        evidence=by_strength((*signals.evidence, *moved)),
        asked=verdict,
    )


def _in_one_word(need: Need | None) -> Mapping[Need, float]:
    return {} if need is None else {one: float(one == need) for one in NEEDS}


def _moved(need: Need, said: Mapping[Need, float], odds: Mapping[Need, float]) -> Contribution:
    moves = {need: math.log(odds[need])}
    return Contribution(
        name=f"asked_{need}",
        value=against_direct(said, need),
        retrieval=moves.get("retrieval", 0.0),
        few_shot=moves.get("few_shot", 0.0),
    )


def _raised(shares: Mapping[Need, float], odds: Mapping[Need, float]) -> dict[Need, float]:
    weights: dict[Need, float] = {need: p * odds.get(need, 1.0) for need, p in shares.items()}
    total = sum(weights.values()) or 1.0
    return {need: weight / total for need, weight in weights.items()}


@dataclass(frozen=True, kw_only=True)
class PolicyCase:
    """One task before one agent's policy; every question that a step of the policy asks of it."""

    task: Task
    signals: Signals
    agent: AgentProfile
    record: TrackRecord = NOTHING_ON_RECORD

    @property
    def limits(self) -> Thresholds:
        """The policy's thresholds."""
        return self.agent.policy.thresholds

    @cached_property
    def asked(self) -> str:
        """Who asks for sources; empty when nobody does.

        Under `citations: never` a task that asks is still grounded, only its answer cites nothing.
        """
        policy = self.agent.policy.citations
        if policy == "always":
            return "the policy says citations: always"
        if self.task.citations:
            return "the caller asks for citations"
        return "the task asks for sources" if self.signals.asks_sources else ""

    @cached_property
    def refusal(self) -> Reason | None:
        """The rule that refuses the strategy that the caller asks for, if one does."""
        wish = self.task.strategy
        if wish in {"direct", "few_shot"} and self.asked:
            rule, text = "citations-need-retrieval", self.asked
        elif wish == "retrieval" and not self.signals.coverage:
            rule, text = "facts-need-retrieval", "the agent has no source to retrieve from"
        elif wish == "few_shot" and self.best_set is None:
            rule, text = "pattern-wants-examples", "the agent has no example set"
        elif wish == "fine_tuned" and not self.gate.opens:
            rule, text = self.gate.broken[0].rule, self.gate.broken[0].text
        else:
            return None
        return Reason(rule=rule, text=f"the caller asks for {wish}, but {text}")

    @property
    def granted(self) -> Strategy | None:
        """The strategy that the caller asks for, when no rule refuses it."""
        return None if self.refusal else self.task.strategy

    @cached_property
    def likely(self) -> Mapping[Need, float]:
        """Per need, its probability by all evidence, and by what the agent leans to."""
        return leaned(likely_of(self.signals), self.agent.policy.leaning)

    @cached_property
    def best_set(self) -> tuple[str, float] | None:
        """The example set with the highest match, and that match."""
        return best_set(self.signals)

    @cached_property
    def fresh(self) -> bool:
        """Whether the answer changes with time."""
        return self.signals.fresh >= self.limits.fresh

    @cached_property
    def fresh_decides(self) -> bool:
        """Whether that asks for retrieval: one more instance of a set is none of it."""
        return self.fresh and not self.set_claims

    @cached_property
    def set_claims(self) -> bool:
        """Whether all evidence together says that the task is one more instance of a set."""
        return bool(self.signals.pattern) and self.likely["few_shot"] >= self.limits.pattern

    @cached_property
    def needs_facts(self) -> bool:
        """Whether all evidence together says that a look-up helps.

        Of an agent without a source the text alone says whether facts are missing.
        """
        if self.signals.coverage:
            return self.likely["retrieval"] >= self.limits.retrieval
        return self.needs("retrieval") >= self.limits.retrieval and not self.set_claims

    @cached_property
    def able(self) -> tuple[str, ...]:
        """Sources that can serve, best covered first, external ones last."""
        covered = {n: p for n, p in self.signals.coverage.items() if p is not None}
        able = [n for n, p in covered.items() if p >= self.limits.coverage]
        able.sort(key=lambda name: -covered[name])
        external = [name for name, p in self.signals.coverage.items() if p is None]
        return (*able, *(external if self.fresh or not able else ()))

    @cached_property
    def matched_set(self) -> str | None:
        """The example set that the task is an instance of, if any."""
        best = self.best_set
        matches = best is not None and (self.set_claims or best[1] >= self.limits.pattern)
        return best[0] if best and matches else None

    @property
    def shown_set(self) -> str | None:
        """The set to show: the one that matches, or, where few_shot is asked for, the nearest."""
        best = self.best_set
        return best[0] if best and self.granted == "few_shot" else self.matched_set

    @cached_property
    def examples_on_top(self) -> bool:
        """Whether the matched set helps an answer that is retrieved.

        A style always does. A pattern would turn the answer into one of its labels, so its task
        must be asked for by the text itself.
        """
        name = self.matched_set
        if name is None or self.agent.examples[name].kind == "style":
            return name is not None
        return self.needs("few_shot") > self.needs("retrieval")

    @cached_property
    def gate(self) -> Verdict:
        """What the fine-tuned endpoint's gate says of this task."""
        facts = TaskFacts(
            set_matched=self.matched_set,
            # Just when the policy's step for facts decides, so that the two cannot disagree.
            needs_facts=bool(self.why_facts),
            fresh=self.fresh_decides,
            cites=bool(self.asked),
        )
        return check_gate(self.agent, facts, self.record)

    @cached_property
    def why_facts(self) -> tuple[Reason, ...]:
        """The reasons for retrieval that the evidence gives, the guide's order."""
        reasons: list[Reason] = []
        if self.needs_facts:
            p = self.likely["retrieval"] if self.signals.coverage else self.needs("retrieval")
            text = f"the task needs facts from outside ({p:.2f}"
            if covered := best_source(self.signals):
                text += ", coverage of {} {:.2f}".format(*covered)
            reasons.append(Reason(rule="facts-need-retrieval", text=f"{text})"))
        if self.fresh_decides:
            text = f"the answer changes with time ({self.signals.fresh:.2f})"
            dates = self.dates_of(self.able)
            if dates:
                text += "; nearest document " + ", ".join(
                    f"in {name} of {day[:10]}" for name, day in dates.items()
                )
            reasons.append(Reason(rule="fresh-needs-retrieval", text=text))
        return tuple(reasons)

    def dates_of(self, sources: tuple[str, ...]) -> dict[str, str]:
        """Per source, the date of the document nearest to the task, where one is known."""
        dates = self.signals.dates
        return {name: dates[name] for name in sources if name in dates}

    def needs(self, need: str) -> float:
        """Probability of a need by the text alone."""
        return self.signals.need[need]  # pyright: ignore[reportArgumentType]
