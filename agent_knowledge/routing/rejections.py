"""Why not the others: every strategy that was not chosen, with the rules it breaks here."""

from __future__ import annotations

from agent_knowledge.routing.rules import ORDER
from agent_knowledge.routing.standing import PolicyCase
from agent_knowledge.types import STRATEGIES, Reason, Rejection, Strategy


def explain_rejections(
    case: PolicyCase, chosen: Strategy, reasons: tuple[Reason, ...]
) -> tuple[Rejection, ...]:
    """List what was rejected.

    Args:
        case: The task and its evidence.
        chosen: The strategy that was chosen.
        reasons: Why it was.

    Returns:
        First the first broken rule of each strategy, then the remaining ones, both in the guide's
        order of rules.
    """
    broken = {
        "direct": _not_direct(reasons),
        "retrieval": _not_retrieval(case),
        "few_shot": _not_few_shot(case, chosen),
        "fine_tuned": case.gate.broken or _set_aside(case, "fits-the-case"),
    }
    if case.refusal and (wish := case.task.strategy):
        others_broken = (row for row in broken[wish] if row.rule != case.refusal.rule)
        broken[wish] = (case.refusal, *others_broken)
    first: list[Rejection] = []
    others: list[Rejection] = []
    for strategy in STRATEGIES:
        if strategy == chosen:
            continue
        for place, reason in enumerate(broken[strategy]):
            row = Rejection(strategy=strategy, rule=reason.rule, text=reason.text)
            (others if place else first).append(row)
    return (*sorted(first, key=_place), *sorted(others, key=_place))


def _place(row: Rejection) -> int:
    return ORDER[row.rule]


def _not_direct(reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
    """A plain prompt breaks the very rule that carries the choice."""
    carries = next((r for r in reasons if r.rule != "prompt-first"), reasons[0])
    return (Reason(rule=carries.rule, text=f"a prompt alone is not enough: {carries.text}"),)


def _not_retrieval(case: PolicyCase) -> tuple[Reason, ...]:
    if not (case.asked or case.why_facts):
        text = f"no facts from outside are needed ({case.likely['retrieval']:.2f})"
    elif not case.signals.coverage:
        text = "facts are needed, but there is no source to take them from"
    elif not case.able:
        text = "facts are needed, but no source seems to hold them"
    elif case.granted:
        share = case.likely["retrieval"]
        text = f"facts seem to be needed ({share:.2f}), but the caller asks for {case.granted}"
    else:
        text = f"not surely needed ({case.likely['retrieval']:.2f})"
    return (Reason(rule="facts-need-retrieval", text=text),)


def _not_few_shot(case: PolicyCase, chosen: Strategy) -> tuple[Reason, ...]:
    if chosen == "fine_tuned":
        text = "an endpoint trained on this pattern serves it; examples are its next rung down"
        return (Reason(rule="pattern-wants-examples", text=text),)
    if case.examples_on_top and chosen == "retrieval":
        text = f"examples hold no facts; {case.matched_set} is shown on top of what is retrieved"
        return (Reason(rule="facts-need-retrieval", text=text),)
    if case.matched_set and (case.asked or case.why_facts) and not case.granted:
        return (Reason(rule="facts-need-retrieval", text="examples hold no facts"),)
    if case.matched_set:
        return _set_aside(case, "pattern-wants-examples")
    best = case.best_set
    nearest = "nearest {} {:.2f}".format(*best) if best else "the agent has none"
    text = f"the task is no instance of an example set ({nearest})"
    return (Reason(rule="pattern-wants-examples", text=text),)


def _set_aside(case: PolicyCase, rule: str) -> tuple[Reason, ...]:
    """It matches, and yet the match is too weak to carry the choice, or the caller chose."""
    match = "{} {:.2f}".format(*(case.best_set or ("none", 0.0)))
    text = f"the match ({match}) does not clearly carry it"
    if case.granted:
        text = f"the task matches ({match}), but the caller asks for {case.granted}"
    return (Reason(rule=rule, text=text),)
