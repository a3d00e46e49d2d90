"""`evaluate`: the guide's ladder, measured rung by rung on a team's own cases."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent_knowledge.cli import completing
from agent_knowledge.cli.filters import scope_of
from agent_knowledge.cli.options import CONFIG, Agent, Config, Json, Tenant
from agent_knowledge.cli.progress import counting
from agent_knowledge.cli.terminal import complain
from agent_knowledge.errors import InputError

if TYPE_CHECKING:
    from agent_knowledge.trials.cases import CaseSet
    from agent_knowledge.trials.pool import Watch
    from agent_knowledge.trials.setup import Setup, TrialSettings


def evaluate(
    *,
    cases: Annotated[str, typer.Option("--cases", help="JSON lines; - for standard input.")],
    config: Config = CONFIG,
    agent: Agent = None,
    tenant: Tenant = None,
    example_set: Annotated[
        str | None,
        typer.Option(
            "--set",
            help="The example set that the cases are instances of.",
            autocompletion=completing.example_sets,
        ),
    ] = None,
    rungs: Annotated[
        str | None, typer.Option("--rungs", help="Only these, as prompt,few_shot.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="Any init_chat_model string; the endpoint stays."),
    ] = None,
    metric: Annotated[
        str,
        typer.Option(
            "--metric",
            help="auto, exact, normalised, token_f1, json_schema, regex, macro_f1, citations,"
            " judge, or a function of yours: module:function.",
        ),
    ] = "auto",
    judge: Annotated[
        str | None, typer.Option("--judge", help="A model that judges answers, as openai:NAME.")
    ] = None,
    target: Annotated[
        float | None, typer.Option("--target", help="Score to reach; exit status 1 if none does.")
    ] = None,
    prompts: Annotated[
        list[Path] | None,
        typer.Option(
            "--prompt", help="Another system prompt to measure; can be given several times."
        ),
    ] = None,
    repeats: Annotated[
        int, typer.Option("--repeats", min=1, help="Ask each case so often; its score is the mean.")
    ] = 1,
    concurrency: Annotated[int, typer.Option("--concurrency", help="Calls at once.")] = 4,
    per_minute: Annotated[
        float | None, typer.Option("--rpm", help="Calls a minute at most.")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Ask again what was answered before.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would cost; call nothing.")
    ] = False,
    tune: Annotated[
        bool, typer.Option("--tune-k", help="Try how many examples to show, and their order.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option("--report", help="Where the HTML report goes.")
    ] = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", help="Where the cases go as JUnit's XML.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Where the cases go as a table.")
    ] = None,
    ledger: Annotated[
        bool, typer.Option("--ledger/--no-ledger", help="Whether the trial goes on record.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Measure an agent's rungs on your own cases: prompt, examples, retrieval, fine-tuned.

    A case is {"task", "expected"} with "history", "relevant", "tags" and "id" where they matter, or
    {"input", "output"} as in an example set; "expected" may be a list of which any is right.
    Answers are kept in the store, so that none is paid for twice.
    """
    from agent_knowledge.trials.cases import read_cases
    from agent_knowledge.trials.setup import TrialSettings

    settings = TrialSettings(
        example_set=example_set,
        rungs=tuple(name.strip() for name in rungs.split(",") if name.strip()) if rungs else (),
        metric=metric,
        target=target,
        model=model,
        judge=judge,
        concurrency=concurrency,
        per_minute=per_minute,
        fresh=fresh,
        tenant=scope_of(None, tenant).tenant,
        repeats=repeats,
        prompts=tuple(prompts or ()),
    )
    outputs = _Outputs(report=report, junit=junit, csv=csv)
    if tune and (prompts or repeats > 1 or outputs != _Outputs()):
        msg = "--tune-k measures examples alone; leave --prompt, --repeats and the files out"
        raise InputError(msg)
    read = read_cases(cases)
    if dry_run:
        _price(config, read, agent, settings, as_json=as_json)
        return
    setup = _set_up(config, read, agent, settings, tune=tune)
    if tune:
        _tune(setup, as_json=as_json)
        return
    _measure(setup, outputs, ledger=ledger, as_json=as_json)


def _set_up(
    config: Path, read: CaseSet, agent: str | None, settings: TrialSettings, *, tune: bool
) -> Setup:
    from agent_knowledge.trials.setup import set_up

    return set_up(config, read, agent, replace(settings, rungs=("prompt",)) if tune else settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outputs:
    """Where a trial's cases go, beside the terminal."""

    report: Path | None = None
    junit: Path | None = None
    csv: Path | None = None


def _measure(setup: Setup, outputs: _Outputs, *, ledger: bool, as_json: bool) -> None:
    from agent_knowledge.cli import evaluated
    from agent_knowledge.trials.evaluate import REPORTS, measure, put_on_record
    from agent_knowledge.trials.outputs import junit, to_csv
    from agent_knowledge.trials.pages import save, write_report

    with _progress("asking") as watch:
        measured = measure(setup, watch)
    kept = put_on_record(setup, measured) if ledger else None
    trial = measured.trial
    page = outputs.report or setup.config.store_path / REPORTS / f"{trial.id}.html"
    write_report(measured, page)
    for file, form in ((outputs.junit, junit), (outputs.csv, to_csv)):
        if file is not None:
            save(form(measured), file)
    if as_json:
        typer.echo(json.dumps(evaluated.row(measured, kept, page)))
    else:
        evaluated.tell(measured, kept, page)
    if not measured.met:
        raise typer.Exit(1)


def _price(
    config: Path, read: CaseSet, agent: str | None, settings: TrialSettings, *, as_json: bool
) -> None:
    from agent_knowledge.cli import evaluated
    from agent_knowledge.trials.forecast import forecast

    with _progress("preparing") as watch:
        rows = forecast(config, read, agent, settings, watch)
    if as_json:
        typer.echo(json.dumps(evaluated.forecast_row(rows)))
    else:
        evaluated.tell_forecast(rows)


def _tune(setup: Setup, *, as_json: bool) -> None:
    from agent_knowledge.cli import evaluated
    from agent_knowledge.trials.tune_k import tune_k

    with _progress("asking") as watch:
        tuned = tune_k(setup, watch)
    if as_json:
        typer.echo(json.dumps(evaluated.tuned_row(tuned, setup.agent.name)))
    else:
        evaluated.tell_tuned(tuned)


@contextmanager
def _progress(what: str) -> Generator[Watch]:
    """Tell how far the cases are; and what Ctrl-C leaves behind."""
    from agent_knowledge.trials.pool import Interrupted, Watch

    class Counted(Watch):
        def done(self, done: int, total: int) -> None:
            count(done, total)

        def closing(self) -> None:
            complain("finishing the calls under way; Ctrl-C again leaves them")

    try:
        with counting(what, "answers") as count:
            yield Counted()
    except Interrupted as stopped:
        kept = f"interrupted: {stopped.done} of {stopped.total} are done and kept"
        complain(f"{kept}; the same command goes on from there")
        raise typer.Exit(130) from None
