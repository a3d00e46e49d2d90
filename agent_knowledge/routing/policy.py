"""From signals to a decision.

`STEPS` reads from top to bottom, and the first that applies decides:

1. Sources are asked for (by the caller, the task or `citations: always`): retrieval.
2. The caller asks for a strategy, and no rule refuses it: that one.
3. All evidence, weighed as one, says that a look-up helps, or the answer changes with time:
   retrieval when a source can serve; when none can, it is a gap.
4. It says that the task is an instance of an example set: few-shot, or the endpoint that serves
   the set when every rule of its gate holds.
5. Otherwise the prompt alone.

A choice that the evidence does not clearly carry is unsure, and `when_unsure` settles it; under
`ask_model_below` a model may be asked before, and what it says is evidence like any other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from agent_knowledge.config import AgentProfile
from agent_knowledge.ledger import NOTHING_ON_RECORD, TrackRecord
from agent_knowledge.routing.queries import sub_queries
from agent_knowledge.routing.rejections import explain_rejections
from agent_knowledge.routing.standing import PolicyCase, likely_of
from agent_knowledge.types import Decision, Plan, Reason, Rewriting, Signals, Strategy, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a step came to.

    Attributes:
        strategy: The main strategy.
        confidence: Probability that it is what the task needs.
        reasons: The rules behind it.
        sources: What to retrieve from.
        gap: Facts are needed and no source holds them.
        clarify: A question to put to the user instead.
    """

    strategy: Strategy
    confidence: float
    reasons: tuple[Reason, ...]
    sources: tuple[str, ...] = ()
    gap: bool = False
    unsure: bool = False
    clarify: str | None = None


def decide(
    task: Task,
    signals: Signals,
    query: str,
    agent: AgentProfile,
    rewriting: Rewriting | None = None,
    record: TrackRecord = NOTHING_ON_RECORD,
) -> Decision:
    """Decide what to give the model for a task.

    Args:
        task: The task.
        signals: What was measured about it.
        query: The standalone text that sources are asked with.
        agent: What the agent has at hand, and its policy.
        rewriting: What a chat model made of the turn, where one was asked to.
        record: What was measured of the agent's fine-tuned endpoint.

    Returns:
        A decision with `elapsed_ms` still 0. Being unsure is a decision too; nothing is raised.
        What a model was asked and said stands last among its reasons, under the first one's rule,
        after which sources could not be asked.
    """
    case = PolicyCase(task=task, signals=signals, agent=agent, record=record)
    choice = _settle_doubt(case, next(made for step in STEPS if (made := step(case))))
    rule = choice.reasons[0].rule
    return Decision(
        strategy=choice.strategy,
        plan=_plan(case, choice, query, rewriting),
        confidence=round(choice.confidence, 4),
        signals=signals,
        reasons=(
            *choice.reasons,
            *_leaning_reasons(rule, case),
            *failure_reasons(rule, signals),
            *_model_reasons(rule, case, rewriting),
        ),
        rejected=explain_rejections(case, choice.strategy, choice.reasons),
        gap=choice.gap,
        unsure=choice.unsure,
        agent=agent.name,
    )


def may_ask_model(task: Task, decision: Decision, agent: AgentProfile) -> bool:
    """Whether the policy has a chat model asked before a decision stands.

    Only below `ask_model_below`, and never about what the caller asked for and was granted.
    """
    limit = agent.policy.ask_model_below
    return limit is not None and decision.confidence < limit and decision.strategy != task.strategy


def _leaning_reasons(rule: str, case: PolicyCase) -> tuple[Reason, ...]:
    """What the agent's leaning made of the evidence, where that decides."""
    leaning, before = case.agent.policy.leaning, likely_of(case.signals)
    if case.asked or case.granted or case.likely == before:
        return ()
    moves = f"retrieval {leaning.retrieval:+.2f}, few_shot {leaning.few_shot:+.2f}"
    was, now = (
        ", ".join(f"{need} {p:.2f}" for need, p in likely.items())
        for likely in (before, case.likely)
    )
    return (Reason(rule=rule, text=f"policy.leaning ({moves}) makes {was} into {now}"),)


def failure_reasons(rule: str, signals: Signals) -> tuple[Reason, ...]:
    """Which sources could not be asked; why stands in the signals, and is not for everybody."""
    return tuple(
        Reason(rule=rule, text=f"{name} could not be asked, so nothing of it is known")
        for name in signals.failed
    )


