"""What `evaluate` found, as JSON and as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from agent_knowledge.cli import show
from agent_knowledge.cli.terminal import echo_table
from agent_knowledge.errors import as_written
from agent_knowledge.ledger import MIN_CASES, OpenGate, PromptResult, RungComparison, RungResult
from agent_knowledge.trials.forecast import Forecast
from agent_knowledge.trials.pages import TrialResult
from agent_knowledge.trials.recommend import served_line
from agent_knowledge.trials.slicing import mistaken
from agent_knowledge.trials.tune_k import TunedK, Variant

_MISTAKES = 3
"""Mistaken labels of a rung that are shown; the JSON has all of them: a limit."""


def row(measured: TrialResult, ledger: Path | None, report: Path) -> dict[str, Any]:
    """A trial as JSON."""
    trial = measured.trial
    return {
        "id": trial.id,
        "agent": trial.agent,
        "set": trial.example_set,
        "metric": trial.metric,
        "cases": trial.n,
        "target": trial.target,
        "rungs": [_rung_row(result) for result in trial.rungs],
        "comparisons": [
            {**asdict(found), "cases_needed": measured.needed.get((found.rung, found.against))}
            for found in trial.comparisons
        ],
        "repeats": trial.repeats,
        "prompts": [
            {
                "prompt": tried.prompt,
                "difference": tried.difference,
                "ci": list(tried.ci),
                **_rung_row(tried.result),
            }
            for tried in trial.prompts
        ],
        "recommended": trial.recommended,
        "why": trial.why,
        "excluded": dict(trial.excluded),
        "open_gate": _gate_row(trial.open_gate),
        "notes": list(measured.notes),
        "ledger": as_written(str(ledger)) if ledger else None,
        "report": as_written(str(report)),
    }


def tell(measured: TrialResult, ledger: Path | None, report: Path) -> None:
    """Print a trial for a person."""
    trial = measured.trial
    of = f" of {trial.example_set}" if trial.example_set else ""
    show.echo(Text(f"{trial.agent}: {trial.n} cases{of}, {trial.metric}", style="bold"))
    table = _table("rung", "score", "95 %", "p50 ms", "p95 ms", "tokens in", "out", "$/1,000")
    table.add_column("failed", justify="right")
    table.add_column("model", overflow="fold")
    for result in trial.rungs:
        style = "bold green" if result.rung == trial.recommended else ""
        table.add_row(Text(result.rung, style=style), *_figures(result))
    for tried in trial.prompts:
        table.add_row(Text(f"prompt {tried.prompt}"), *_figures(tried.result))
    echo_table(table)
    text = Text()
    for result in trial.rungs:
        told = ", ".join(f"{name} {value:.3f}" for name, value in result.metrics.items())
        text.append(f"{result.rung}: {told}\n", style="dim")
        text.append("".join(f"{line}\n" for line in _parts(result)), style="dim")
    for tried in trial.prompts:
        text.append(f"{_prompted(tried)}\n")
    for found in trial.comparisons:
        text.append(f"{_compared(found, measured.needed.get((found.rung, found.against)))}\n")
    if trial.open_gate:
        text.append(f"{served_line(trial.open_gate)}\n")
    text.append("recommended: ", style="bold")
    text.append(f"{trial.recommended or 'none'}\n", style="bold green")
    text.append(f"  {trial.why}\n")
    text.append("".join(f"note: {note}\n" for note in measured.notes), style="yellow")
    where = as_written(f"ledger: {ledger or 'not on record'}\nreport: {report}")
    text.append(where, style="dim")
    show.echo(text)


def _figures(result: RungResult) -> list[str]:
    """The cells of a rung, after its name."""
    low, high = result.ci
    return [
        f"{result.score:.3f}",
        f"{low:.3f} to {high:.3f}",
        f"{result.latency_p50_ms:,.0f}",
        f"{result.latency_p95_ms:,.0f}",
        f"{result.tokens_in:,.0f}",
        f"{result.tokens_out:,.0f}",
        _usd(result.cost_usd_per_1k),
        str(result.errors) + f" + {result.unusable} unusable" * bool(result.unusable),
        result.model,
    ]


def _parts(result: RungResult) -> list[str]:
    """A rung's figures by tag, and what it mistakes most."""
    slices = ", ".join(f"{tag} {score:.3f} ({n})" for tag, (n, score) in result.slices.items())
    lines = [f"  by tag: {slices}"] if slices else []
    return lines + [f"  {line}" for line in mistaken(result.confusion, _MISTAKES)]


def _prompted(tried: PromptResult) -> str:
    told = f"{tried.prompt} against the configured prompt: {tried.difference:+.3f}"
    return (
        f"{told}, 95 % {tried.ci[0]:+.3f} to {tried.ci[1]:+.3f}: {_says(tried.ci, tried.n, None)}"
    )


def forecast_row(rows: Sequence[Forecast]) -> dict[str, Any]:
    """A dry run as JSON."""
    return {
        "dry_run": True,
        "rungs": [
            {
                "rung": made.rung,
                "model": made.model,
                "calls": made.calls,
                "kept": made.kept,
                "tokens": {"in": made.tokens_in, "out": made.tokens_out},
                "cost_usd": made.cost_usd,
            }
            for made in rows
        ],
        "calls": sum(made.calls for made in rows),
        "cost_usd": _total(rows),
        "unpriced": list(_unpriced(rows)),
    }


