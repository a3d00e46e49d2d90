"""Which rung the cases speak for, and what an endpoint would serve of them.

With a target it is the lowest rung whose score reaches it. Without one the ladder is climbed from
its lowest rung, and only to a rung that is proven better than the one stood on: its paired interval
lies above zero. Either way the fine-tuned rung must have earned its place, as the gate asks it to
(`routing.proof`), and below `MIN_CASES` no rung is recommended.

A trial says how well a rung answers, whatever the router would choose. What an endpoint is worth
depends besides on how many tasks its gate lets it serve. So the cases are routed as they would be
with the trial on record and `ladder-tried` taken to hold. Nothing is written, and no model judges.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from agent_knowledge.config import AgentProfile
from agent_knowledge.ledger import (
    MAX_FAILED,
    MIN_CASES,
    OpenGate,
    RungComparison,
    RungResult,
    Trial,
)
from agent_knowledge.routing.ladder import RUNG_RULES
from agent_knowledge.routing.policy import decide
from agent_knowledge.routing.proof import shortfall
from agent_knowledge.routing.router import KnowledgeRouter
from agent_knowledge.trials.cases import TrialCase
from agent_knowledge.types import Decision, Rung

CasesNeeded = Mapping[tuple[Rung, Rung], int | None]
"""By (higher, lower): how many cases would tell the two apart; None where no number would."""
_LEVELS: dict[Rung, int] = {
    "prompt": 1,
    "few_shot": 2,
    "retrieval": 2,
    "retrieval+few_shot": 3,
    "fine_tuned": 4,
}
"""The guide's steps: few-shot and retrieval stand side by side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """What the cases speak for.

    Attributes:
        rung: The lowest rung that serves; None where the cases tell none.
        why: In a sentence, with the rules it rests on.
        met: A rung that may serve reaches the target; True where there is no target.
    """

    rung: Rung | None
    why: str
    met: bool = True


def recommend(
    trial: Trial, agent: AgentProfile, needed: CasesNeeded, tries: int = 1
) -> Recommendation:
    """Say which rung a trial speaks for.

    Args:
        trial: The results and comparisons.
        agent: Whose; its policy and what it has decide what a fine-tuned rung must have beaten.
        needed: How many cases would tell two rungs apart.
        tries: How often the fine-tuned model was tried on the set, this time included.
    """
    if trial.refused:
        why = f"{trial.refused}: mend it and run the same command again"
        return Recommendation(rung=None, why=why, met=trial.target is None)
    found = _ladder(trial, agent, needed, tries)
    return _better_prompt(trial, agent, found) or found


def _better_prompt(
    trial: Trial, agent: AgentProfile, found: Recommendation
) -> Recommendation | None:
    """Another system prompt that is proven better than the configured one comes before anything.

    What is higher was measured with the configured one, and is to be measured again.
    """
    ahead = [
        row
        for row in trial.prompts
        if row.ci[0] > 0 and row.n >= MIN_CASES and row.result.errors <= MAX_FAILED * trial.n
    ]
    if not ahead:
        return None
    best = max(ahead, key=lambda row: row.result.score)
    by = f"{best.difference:+.3f}, 95 % {best.ci[0]:+.3f} to {best.ci[1]:+.3f}"
    why = (
        f"{best.prompt} at {best.result.score:.3f} beats the configured system prompt by {by}"
        f" (prompt-first): put it into agents.{agent.name}.system_prompt and measure the higher"
        " rungs again. Chosen on these cases, its score is optimistic: confirm it on others"
    )
    met = found.met or (trial.target is not None and best.result.score >= trial.target)
    return Recommendation(rung="prompt", why=why, met=met)


def _ladder(trial: Trial, agent: AgentProfile, needed: CasesNeeded, tries: int) -> Recommendation:
    """What the rungs speak for, with the prompt as it is."""
    missing = shortfall(agent, trial, tries) if trial.result("fine_tuned") else ""
    able = [row for row in trial.rungs if row.rung != "fine_tuned" or not missing]
    held_back = f"; fine_tuned may not serve (ladder-tried: {missing})" if missing else ""
    if trial.target is not None:
        return _by_target(trial, agent, able, held_back)
    if trial.n < MIN_CASES:
        why = f"{_count(trial.n)} tell no winner; at least {MIN_CASES} would do"
        return Recommendation(rung=None, why=why + _hint(trial, needed))
    if len(able) < 2:
        only = able[0].rung if able else "no rung that may serve"
        return Recommendation(rung=None, why=f"only {only} was measured: no rung beside{held_back}")
    return _Climb(trial=trial, agent=agent, needed=needed, held_back=held_back).told(able)


def _by_target(
    trial: Trial, agent: AgentProfile, able: Sequence[RungResult], held_back: str
) -> Recommendation:
    target = trial.target or 0.0
    reaching = [row for row in able if row.score >= target]
    if not reaching:
        best = max(trial.rungs, key=lambda row: row.score)
        why = f"no rung that may serve reaches {target:g}; the best is {_scored(best)}{held_back}"
        return Recommendation(rung=None, why=why, met=False)
    row = min(reaching, key=lambda row: (_LEVELS[row.rung], row.tokens_in))
    rule = _rule(row.rung, trial, agent)
    told = f"{_scored(row)} is the lowest rung that reaches {target:g} ({rule})"
    if trial.n < MIN_CASES:
        why = f"{told}, but {_count(trial.n)} prove nothing; at least {MIN_CASES} would do"
        return Recommendation(rung=None, why=why)
    if row.ci[0] < target:
        told += "; its interval spans the target, so more cases may say otherwise"
    return Recommendation(rung=row.rung, why=told + held_back)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Climb:
    """The way up the ladder, without a target."""

    trial: Trial
    agent: AgentProfile
    needed: CasesNeeded
    held_back: str

    def told(self, able: Sequence[RungResult]) -> Recommendation:
        """Climb, and say why no further."""
        base = here = able[0]
        for level in sorted({_LEVELS[row.rung] for row in able[1:]}):
            rows = [row for row in able[1:] if _LEVELS[row.rung] == level]
            if better := [row for row in rows if self._climbs(row, here)]:
                here = self._choose(better)
        rule = _rule(here.rung, self.trial, self.agent)
        if here is base:
            told = f"no higher rung is proven better than {_scored(here)} ({rule})"
        else:
            found = self.trial.compared(here.rung, base.rung)
            by = f" by {_gap(found)}" if found else ""
            told = f"{_scored(here)} beats {base.rung}{by} ({rule})"
        beside = [row for row in able if row not in (here, base) and self._reaches(row, here)]
        why = "; ".join([told, *filter(None, (self._open(row, here) for row in beside))])
        return Recommendation(rung=here.rung, why=why + self.held_back)

    def _climbs(self, row: RungResult, here: RungResult) -> bool:
        """Proven better; the fine-tuned rung has been through the gate's own comparison."""
        return row.rung == "fine_tuned" or self._lead(row, here)[1][0] > 0

    def _reaches(self, row: RungResult, here: RungResult) -> bool:
        return _LEVELS[row.rung] >= _LEVELS[here.rung]

    def _choose(self, rows: Sequence[RungResult]) -> RungResult:
        """Of rungs side by side the proven better one, else the one with the shorter prompt."""
        proven = [
            row
            for row in rows
            if all(self._lead(row, other)[1][0] > 0 for other in rows if other is not row)
        ]
        return min(proven or rows, key=lambda row: row.tokens_in)

    def _lead(self, row: RungResult, other: RungResult) -> tuple[float, tuple[float, float]]:
        """How far a rung lies above another, higher or lower, with its interval."""
        if found := self.trial.compared(row.rung, other.rung):
            return found.difference, found.ci
        if found := self.trial.compared(other.rung, row.rung):
            return -found.difference, (-found.ci[1], -found.ci[0])
        return 0.0, (0.0, 0.0)

    def _open(self, row: RungResult, here: RungResult) -> str:
        """Why a rung was not climbed to."""
        difference, (low, high) = self._lead(row, here)
        told = f"{difference:+.3f}, 95 % {low:+.3f} to {high:+.3f}"
        if low > 0:
            return ""
        if high < 0:
            return f"{row.rung} is worse ({told})"
        cases = self.needed.get((row.rung, here.rung)) or self.needed.get((here.rung, row.rung))
        wanted = f"; about {cases:,} cases would tell" if cases else ""
        short = _LEVELS[row.rung] == _LEVELS[here.rung] and row.tokens_in > here.tokens_in
        chosen = f", and {here.rung} has the shorter prompt" if short else ""
        return f"{row.rung} is not proven better than that ({told}{wanted}){chosen}"


