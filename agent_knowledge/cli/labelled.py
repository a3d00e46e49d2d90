"""`check` and `tune`: routes that a team relies on, and the leaning that suits its tasks."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from rich.text import Text

from agent_knowledge.cli import completing, show
from agent_knowledge.cli.batch import Line, in_chunks, read_lines, task_of
from agent_knowledge.cli.filters import scope_of
from agent_knowledge.cli.options import CONFIG, Agent, Config, Json, Tenant
from agent_knowledge.cli.progress import waiting
from agent_knowledge.errors import ConfigError, InputError, shown
from agent_knowledge.types import STRATEGIES, Decision, Strategy, Task, to_dict

if TYPE_CHECKING:
    from agent_knowledge.config import Leaning
    from agent_knowledge.routing.router import KnowledgeRouter
    from agent_knowledge.trials.leaning import Tuning
    from agent_knowledge.types.filters import Scope


_KEYS = {"id", "task", "history", "citations", "strategy", "expected", "sources", "set", "rules"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedRoute:
    """One line of the cases: a task and what is expected of its decision."""

    line: Line
    task: Task
    expected: tuple[Strategy, ...]
    sources: frozenset[str]
    examples: str | None
    rules: frozenset[str]


def read_cases(source: str) -> list[ExpectedRoute]:
    """Read the cases of a file.

    Args:
        source: Path of a file of JSON lines; `-` for standard input.

    Raises:
        InputError: The file cannot be read or holds no case, or with what is wrong in all bad
            lines at once.
    """
    cases: list[ExpectedRoute] = []
    faults: list[str] = []
    for line in read_lines(source, "--cases"):
        try:
            cases.append(_case(line))
        except InputError as error:
            faults.append(f"line {line.number}: {error}")
    if faults or not cases:
        listed = "\n  ".join(faults) or 'it holds no case; add lines {"task", "expected"}'
        msg = f"--cases {source!r}:\n  {listed}"
        raise InputError(msg)
    return cases


def _case(line: Line) -> ExpectedRoute:
    if line.error:
        raise InputError(line.error)
    row = line.row
    unknown = sorted(set(row) - _KEYS)
    if unknown:
        msg = f"unknown keys {', '.join(unknown)}; known: {', '.join(sorted(_KEYS))}"
        raise InputError(msg)
    expected = row.get("expected")
    wanted = cast("list[object]", expected if isinstance(expected, list) else [expected])
    if not wanted or any(strategy not in STRATEGIES for strategy in wanted):
        msg = f"'expected' is {shown(expected)}; give one or a list of: {', '.join(STRATEGIES)}"
        raise InputError(msg)
    examples = row.get("set")
    if not isinstance(examples, str | None):
        msg = f"'set' is {shown(examples)}; give the name of an example set"
        raise InputError(msg)
    return ExpectedRoute(
        line=line,
        task=task_of(row),
        expected=tuple(cast("list[Strategy]", wanted)),
        sources=_names(row, "sources"),
        examples=examples,
        rules=_names(row, "rules"),
    )


def _names(row: dict[str, Any], key: str) -> frozenset[str]:
    value: object = row.get(key) or []
    if not isinstance(value, list) or not all(
        isinstance(name, str) for name in cast("list[object]", value)
    ):
        msg = f"{key!r} is {shown(value)}; give a list of names"
        raise InputError(msg)
    return frozenset(cast("list[str]", value))


def check(
    *,
    cases: Annotated[str, typer.Option("--cases", help="JSON lines; - for standard input.")],
    config: Config = CONFIG,
    agent: Agent = None,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Check routes against what is expected of them; exit status 1 when one is missed.

    A case is {"task", "expected"} and, where it matters, "history", "citations", "sources", "set"
    and "rules": all sources named must be in the plan, all rules among the reasons.
    """
    from agent_knowledge.build import load_router

    read = read_cases(cases)
    router = load_router(config, agent).scoped(scope_of(None, tenant))
    router.observers = ()  # cases are nobody's tasks: no log counts them
    decisions = in_chunks("routing", router.route_many, [case.task for case in read])
    misses = [
        _miss(case, decision, why, router)
        for case, decision in zip(read, decisions, strict=True)
        if (why := _differences(case, decision))
    ]
    row = {"cases": len(read), "missed": misses}
    show.output(row, _told(misses, len(read)), as_json=as_json)
    if misses:
        raise typer.Exit(1)


def _differences(case: ExpectedRoute, decision: Decision) -> list[str]:
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
    case: ExpectedRoute, decision: Decision, why: list[str], router: KnowledgeRouter
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


