"""`trials list` and `trials compare`: what is on record, and what changed between two trials."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from agent_knowledge.cli import show
from agent_knowledge.cli.options import CONFIG, Agent, Config, Json
from agent_knowledge.cli.terminal import echo_table
from agent_knowledge.config import KnowledgeConfig

if TYPE_CHECKING:
    from agent_knowledge.ledger import Trial
    from agent_knowledge.trials.compare import Comparison, RungMove

app = typer.Typer(no_args_is_help=True, help="What `evaluate` has put on record.")


@app.command("list")
def list_trials(*, config: Config = CONFIG, agent: Agent = None, as_json: Json = False) -> None:
    """List the trials on record, oldest first."""
    from agent_knowledge.ledger import Ledger

    trials = Ledger(KnowledgeConfig.from_yaml(config).store_path).trials(agent)
    if as_json:
        typer.echo(json.dumps({"trials": [_row(trial) for trial in trials]}))
        return
    if not trials:
        show.echo("no trial is on record; agent-knowledge evaluate --cases FILE measures one")
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("trial", no_wrap=True)
    for name in ("agent", "set", "metric", "recommended"):
        table.add_column(name, no_wrap=True)
    for name in ("cases", "best", "score"):
        table.add_column(name, justify="right", no_wrap=True)
    for trial in trials:
        best = max(trial.rungs, key=lambda row: row.score, default=None)
        table.add_row(
            trial.id,
            trial.agent,
            trial.example_set or "",
            trial.metric,
            trial.recommended or "none",
            f"{trial.n:,}",
            best.rung if best else "",
            f"{best.score:.3f}" if best else "",
        )
    echo_table(table)


@app.command("compare")
def compare_trials(
    one: Annotated[str, typer.Argument(help="A trial's id, or its beginning; -1 is the newest.")],
    other: Annotated[str, typer.Argument(help="Another one.")],
    *,
    config: Config = CONFIG,
    agent: Agent = None,
    as_json: Json = False,
) -> None:
    """Say what changed between two trials, and which rungs did better or worse.

    Where both asked the same cases by the same metric they are compared case by case. Write places
    from the end after --, as in: trials compare -- -2 -1
    """
    from agent_knowledge.ledger import Ledger
    from agent_knowledge.trials.compare import compare, find_trial
    from agent_knowledge.trials.scores import read_scores

    store = KnowledgeConfig.from_yaml(config).store_path
    trials = Ledger(store).trials(agent)
    pair = [find_trial(trials, wanted) for wanted in (one, other)]
    first, last = sorted(pair, key=trials.index)
    found = compare(first, last, *(read_scores(store, trial.id) for trial in (first, last)))
    show.output(_comparison_row(found), _told(found), as_json=as_json)


def _row(trial: Trial) -> dict[str, Any]:
    return {
        "id": trial.id,
        "at": trial.at,
        "agent": trial.agent,
        "set": trial.example_set,
        "metric": trial.metric,
        "cases": trial.n,
        "recommended": trial.recommended,
        "scores": {row.rung: row.score for row in trial.rungs},
    }


def _comparison_row(found: Comparison) -> dict[str, Any]:
    return {
        "trials": [_row(found.one), _row(found.other)],
        "changed": {name: {"from": was, "to": now} for name, (was, now) in found.changed.items()},
        "rungs": [{**asdict(move), "verdict": move.verdict} for move in found.moves],
    }


def _told(found: Comparison) -> Text:
    text = Text(f"{found.one.id} -> {found.other.id}", style="bold")
    for name, (was, now) in found.changed.items():
        text.append(
            f"\n  changed   {name}: {show.excerpt(was)} -> {show.excerpt(now)}", style="dim"
        )
    if not found.changed:
        text.append("\n  both rest on the same", style="dim")
    for move in found.moves:
        text.append(f"\n{move.rung}: {move.before:.3f} -> {move.after:.3f}{_by(move)}")
    return text if found.moves else text.append("\nno rung is in both")


def _by(move: RungMove) -> str:
    if move.ci is None:
        return ", not compared case by case: another metric, or no shared case whose score was kept"
    low, high = move.ci
    on = f"{move.difference:+.3f} on {move.n:,} shared cases"
    return f"; {on}, 95 % {low:+.3f} to {high:+.3f}: {move.verdict}"
