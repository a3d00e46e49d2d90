"""`advise`: whether to fine-tune, by the guide, with what it costs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.text import Text

from agent_knowledge.cli import show
from agent_knowledge.cli.filters import scope_of
from agent_knowledge.cli.options import CONFIG, Agent, Config, Json, Tenant
from agent_knowledge.cli.progress import waiting
from agent_knowledge.cli.terminal import complain
from agent_knowledge.errors import InputError

if TYPE_CHECKING:
    from agent_knowledge.trials.advice import Advice, Costs
    from agent_knowledge.trials.costs import Money
    from agent_knowledge.trials.ground import Ground

ExampleSet = Annotated[
    str | None, typer.Option("--set", "-s", help="The example set; default: the endpoint's.")
]
Volume = Annotated[float | None, typer.Option("--volume", min=0, help="Tasks a month.")]
RunsPerYear = Annotated[
    float | None,
    typer.Option("--runs-per-year", min=0, help="Training runs; default: one, and one per change."),
]
UsdPerRun = Annotated[
    float | None,
    typer.Option("--usd-per-run", min=0, help="A training run; default: the guide's range."),
]
HostingUsd = Annotated[
    float | None, typer.Option("--hosting-usd", min=0, help="The host, a month.")
]
TunedModel = Annotated[
    str | None,
    typer.Option("--tuned-model", help="Whose entry under prices the fine-tuned model has."),
]
ChangesPerYear = Annotated[
    float | None, typer.Option("--changes-per-year", min=0, help="How often the examples change.")
]
TrainingExamples = Annotated[
    int | None, typer.Option("--training-examples", min=0, help="Examples to train on.")
]
CaseReason = Annotated[
    Literal["style", "domain_language", "pattern", "latency"] | None,
    typer.Option("--reason", help="What the fine-tuned model would be for."),
]
Facts = Annotated[
    bool | None, typer.Option("--facts/--no-facts", help="Whether tasks need facts from outside.")
]
Expertise = Annotated[
    bool | None,
    typer.Option("--expertise/--no-expertise", help="Whether somebody can train a model."),
]
Chart = Annotated[
    Path | None, typer.Option("--chart", help="Write the advice with a chart: an HTML file.")
]

_STYLES = {"dont": "bold red", "try_first": "bold yellow", "unknown": "bold yellow"}
_STANDS = {"for": "green", "against": "red", "neutral": "dim", "unknown": "yellow"}


def advise(
    *,
    config: Config = CONFIG,
    agent: Agent = None,
    tenant: Tenant = None,
    example_set: ExampleSet = None,
    volume: Volume = None,
    runs_per_year: RunsPerYear = None,
    usd_per_run: UsdPerRun = None,
    hosting_usd: HostingUsd = None,
    tuned_model: TunedModel = None,
    changes_per_year: ChangesPerYear = None,
    training_examples: TrainingExamples = None,
    reason: CaseReason = None,
    facts: Facts = None,
    expertise: Expertise = None,
    chart: Chart = None,
    as_json: Json = False,
) -> None:
    """Say whether fine-tuning an agent would pay, by the guide's rules and what is on record.

    What nobody knows is asked on a terminal, and named otherwise; it is never guessed.
    """
    from agent_knowledge.config import KnowledgeConfig, label
    from agent_knowledge.trials.advice import Costs
    from agent_knowledge.trials.advice import advise as judge
    from agent_knowledge.trials.costs import prices_of
    from agent_knowledge.trials.ground import Told, load_ground
    from agent_knowledge.trials.pages import write_advice

    if chart is not None and chart.suffix.lower() not in {".html", ".htm"}:
        msg = f"--chart: {str(chart)!r} is no HTML file; give a name that ends in .html"
        raise InputError(msg)
    loaded = KnowledgeConfig.from_yaml(config)
    told = Told(
        changes_per_year=changes_per_year,
        facts=facts,
        reason=reason,
        expertise=expertise,
        training_examples=training_examples,
    )
    costs = Costs(
        prices=prices_of(loaded),
        model=label(loaded.models.default, "models.default"),
        tuned_model=tuned_model,
        usd_per_run=usd_per_run,
        runs_per_year=runs_per_year,
        hosting_usd_per_month=hosting_usd,
        volume_per_month=volume,
    )
    with waiting("looking at cases and examples"):
        ground = load_ground(loaded, agent, example_set, told, scope_of(None, tenant).tenant)
        advice = judge(ground, costs)
    if not as_json and sys.stdin.isatty() and sys.stdout.isatty():
        advice = judge(*asked(advice, ground, costs, _prompt))
    if chart is not None:
        write_advice(advice, chart)
    show.output(_row(advice, chart), _told(advice, chart), as_json=as_json)


def asked(
    advice: Advice, ground: Ground, costs: Costs, ask: Callable[[str], str]
) -> tuple[Ground, Costs]:
    """Ask a person for what is unknown and could change the advice; an empty answer leaves it so.

    Args:
        advice: As it stands.
        ground: What it was answered from.
        costs: What is known about money.
        ask: Puts a question and gives the answer.
    """
    if advice.verdict == "dont":
        return ground, costs
    told, money = dict[str, Any](), dict[str, Any]()
    unknown = {row.key: row.question for row in advice.findings if row.stand == "unknown"}
    for key, field, hint, read in _ASKED:
        if key in unknown:
            told[field] = _until_read(ask, unknown[key] + hint, read)
    if advice.money and "hosting" in advice.money.gaps:
        question = "What would its host cost, in $ a month?"
        money["hosting_usd_per_month"] = _until_read(ask, question, _number)
    if advice.money and costs.volume_per_month is None:
        money["volume_per_month"] = _until_read(ask, "How many tasks a month?", _number)
    return replace(ground, told=replace(ground.told, **told)), replace(costs, **money)


def _prompt(question: str) -> str:
    return typer.prompt(f"{question} (Enter: unknown)", default="", show_default=False)


def _until_read(ask: Callable[[str], str], question: str, read: Callable[[str], Any]) -> Any:
    """Ask until the answer can be read, or is empty: None then."""
    while given := ask(question).strip().lower():
        try:
            return read(given)
        except ValueError as error:
            complain(f"{given!r} is {error}")
    return None


def _number(given: str) -> float:
    with suppress(ValueError):
        if 0 <= (number := float(given.replace(",", ""))) < float("inf"):
            return number
    raise ValueError("no number of 0 or more")


def _yes(given: str) -> bool:
    if given not in _YES:
        raise ValueError("neither yes nor no")
    return _YES[given]


def _reason(given: str) -> str:
    if given not in _REASONS:
        raise ValueError(f"none of {', '.join(_REASONS)}")
    return given


_YES = {"yes": True, "y": True, "no": False, "n": False}
_REASONS = ("style", "pattern", "domain_language", "latency")
_ASKED: tuple[tuple[str, str, str, Callable[[str], Any]], ...] = (
    ("examples", "training_examples", "", lambda given: int(_number(given))),
    ("changes", "changes_per_year", " Times a year", _number),
    ("facts", "facts", " yes or no", _yes),
    ("case", "reason", f" {', '.join(_REASONS)}", _reason),
    ("expertise", "expertise", " yes or no", _yes),
)
"""What a person is asked: the question's key, the field of `Told`, a hint, how it is read."""