def _model_reasons(rule: str, case: PolicyCase, rewriting: Rewriting | None) -> tuple[Reason, ...]:
    """What models were asked on the way, and what they said."""
    notes: list[str] = []
    if rewriting and rewriting.query:
        notes.append(f"{rewriting.model} wrote what is searched for: {rewriting.query!r}")
    elif rewriting:
        notes.append(
            f"{rewriting.model} was to write what is searched for, but {rewriting.failure};"
            " the turn and its history are searched for as they are"
        )
    if asked := case.signals.asked:
        below = case.agent.policy.ask_model_below
        when = "" if below is None else f", asked since ask_model_below is {below:g}"
        in_part = bool(asked.holds) or asked.fresh is not None
        nothing = "answers in part" if in_part else "settles nothing"
        said = f"says {asked.need}" if asked.need else nothing
        why = f": {asked.reason}" if asked.reason else ""
        notes.append(f"{asked.model}{when}, {said}{why}")
    return tuple(Reason(rule=rule, text=text) for text in notes)


def _sources_asked(case: PolicyCase) -> Choice | None:
    if not case.asked:
        return None
    asked = Reason(rule="citations-need-retrieval", text=case.asked)
    wish = (_WISHES_RETRIEVAL,) if case.granted == "retrieval" else ()
    return _retrieve(case, 1.0, (asked, *wish, *case.why_facts))


_WISHES_RETRIEVAL = Reason(rule="facts-need-retrieval", text="the caller asks for retrieval")


def _caller_asks(case: PolicyCase) -> Choice | None:
    """What the caller asks for, unless a rule refuses it; how sure it is, the evidence says."""
    wish, likely = case.granted, case.likely
    if wish is None:
        return None
    if wish == "retrieval":
        return _retrieve(case, _need_of_facts(case), (_WISHES_RETRIEVAL, *case.why_facts))
    if wish == "direct":
        reason = Reason(rule="prompt-first", text="the caller asks for direct")
        return Choice(strategy="direct", confidence=likely["direct"], reasons=(reason,))
    return _show_set(case, wish, f"the caller asks for {wish}, and the nearest set is")


def _facts_needed(case: PolicyCase) -> Choice | None:
    if not case.why_facts:
        return None
    return _retrieve(case, _need_of_facts(case), case.why_facts)


def _need_of_facts(case: PolicyCase) -> float:
    p = case.likely["retrieval"] if case.signals.coverage else case.needs("retrieval")
    return max(p, case.signals.fresh * case.fresh_decides)


def _retrieve(case: PolicyCase, confidence: float, reasons: tuple[Reason, ...]) -> Choice:
    """Retrieval from the sources that can serve; when none can, from all of them, as a gap."""
    if case.able:
        return Choice(
            strategy="retrieval", confidence=confidence, reasons=reasons, sources=case.able
        )
    reasons = (*reasons, Reason(rule="facts-need-retrieval", text=say_gap(case)))
    everything = tuple(case.signals.coverage)
    insists = case.asked or case.granted
    if everything and (insists or case.agent.policy.when_unsure == "retrieve"):
        return Choice(
            strategy="retrieval",
            confidence=confidence,
            reasons=reasons,
            sources=everything,
            gap=True,
        )
    return Choice(strategy="direct", confidence=confidence, reasons=reasons, gap=True)


def say_gap(case: PolicyCase) -> str:
    """Say that no source can serve, with what each one has nearest."""
    if not case.signals.coverage:
        return "gap: the agent has no source to retrieve from"
    titles = case.signals.nearest
    nearest = "; ".join(
        f"{name} {p or 0:.2f}" + (f", nearest {titles[name]!r}" if name in titles else "")
        for name, p in case.signals.coverage.items()
        if name not in case.signals.failed
    )
    return f"gap: no source seems to hold it (coverage {nearest})"


def _pattern_matched(case: PolicyCase) -> Choice | None:
    if not case.set_claims:
        return None
    strategy = "fine_tuned" if case.gate.opens else "few_shot"
    return _show_set(case, strategy, "the task is an instance of")


