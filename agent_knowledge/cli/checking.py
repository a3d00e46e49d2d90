"""`check`: routes that a team relies on, as a test of its own."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from agent_knowledge.cli import show
from agent_knowledge.cli.cases import Case, read_cases
from agent_knowledge.cli.options import CONFIG, Agent, Config, Json
from agent_knowledge.types import Decision, to_dict

if TYPE_CHECKING:
    from agent_knowledge.routing.router import KnowledgeRouter


def check(
    *,
    cases: Annotated[str, typer.Option("--cases", help="JSON lines; - for standard input.")],
    config: Config = CONFIG,
    agent: Agent = None,
    as_json: Json = False,
) -> None:
    """Check routes against what is expected of them; exit status 1 when one is missed.

    A case is {"task", "expected"} and, where it matters, "history", "citations", "sources", "set"
    and "rules": all sources named must be in the plan, all rules among the reasons.
    """
    from agent_knowledge.build import load_router

    read = read_cases(cases)
    router = load_router(config, agent)
    decisions = router.route_many([case.task for case in read])
    misses = [
        _miss(case, decision, why, router)
        for case, decision in zip(read, decisions, strict=True)
        if (why := _differences(case, decision))
    ]
    row = {"cases": len(read), "missed": misses}
    show.output(row, _told(misses, len(read)), as_json=as_json)
    if misses:
        raise typer.Exit(1)


def _differences(case: Case, decision: Decision) -> list[str]:
    """In what a decision is not as expected."""
    found: list[str] = []
    if decision.strategy not in case.expected:
        found.append(f"expected {' or '.join(case.expected)}, got {decision.strategy}")
    missing = case.sources - set(decision.plan.sources)
    if missing:
        planned = ", ".join(decision.plan.sources) or "none"
        found.append(f"expected sources {', '.join(sorted(missing))}, got {planned}")
    if case.examples is not None and decision.plan.examples != case.examples:
        found.append(f"expected set {case.examples}, got {decision.plan.examples or 'none'}")
    unread = case.rules - {reason.rule for reason in decision.reasons}
    if unread:
        cited = ", ".join(reason.rule for reason in decision.reasons)
        found.append(f"expected rules {', '.join(sorted(unread))}, got {cited}")
    return found


def _miss(
    case: Case, decision: Decision, why: list[str], router: KnowledgeRouter
) -> dict[str, Any]:
    from agent_knowledge.routing.boundary import nearest_boundary

    boundary = nearest_boundary(case.task, decision, router.agent, router.record)
    return {
        "id": case.line.id,
        "line": case.line.number,
        "task": case.task.text,
        "why": why,
        "strategy": decision.strategy,
        "confidence": decision.confidence,
        "signals": to_dict(decision.signals),
        "nearest": asdict(boundary) if boundary else None,
    }


def _told(misses: list[dict[str, Any]], cases: int) -> Text:
    text = Text()
    for miss in misses:
        text.append(f"line {miss['line']}: ", style="bold red")
        text.append(f"{miss['task']}\n")
        text.append("".join(f"  {why}\n" for why in miss["why"]))
        text.append(f"  signals   {_signals(miss['signals'])}\n", style="dim")
        text.append(f"  nearest   {_boundary(miss['nearest'])}\n", style="dim")
    text.append(f"{cases - len(misses)} of {cases} as expected", style="bold")
    return text


def _boundary(near: dict[str, Any] | None) -> str:
    if near is None:
        return "no single threshold changes the strategy"
    side = f"{near['measured']:.2f} against {near['limit']:.2f}"
    return f"{near['threshold']}: {side}; its other side gives {near['strategy']}"


def _signals(signals: dict[str, Any]) -> str:
    parts = [f"{need} {p:.2f}" for need, p in signals["need"].items()]
    parts += [f"fresh {signals['fresh']:.2f}"]
    for kind in ("coverage", "pattern"):
        parts += [
            f"{kind} of {name} {'external' if p is None else format(p, '.2f')}"
            for name, p in signals[kind].items()
        ]
    return ", ".join(parts)