def _row(advice: Advice, chart: Path | None) -> dict[str, Any]:
    return {
        "agent": advice.agent,
        "set": advice.example_set,
        "verdict": advice.verdict,
        "headline": advice.headline,
        "why": [asdict(reason) for reason in advice.why],
        "instead": [asdict(reason) for reason in advice.instead],
        "command": advice.command,
        "answers": [asdict(finding) for finding in advice.findings],
        "money": _money_row(advice.money) if advice.money else None,
        "chart": str(chart) if chart else None,
    }


def _money_row(money: Money) -> dict[str, Any]:
    from agent_knowledge.trials.costs import GAPS

    load, terms, volume = money.load, money.terms, money.terms.volume_per_month
    return {
        "rung": load.rung,
        "origin": load.origin,
        "estimated": load.estimated,
        "tokens": {
            "below": {"in": load.below_in, "out": load.below_out},
            "fine_tuned": {"in": load.tuned_in, "out": load.tuned_out},
        },
        "usd_per_task": {
            "below": money.below_usd_per_task,
            "fine_tuned": money.tuned_usd_per_task,
            "saved": money.saved_usd_per_task,
        },
        "share_served": terms.share,
        "runs_per_year": terms.runs_per_year,
        "usd_per_run": list(terms.usd_per_run),
        "training_usd_per_month": list(money.training_usd_per_month),
        "hosting_usd_per_month": terms.hosting_usd_per_month,
        "break_even": money.outcome,
        "break_even_per_month": money.break_even_per_month,
        "lower_bound": money.lower_bound,
        "volume_per_month": volume,
        "usd_per_month": None
        if volume is None
        else {
            "below": money.below_usd_per_month(volume),
            "fine_tuned": list(money.tuned_usd_per_month(volume)),
        },
        "unknown": [{"what": GAPS[gap][0], "tell": GAPS[gap][1]} for gap in money.gaps],
    }


def _told(advice: Advice, chart: Path | None) -> Text:
    """The verdict, then every answer, then the money."""
    text = Text().append(advice.headline, style=_STYLES.get(advice.verdict, "bold green"))
    for reason in advice.why:
        _line(text, "because", reason.rule, reason.text)
    for reason in advice.instead:
        _line(text, "instead", reason.rule, reason.text)
    if advice.command:
        text.append("\n  measure   ", style="dim").append(advice.command, style="cyan")
    text.append("\n")
    for row in advice.findings:
        text.append(f"\n{row.question} ").append(row.answer, style=_STANDS[row.stand])
        _line(text, "", row.rule, row.text)
        if row.origin:
            text.append(f"\n  from      {row.origin}", style="dim")
        if row.tell:
            text.append(f"\n  tell it   {row.tell}", style="dim")
    if advice.money:
        text.append_text(_money(advice.money))
    if chart:
        text.append(f"\n\nwrote {chart}", style="dim")
    return text


def _line(text: Text, what: str, rule: str, said: str) -> None:
    text.append(f"\n  {what:<10}", style="dim")
    text.append(f"{rule}: ", style="cyan").append(said)


def _money(money: Money) -> Text:
    from agent_knowledge.trials.costs import GAPS, money_rows

    rows = money_rows(money)
    width = max(len(name) for name, _ in rows)
    text = Text().append("\n\nThe money", style="bold")
    for name, figure in rows:
        text.append(f"\n  {name:<{width}}  ", style="dim").append(figure)
    for gap in money.gaps:
        what, tell = GAPS[gap]
        text.append(f"\n  unknown: {what}; tell it: {tell}", style="yellow")
    return text
