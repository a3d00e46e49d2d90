"""`index`: bring sources and example sets up to date."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from agent_knowledge.cli.options import CONFIG, Agent, Config, Json
from agent_knowledge.cli.terminal import Terminal, complain, echo_lines

if TYPE_CHECKING:
    from agent_knowledge.build.indexing import IndexSummary
    from agent_knowledge.build.indexing import Progress as Told


def index(
    names: Annotated[
        list[str] | None, typer.Argument(help="Sources to index; default: all.")
    ] = None,
    *,
    config: Config = CONFIG,
    agent: Agent = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Start anew, as after a change of embedding.")
    ] = False,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", help="Drop this source's index instead.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit status 1 when any document failed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Index what changed in the sources, and embed the example sets.

    A document that cannot be read is named with the reason and stops no other; exit status 1 with
    --strict. A source or a set that cannot be read is named too: exit status 2, the rest is done.
    """
    from agent_knowledge.build.indexing import index_sources, remove_sources

    if remove:
        removed = remove_sources(config, remove)
        typer.echo(json.dumps({"removed": removed}))
        return
    on_terminal = sys.stdout.isatty() and not as_json
    with _bars(shown=on_terminal) as progress:
        summary = index_sources(
            config, names or (), agent=agent, rebuild=rebuild, progress=progress
        )
    row = summary_row(summary)
    if on_terminal:
        echo_lines(_sentences(row))
    else:
        typer.echo(json.dumps(row))
    for why in (*summary.errors.values(), *summary.set_errors.values()):
        complain(f"error: {why}")
    if summary.errors or summary.set_errors:
        raise typer.Exit(2)
    if strict and not summary.complete:
        raise typer.Exit(1)


def summary_row(summary: IndexSummary) -> dict[str, Any]:
    """A run as JSON."""
    sources: list[dict[str, Any]] = []
    for report in summary.reports:
        failed = [{"document": where, "reason": why} for where, why in report.failed]
        suspicious = [{"document": where, "found": finding} for where, finding in report.suspicious]
        elapsed_s = round(report.elapsed_s, 3)
        sources.append(
            asdict(report) | {"failed": failed, "suspicious": suspicious, "elapsed_s": elapsed_s}
        )
    sources += [{"source": name, "error": why} for name, why in summary.errors.items()]
    examples: list[dict[str, Any]] = [
        {"set": name, "examples": count, "suspicious": summary.suspicious.get(name, 0)}
        for name, count in summary.examples.items()
    ]
    examples += [{"set": name, "error": why} for name, why in summary.set_errors.items()]
    return {"sources": sources, "examples": examples}


def _sentences(row: dict[str, Any]) -> str:
    lines: list[str] = []
    for source in row["sources"]:
        if "error" in source:
            continue
        counts = ", ".join(f"{source[k]} {k}" for k in ("added", "updated", "unchanged", "deleted"))
        size = f"{source['passages']} passages, {source['elapsed_s']:.1f} s"
        lines.append(f"{source['source']}: {counts}; {size}")
        lines += [f"  failed: {f['document']}: {f['reason']}" for f in source["failed"]]
        lines += [f"  mended: {what}" for what in source["mended"]]
        lines += [f"  suspicious: {s['document']}: {s['found']}" for s in source["suspicious"]]
    for made in (made for made in row["examples"] if "error" not in made):
        lines.append(f"{made['set']}: {made['examples']} examples")
        if made["suspicious"]:
            lines.append(f"  suspicious: {made['suspicious']} of them speak to a model")
    return "\n".join(lines) or ("" if row["sources"] or row["examples"] else "nothing to index")


@contextmanager
def _bars(*, shown: bool) -> Generator[Told]:
    """A progress bar per source on standard error, or none at all."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    on_error = Terminal(stderr=True)
    with Progress(*columns, TimeRemainingColumn(), console=on_error, disable=not shown) as bars:
        tasks: dict[str, Any] = {}

        def advance(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total)
            bars.update(tasks[name], completed=done, total=total)

        yield advance