def _hint(trial: Trial, needed: CasesNeeded) -> str:
    """How many cases would tell the best rung from the lowest."""
    if len(trial.rungs) < 2:
        return ""
    lowest = trial.rungs[0]
    best = max(trial.rungs[1:], key=lambda row: row.score)
    wanted = needed.get((best.rung, lowest.rung))
    if wanted is None or wanted <= MIN_CASES:
        return ""
    return f", and about {wanted:,} to tell {best.rung} from {lowest.rung}"


def _scored(row: RungResult) -> str:
    return f"{row.rung} at {row.score:.3f} (95 % {row.ci[0]:.3f} to {row.ci[1]:.3f})"


def _gap(found: RungComparison) -> str:
    return f"{found.difference:+.3f}, 95 % {found.ci[0]:+.3f} to {found.ci[1]:+.3f}"


def _rule(rung: Rung, trial: Trial, agent: AgentProfile) -> str:
    """The rule of the guide that a rung rests on."""
    spec = agent.examples.get(trial.example_set or "")
    if rung == "few_shot" and spec is not None and spec.kind == "style":
        return "style-wants-prompt"
    return RUNG_RULES[rung]


def _count(cases: int) -> str:
    return f"{cases} case" + "s" * (cases != 1)


def open_gate(router: KnowledgeRouter, cases: Sequence[TrialCase], trial: Trial) -> OpenGate | None:
    """Route a trial's cases as if it had opened the gate.

    Args:
        router: Of the agent that was measured.
        cases: The trial's, at least one.
        trial: What was measured.

    Returns:
        What the endpoint would serve; None where the agent has none for the set that was tried.

    Raises:
        SourceError: A source is not indexed, or its index cannot serve.
    """
    endpoint = router.agent.endpoint
    if endpoint is None or endpoint.serves != trial.example_set:
        return None
    decisions = list(_decided(router, cases, trial))
    refused = Counter(_refusal(made) for made in decisions if made.strategy != "fine_tuned")
    return OpenGate(
        endpoint=router.agent.endpoint_name or "",
        served=len(decisions) - refused.total(),
        refused=dict(refused.most_common()),
    )