def tune(
    *,
    cases: Annotated[
        str | None, typer.Option("--cases", help="JSON lines of tasks; - for standard input.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--source",
            help="Fit this source's coverage instead.",
            autocompletion=completing.sources,
        ),
    ] = None,
    questions: Annotated[
        str | None,
        typer.Option("--questions", help="JSON lines of questions; - for standard input."),
    ] = None,
    config: Config = CONFIG,
    agent: Agent = None,
    tenant: Tenant = None,
    write: Annotated[
        bool, typer.Option("--write", help="Take what was fitted, where it helps.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Fit what one agent leans to on labelled tasks, and say whether that helps on others.

    The cases are those of `check`. Where one expects a list, any of it is right and the first is
    what the case counts as. Nothing is changed without --write, nor where it would not help.

    With --source and --questions, lines of {"question", "covered"}, the coverage of one source is
    fitted to its own scores: 50 questions, 10 of them covered and 10 not.
    """
    scope = scope_of(None, tenant)
    if source is not None and questions is not None and cases is None:
        from agent_knowledge.cli.source_tuning import tune_source

        tune_source(source, questions, config, agent, scope, write=write, as_json=as_json)
        return
    if cases is None or source is not None or questions is not None:
        msg = "give either --cases, or --source and --questions"
        raise InputError(msg)
    name, tuning = _fit(cases, config, agent, scope)
    written, refusal = False, ""
    if write and tuning.changed:
        refusal = _write(config, name, tuning)
        written = not refusal
    text = _figures(name, tuning)
    if not refusal:
        text.append("\n\n").append_text(_advice(name, tuning, config, written=written))
    show.output(_row(name, tuning, written=written), text, as_json=as_json)
    if refusal:
        raise ConfigError(refusal)


def _fit(source: str, config: Path, agent: str | None, scope: Scope) -> tuple[str, Tuning]:
    """The agent's name, and what fitting its leaning came to."""
    from agent_knowledge.build import load_router
    from agent_knowledge.trials.decision_scores import Labelled
    from agent_knowledge.trials.leaning import require_enough
    from agent_knowledge.trials.leaning import tune as fit

    cases = read_cases(source)
    require_enough([case.expected for case in cases])
    router = load_router(config, agent).scoped(scope)
    tasks = [case.task for case in cases]
    read = in_chunks("reading", router.read, tasks)
    readings = [replace(reading, results={}) for reading in read]
    labelled = [
        Labelled(task=reading.task, signals=reading.signals, expected=case.expected)
        for case, reading in zip(cases, readings, strict=True)
    ]
    with waiting("fitting"):
        return router.agent.name, fit(labelled, router.agent, router.record)


def _write(config: Path, name: str, tuning: Tuning) -> str:
    """Put the leaning into the file, or say why not and what to put there."""
    from agent_knowledge.config.editing import write_leaning

    try:
        write_leaning(config, name, tuning.recommended)
    except ConfigError as error:
        return f"{error}:\n\n{_block(name, tuning)}"
    return ""


def _row(name: str, tuning: Tuning, *, written: bool) -> dict[str, Any]:
    from agent_knowledge.trials.leaning import FOLDS

    return {
        "agent": name,
        "cases": sum(tuning.counts.values()),
        "counts": dict(tuning.counts),
        "folds": FOLDS,
        "before": asdict(tuning.before),
        "after": asdict(tuning.after),
        "mended": tuning.mended,
        "spoilt": tuning.spoilt,
        "p_value": tuning.p_value,
        "better": tuning.better,
        "fitted": tuning.fitted.model_dump(),
        "leaning": tuning.recommended.model_dump(),
        "changed": list(tuning.changed),
        "written": written,
    }


def _figures(name: str, tuning: Tuning) -> Text:
    """How the cases fare before and after, as a table."""
    from agent_knowledge.trials.leaning import BY_EXAMPLES, FOLDS

    counts = ", ".join(f"{count} {strategy}" for strategy, count in tuning.counts.items())
    text = Text().append(f"{name}: {sum(tuning.counts.values())} cases ({counts})", style="bold")
    text.append(f"\n  {'':<22}present  fitted, on held-out folds ({FOLDS})", style="dim")
    before, after = tuning.before, tuning.after
    rows = [
        ("macro-F1", before.macro_f1, after.macro_f1),
        *((f"  F1 of {strategy}", f1, after.f1[strategy]) for strategy, f1 in before.f1.items()),
        *(
            (f"  recall of {strategy}", before.recall[strategy], after.recall[strategy])
            for strategy in BY_EXAMPLES
            if strategy in before.recall
        ),
        ("accuracy", before.accuracy, after.accuracy),
        ("calibration error", before.calibration_error, after.calibration_error),
    ]
    for what, was, now in rows:
        text.append(f"\n  {what:<22}{was:>7.3f}  {now:>6.3f}")
    changed = f"{tuning.mended} cases mended, {tuning.spoilt} spoilt"
    return text.append(f"\n  {changed}; by chance alone p = {tuning.p_value:.2g}", style="dim")


def _advice(name: str, tuning: Tuning, config: Path, *, written: bool) -> Text:
    """What to do: take the fitted leaning, or keep the present one."""
    moves = _moves(tuning.present, tuning.fitted)
    if not tuning.changed:
        doubt = f"the fitted one ({moves}) is doubtful: {tuning.doubt}"
        text = Text().append("Keep the present leaning: ", style="bold yellow")
        text.append(doubt if moves else "it is what these cases ask for")
        return text.append("; nothing to write.")
    text = Text().append(f"Fitted on all cases: {moves}\n", style="bold")
    if written:
        return text.append(f"written to {config}", style="green")
    text.append(f"To take it, put this into {config}, or let --write do it:\n\n")
    return text.append(_block(name, tuning), style="cyan")


def _moves(present: Leaning, fitted: Leaning) -> str:
    from agent_knowledge.trials.leaning import differing

    moved = differing(present, fitted)
    return ", ".join(f"{key} {getattr(present, key)} -> {getattr(fitted, key)}" for key in moved)


def _block(name: str, tuning: Tuning) -> str:
    from agent_knowledge.config.editing import leaning_block

    return leaning_block(name, tuning.present, tuning.recommended)