def _show_set(case: PolicyCase, strategy: Strategy, why: str) -> Choice:
    """Serve by the example set that fits best, or by the endpoint that was trained on it."""
    name, match = case.best_set or ("", 0.0)
    kind = case.agent.examples[name].kind
    rule = "style-wants-prompt" if kind == "style" else "pattern-wants-examples"
    reason = Reason(rule=rule, text=f"{why} {name} ({match:.2f})")
    return Choice(
        strategy=strategy,
        confidence=case.likely["few_shot"],
        reasons=(reason, *(case.gate.notes if strategy == "fine_tuned" else ())),
    )


def _prompt_alone(case: PolicyCase) -> Choice:
    text = "neither facts from outside nor a pattern of the agent's own are needed"
    return Choice(
        strategy="direct",
        confidence=case.likely["direct"],
        reasons=(Reason(rule="prompt-first", text=text),),
    )


STEPS: tuple[Callable[[PolicyCase], Choice | None], ...] = (
    _sources_asked,
    _caller_asks,
    _facts_needed,
    _pattern_matched,
    _prompt_alone,
)
"""The precedence; each step makes a choice or passes."""


def _settle_doubt(case: PolicyCase, choice: Choice) -> Choice:
    """Where the evidence carries no choice clearly, do as `when_unsure` says.

    What was asked for is no matter of doubt.
    """
    doubtful = choice.confidence < case.limits.confidence
    if not (doubtful or choice.gap) or case.asked or case.granted:
        return choice
    policy = case.agent.policy.when_unsure
    if policy == "ask":
        return replace(choice, unsure=doubtful, clarify=_question(case))
    if not doubtful:
        return choice
    text = f"confidence {choice.confidence:.2f} is below {case.limits.confidence:.2f}"
    if case.signals.foreign:
        text += " (the models know English best)"
    if policy == "direct" and choice.strategy != "direct":
        reason = Reason(rule="prompt-first", text=f"{text}, and when_unsure says direct")
        return replace(
            choice,
            strategy="direct",
            confidence=case.likely["direct"],
            unsure=True,
            sources=(),
            reasons=(*choice.reasons, reason),
        )
    if policy == "retrieve" and choice.strategy != "retrieval" and case.signals.coverage:
        reason = Reason(rule="retrieval-first-for-agents", text=f"{text}: unsure, so it retrieves")
        sources = case.able or tuple(case.signals.coverage)
        return replace(
            choice,
            strategy="retrieval",
            confidence=case.likely["retrieval"],
            unsure=True,
            sources=sources,
            reasons=(*choice.reasons, reason),
        )
    return replace(choice, unsure=True)


def _question(case: PolicyCase) -> str:
    """A question that lets the user settle it, from what the agent has at hand."""
    agent = case.agent
    offers = [f"look it up in {name}" for name in agent.sources]
    offers += [
        f"handle it as {name} ({spec.description})" if spec.description else f"handle it as {name}"
        for name, spec in agent.examples.items()
    ]
    if not offers:
        return "Could you say more about what you need?"
    return f"I am not sure what you need: should I {', or '.join(offers)}? Or just answer?"


def _plan(case: PolicyCase, choice: Choice, query: str, rewriting: Rewriting | None) -> Plan:
    policy = case.agent.policy
    citations = policy.citations
    if case.asked and citations != "never":
        citations = "always"
    shows_examples = choice.strategy in {"few_shot", "fine_tuned"} or (
        choice.strategy == "retrieval" and case.examples_on_top
    )
    served = case.shown_set if shows_examples else None
    endpoint = case.agent.endpoint_name if choice.strategy == "fine_tuned" else None
    multi_hop = bool(choice.sources) and case.signals.multi_hop >= case.limits.multi_hop
    rewritten = rewriting if rewriting and rewriting.query else None
    asks = rewritten.query if rewritten else case.task.text
    return Plan(
        sources=choice.sources,
        query=query if choice.sources else "",
        rewritten_by=rewritten.model if rewritten else None,
        sub_queries=sub_queries(asks) if multi_hop else (),
        multi_hop=multi_hop,
        dates=case.dates_of(choice.sources) if case.fresh else {},
        k=policy.k if choice.sources else 0,
        examples=served,
        k_examples=case.agent.examples[served].k if served and not endpoint else 0,
        versions=case.agent.versions_for(served),
        endpoint=endpoint,
        citations=citations,
        clarify=choice.clarify,
    )