def tell_forecast(rows: Sequence[Forecast]) -> None:
    """Print a dry run for a person."""
    table = _table("rung", "calls", "kept", "tokens in", "tokens out", "$")
    table.add_column("model", overflow="fold")
    for made in rows:
        table.add_row(
            made.rung,
            f"{made.calls:,}",
            f"{made.kept:,}",
            f"{made.tokens_in:,}",
            f"{made.tokens_out:,}",
            _usd(made.cost_usd),
            made.model,
        )
    echo_table(table)
    total = _total(rows)
    text = Text("nothing was called; tokens are estimates")
    if total is not None:
        text.append(f"; together ${total:,.4f}")
    for name in _unpriced(rows):
        text.append(f"\nno price for {name}: add prices: {{{name}: {{input, output}}}}")
    show.echo(text)


def tuned_row(tuned: TunedK, agent: str) -> dict[str, Any]:
    """A tuning of examples as JSON."""
    chosen = tuned.chosen
    return {
        "agent": agent,
        "set": tuned.example_set,
        "metric": tuned.metric,
        "cases": tuned.n,
        "variants": [_variant_row(variant) for variant in tuned.variants],
        "best": asdict(tuned.best.way),
        "chosen": asdict(chosen.way) if chosen else None,
        "why": tuned.why,
        "yaml": tuned.yaml,
    }


def _variant_row(variant: Variant) -> dict[str, Any]:
    row = variant.result
    return {
        **asdict(variant.way),
        "score": row.score,
        "ci": row.ci,
        "lag": variant.lag,
        "behind": variant.behind,
        "tokens_in": row.tokens_in,
        "cost_usd_per_1k": row.cost_usd_per_1k,
        "errors": row.errors,
        "worse": variant.worse,
    }


def tell_tuned(tuned: TunedK) -> None:
    """Print a tuning of examples for a person."""
    heading = f"{tuned.example_set}: {tuned.n} cases, {tuned.metric}"
    show.echo(Text(heading, style="bold"))
    table = _table(
        "k", "order", "selection", "score", "95 %", "behind the best", "tokens in", "$/1,000"
    )
    table.add_column("failed", justify="right")
    for variant in tuned.variants:
        (low, high), (less, more) = variant.result.ci, variant.behind
        table.add_row(
            Text(str(variant.way.k), style="bold green" if variant is tuned.chosen else ""),
            variant.way.order,
            variant.way.selection,
            f"{variant.result.score:.3f}",
            f"{low:.3f} to {high:.3f}",
            "best" if variant is tuned.best else f"{less:+.3f} to {more:+.3f}",
            f"{variant.result.tokens_in:,.0f}",
            _usd(variant.result.cost_usd_per_1k),
            str(variant.result.errors),
        )
    echo_table(table)
    text = Text(f"{tuned.why}.")
    if tuned.yaml:
        text.append(f"\n\n{tuned.yaml}", style="cyan")
    show.echo(text)


def _rung_row(result: RungResult) -> dict[str, Any]:
    return {
        "rung": result.rung,
        "model": result.model,
        "n": result.n,
        "score": result.score,
        "ci": list(result.ci),
        "latency_ms": {"p50": result.latency_p50_ms, "p95": result.latency_p95_ms},
        "tokens": {"in": result.tokens_in, "out": result.tokens_out}
        | ({"cached": result.tokens_cached} if result.tokens_cached else {}),
        "cost_usd_per_1k": result.cost_usd_per_1k,
        "errors": result.errors,
        "unusable": result.unusable,
        "metrics": dict(result.metrics),
        "slices": {tag: {"n": n, "score": score} for tag, (n, score) in result.slices.items()},
        "confusion": {wanted: dict(said) for wanted, said in result.confusion.items()},
    }


def _gate_row(gate: OpenGate | None) -> dict[str, Any] | None:
    return {**asdict(gate), "cases": gate.n, "share": gate.share} if gate else None


def _compared(found: RungComparison, needed: int | None) -> str:
    """A comparison in words; no winner where it shows none."""
    low, high = found.ci
    told = f"{found.rung} against {found.against}: {found.difference:+.3f}"
    return f"{told}, 95 % {low:+.3f} to {high:+.3f}: {_says(found.ci, found.n, needed)}"


def _says(ci: tuple[float, float], n: int, needed: int | None) -> str:
    """What an interval of a difference says."""
    if n < MIN_CASES:
        return f"too few cases to tell ({n} of at least {MIN_CASES}{_wanted(needed)})"
    if ci[0] > 0:
        return "better"
    return "worse" if ci[1] < 0 else f"no winner{_wanted(needed)}"


def _wanted(needed: int | None) -> str:
    if needed is None or needed <= MIN_CASES:
        return ""
    return f"; about {needed:,} cases would tell"


def _table(first: str, *numbers: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(first, no_wrap=True)
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _usd(value: float | None) -> str:
    return "no price" if value is None else f"{value:,.4f}"


def _unpriced(rows: Sequence[Forecast]) -> dict[str, None]:
    return dict.fromkeys(made.model for made in rows if made.cost_usd is None)


def _total(rows: Sequence[Forecast]) -> float | None:
    costs = [made.cost_usd for made in rows if made.cost_usd is not None]
    return sum(costs) if len(costs) == len(rows) else None
