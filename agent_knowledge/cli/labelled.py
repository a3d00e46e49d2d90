"""`tune`: the leaning that suits a team's labelled tasks, or the word that the present one does."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from agent_knowledge.cli import show
from agent_knowledge.cli.cases import read_cases
from agent_knowledge.cli.options import CONFIG, Agent, Config, Json
from agent_knowledge.errors import ConfigError

if TYPE_CHECKING:
    from agent_knowledge.config import Leaning
    from agent_knowledge.trials.leaning import Tuning


def tune(
    *,
    cases: Annotated[str, typer.Option("--cases", help="JSON lines; - for standard input.")],
    config: Config = CONFIG,
    agent: Agent = None,
    write: Annotated[
        bool, typer.Option("--write", help="Put the leaning into the configuration file.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Fit what one agent leans to on labelled tasks, and say whether that helps on others.

    The cases are those of `check`. Where one expects a list, any of it is right and the first is
    what the case counts as. Nothing is changed without --write, nor where it would not help.
    """
    name, tuning = _fit(cases, config, agent)
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


def _fit(source: str, config: Path, agent: str | None) -> tuple[str, Tuning]:
    """The agent's name, and what fitting its leaning came to."""
    from agent_knowledge.build import load_router
    from agent_knowledge.trials.decision_scores import Labelled
    from agent_knowledge.trials.leaning import require_enough
    from agent_knowledge.trials.leaning import tune as fit

    cases = read_cases(source)
    require_enough([case.expected for case in cases])
    router = load_router(config, agent)
    tasks = [case.task for case in cases]
    readings = [replace(reading, results={}) for reading in router.read(tasks)]
    labelled = [
        Labelled(task=reading.task, signals=reading.signals, expected=case.expected)
        for case, reading in zip(cases, readings, strict=True)
    ]
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
