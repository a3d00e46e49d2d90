"""`check`: routes that a team relies on, as a test of its own."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from rich.text import Text

from agent_knowledge.cli import show
from agent_knowledge.cli.batch import Line, read_lines, task_of
from agent_knowledge.cli.options import CONFIG, Agent, Config, Json
from agent_knowledge.errors import InputError
from agent_knowledge.types import Decision, Task, to_dict

if TYPE_CHECKING:
    from agent_knowledge.router import KnowledgeRouter

_STRATEGIES = ("direct", "retrieval", "few_shot", "fine_tuned")
_KEYS = {"id", "task", "history", "citations", "expected", "sources", "set", "rules"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One line of the cases: a task and what is expected of its decision."""

    line: Line
    task: Task
    expected: tuple[str, ...]
    sources: frozenset[str]
    examples: str | None
    rules: frozenset[str]


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
    from agent_knowledge.assembly import load_router

    read = _read_cases(cases)
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


def _read_cases(source: str) -> list[Case]:
    """Read the cases, or say what is wrong with all bad lines at once."""
    cases: list[Case] = []
    faults: list[str] = []
    for line in read_lines(source):
        try:
            cases.append(_case(line))
        except InputError as error:
            faults.append(f"line {line.number}: {error}")
    if faults or not cases:
        listed = "\n  ".join(faults) or 'it holds no case; add lines {"task", "expected"}'
        msg = f"--cases {source!r}:\n  {listed}"
        raise InputError(msg)
    return cases


def _case(line: Line) -> Case:
    if line.error:
        raise InputError(line.error)
    row = line.row
    unknown = sorted(set(row) - _KEYS)
    if unknown:
        msg = f"unknown keys {', '.join(unknown)}; known: {', '.join(sorted(_KEYS))}"
        raise InputError(msg)
    expected = row.get("expected")
    wanted = cast("list[object]", expected if isinstance(expected, list) else [expected])
    if not wanted or any(strategy not in _STRATEGIES for strategy in wanted):
        msg = f"'expected' is {expected!r}; give one or a list of: {', '.join(_STRATEGIES)}"
        raise InputError(msg)
    examples = row.get("set")
    if not isinstance(examples, str | None):
        msg = f"'set' is {examples!r}; give the name of an example set"
        raise InputError(msg)
    return Case(
        line=line,
        task=task_of(row),
        expected=tuple(map(str, wanted)),
        sources=_names(row, "sources"),
        examples=examples,
        rules=_names(row, "rules"),
    )


def _names(row: dict[str, Any], key: str) -> frozenset[str]:
    value: object = row.get(key) or []
    if not isinstance(value, list) or not all(
        isinstance(name, str) for name in cast("list[object]", value)
    ):
        msg = f"{key!r} is {value!r}; give a list of names"
        raise InputError(msg)
    return frozenset(cast("list[str]", value))


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
    from agent_knowledge.decision.boundary import nearest_boundary

    boundary = nearest_boundary(case.task, decision, router.agent)
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