def served_line(gate: OpenGate) -> str:
    """What the endpoint would serve, in a line, and why not the rest, rule by rule."""
    text = f"with its gate open {gate.endpoint} would serve {gate.served:,} of {gate.n:,} cases"
    text += f" ({percent(gate.share)})"
    rules = ", ".join(f"{rule} {count:,}" for rule, count in gate.refused.items())
    return f"{text}; the rest: {rules}" if rules else text


def percent(share: float) -> str:
    """A share as people write it: 97.5 %."""
    return f"{share * 100:.3g} %"


def _decided(
    router: KnowledgeRouter, cases: Sequence[TrialCase], trial: Trial
) -> Iterator[Decision]:
    agent, record = _let_in(router.agent), router.record
    record = replace(record, trials=(*record.trials, trial))
    for reading in router.read([case.task for case in cases]):
        query = reading.standalone
        yield decide(reading.task, reading.signals, query, agent, reading.rewriting, record)


def _let_in(agent: AgentProfile) -> AgentProfile:
    """The same agent, whose endpoint need not have been proven."""
    endpoint = agent.endpoint and agent.endpoint.model_copy(update={"allow_unproven": True})
    return agent.model_copy(update={"endpoint": endpoint})


def _refusal(decision: Decision) -> str:
    """The first rule that refuses the endpoint; each strategy that was not chosen has one."""
    return next(row.rule for row in decision.rejected if row.strategy == "fine_tuned")
