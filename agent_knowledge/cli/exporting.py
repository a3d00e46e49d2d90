"""`export`: training data for a fine-tune elsewhere, with a card that says what it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from agent_knowledge.cli import completing, show
from agent_knowledge.cli.filters import scope_of
from agent_knowledge.cli.options import CONFIG, Agent, Config, Json, Tenant
from agent_knowledge.cli.progress import waiting

if TYPE_CHECKING:
    from agent_knowledge.screening.redacting import Detector
    from agent_knowledge.trials.data_card import Card


def export(
    *,
    example_set: Annotated[
        str,
        typer.Option(
            "--set", "-s", help="The example set.", autocompletion=completing.example_sets
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write, empty or new.")],
    config: Config = CONFIG,
    agent: Agent = None,
    tenant: Tenant = None,
    form: Annotated[str, typer.Option("--format", help="chat-jsonl.")] = "chat-jsonl",
    cases: Annotated[
        str | None,
        typer.Option("--cases", help="Leave out what restates one of these cases of `evaluate`."),
    ] = None,
    validation: Annotated[
        float, typer.Option("--validation", help="Share of the rows to validate on.")
    ] = 0.1,
    seed: Annotated[int, typer.Option("--seed", help="Of the chance that chooses them.")] = 0,
    max_tokens: Annotated[
        int, typer.Option("--max-tokens", min=1, help="Name rows that are longer.")
    ] = 1024,
    redact: Annotated[
        bool, typer.Option("--redact", help="Replace personal data and secrets by their kinds.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Write into a folder that holds something.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write an example set as training data: train.jsonl, validation.jsonl and a data card.

    A row is what a fine-tuned endpoint would be sent for an input, and the output. Repeated and
    contradicting rows are left out; near-duplicates are kept on one side of the split. A set of
    fewer than 200 examples is refused.
    """
    from agent_knowledge.trials.export import Options, make_export, to_row, write_export

    options = Options(
        format=form,
        validation=validation,
        seed=seed,
        max_tokens=max_tokens,
        redact=redact,
        tenant=scope_of(None, tenant).tenant,
    )
    read = _tasks(cases) if cases else ()
    with waiting("comparing the rows"):
        made = make_export(
            config, example_set, agent, options=options, detector=_detector(), cases=read
        )
    write_export(made, out, force=force)
    show.output({"folder": str(out), **to_row(made.card)}, _told(made.card, out), as_json=as_json)


def _tasks(source: str) -> list[str]:
    from agent_knowledge.trials.cases import read_cases

    return [case.task.text for case in read_cases(source).cases]


def _detector() -> Detector | None:
    """Who looks for personal data; None where the extra is not installed."""
    try:
        from agent_knowledge.screening.personal import PersonalData
    except ImportError:
        return None
    return PersonalData()


def _told(card: Card, folder: Path) -> Text:
    split = card.split
    text = Text().append(f"{card.set}: {split.train:,} rows to train on", style="bold")
    text.append(f", {split.validation:,} to validate on, of {card.rows:,}\n")
    for line in card.warnings:
        text.append(f"  {line}\n", style="yellow")
    return text.append(f"written to {folder}; read {folder / 'card.md'} first", style="green")
