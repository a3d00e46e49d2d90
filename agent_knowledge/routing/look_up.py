"""A look-up: who calls for one has decided, and only what comes along is left to decide.

Every source is searched, whatever the evidence says; it says only whether a source seems to hold
what is asked, and whether the query is one more instance of an example set.
"""

from __future__ import annotations

from dataclasses import replace

from agent_knowledge.config import AgentProfile
from agent_knowledge.routing.policy import failure_reasons, say_gap
from agent_knowledge.routing.queries import sub_queries
from agent_knowledge.routing.rules import ORDER
from agent_knowledge.routing.standing import PolicyCase
from agent_knowledge.types import STRATEGIES, Decision, Need, Plan, Reason, Rejection, Strategy
from agent_knowledge.types.search import MeasuredTask

_CALLED = Reason(rule="retrieval-first-for-agents", text="the model called for a look-up")


def search_plan(reading: MeasuredTask, agent: AgentProfile, k: int | None = None) -> Plan:
    """Plan to search all of an agent's sources.

    Args:
        reading: What was measured about the query.
        agent: Whose sources they are.
        k: How many passages at most; None for the policy's `k`.
    """
    multi_hop = reading.signals.multi_hop >= agent.policy.thresholds.multi_hop
    return Plan(
        sources=tuple(agent.sources),
        query=reading.standalone,
        sub_queries=sub_queries(reading.query.text) if multi_hop else (),
        multi_hop=multi_hop,
        k=k or agent.policy.k,
    )


def look_up(reading: MeasuredTask, agent: AgentProfile) -> Decision:
    """Decide what a look-up brings.

    With sources it is retrieval from all of them, and a gap when none seems to hold what is asked.
    An example set comes on top where all evidence says that the query is an instance of it, which
    is a gap too, and a style that matches does. Without sources the nearest set comes; there it is
    a gap when the query is no instance of it. No endpoint is ever called.

    Args:
        reading: What was measured about the query.
        agent: What the agent has at hand, and its policy.

    Returns:
        A decision with `elapsed_ms` still 0. Its confidence is what the evidence gives its
        strategy; who called is not in doubt, so it is never unsure.
    """
    signals, rewriting = reading.signals, reading.rewriting
    case = PolicyCase(task=reading.task, signals=signals, agent=agent)
    strategy: Need = "retrieval" if agent.sources else "few_shot" if agent.examples else "direct"
    shown = _shown_set(case)
    # One more input of a set is no question that a source holds, however near its passages are.
    gap = not case.able or case.set_claims if agent.sources else not case.matched_set
    reasons = [_CALLED, *case.why_facts]
    reasons += [Reason(rule="facts-need-retrieval", text=say_gap(case))] if gap else []
    reasons += [_why_shown(case, shown)] if shown else []
    reasons += failure_reasons(_CALLED.rule, signals)
    plan = replace(
        search_plan(reading, agent) if agent.sources else Plan(),
        rewritten_by=rewriting.model if rewriting and rewriting.query else None,
        dates=case.dates_of(tuple(agent.sources)) if case.fresh else {},
        examples=shown,
        k_examples=agent.examples[shown].k if shown else 0,
        versions=agent.versions_for(shown),
        citations=agent.policy.citations,
    )
    return Decision(
        strategy=strategy,
        plan=plan,
        confidence=round(case.likely[strategy], 4),
        signals=signals,
        reasons=tuple(reasons),
        rejected=_rejected(strategy, shown),
        gap=gap,
        agent=agent.name,
    )


def found_nothing(decision: Decision) -> Decision:
    """The decision of a look-up whose sources turned out to hold nothing, as external ones may."""
    reason = Reason(rule="facts-need-retrieval", text="gap: the sources gave no passage")
    return replace(decision, gap=True, reasons=(*decision.reasons, reason))


def _shown_set(case: PolicyCase) -> str | None:
    if not case.agent.sources:
        return case.best_set[0] if case.best_set else None
    name = case.matched_set
    style = name is not None and case.agent.examples[name].kind == "style"
    return name if style or case.set_claims else None


def _why_shown(case: PolicyCase, shown: str) -> Reason:
    style = case.agent.examples[shown].kind == "style"
    relation = "the query is an instance of" if case.matched_set else "the nearest set is"
    return Reason(
        rule="style-wants-prompt" if style else "pattern-wants-examples",
        text=f"{relation} {shown} ({case.signals.pattern[shown]:.2f})",
    )


def _rejected(chosen: Strategy, shown: str | None) -> tuple[Rejection, ...]:
    """Why a look-up is none of the others, in the guide's order of rules."""
    on_top = f"; {shown} is shown on top of what is retrieved" if shown else ""
    why: dict[Strategy, tuple[str, str]] = {
        "direct": (_CALLED.rule, f"a prompt alone is not enough: {_CALLED.text}"),
        "retrieval": ("facts-need-retrieval", "the agent has no source to retrieve from"),
        "few_shot": (
            ("facts-need-retrieval", f"examples hold no facts{on_top}")
            if chosen == "retrieval"
            else ("pattern-wants-examples", "the agent has no example set")
        ),
        "fine_tuned": (_CALLED.rule, "a look-up hands knowledge to the model that called for it"),
    }
    rows = [
        Rejection(strategy=s, rule=why[s][0], text=why[s][1]) for s in STRATEGIES if s != chosen
    ]
    return tuple(sorted(rows, key=lambda row: ORDER[row.rule]))
