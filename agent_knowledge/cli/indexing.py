"""`index`: bring sources and example sets up to date."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from agent_knowledge.cli.options import CONFIG, Agent, Config, Json
from agent_knowledge.errors import SourceError

if TYPE_CHECKING:
    from agent_knowledge.indexing import IndexSummary
    from agent_knowledge.indexing import Progress as Told


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
    as_json: Json = False,
) -> None:
    """Index what changed in the sources, and embed the example sets."""
    from agent_knowledge.indexing import index_sources, remove_sources

    if remove:
        removed = remove_sources(config, remove)
        typer.echo(json.dumps({"removed": removed}))
        return
    on_terminal = sys.stdout.isatty() and not as_json
    with _bars(shown=on_terminal) as told:
        summary = index_sources(config, names or (), agent=agent, rebuild=rebuild, progress=told)
    row = summary_row(summary)
    typer.echo(_sentences(row) if on_terminal else json.dumps(row))
    if summary.errors:
        msg = "; ".join(summary.errors.values())
        raise SourceError(msg)


def summary_row(summary: IndexSummary) -> dict[str, Any]:
    """A run as JSON."""
    sources: list[dict[str, Any]] = []
    for report in summary.reports:
        failed = [{"document": where, "reason": why} for where, why in report.failed]
        elapsed_s = round(report.elapsed_s, 3)
        sources.append(asdict(report) | {"failed": failed, "elapsed_s": elapsed_s})
    sources += [{"source": name, "error": why} for name, why in summary.errors.items()]
    examples = [{"set": name, "examples": count} for name, count in summary.examples.items()]
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
    lines += [f"{made['set']}: {made['examples']} examples" for made in row["examples"]]
    return "\n".join(lines) or "nothing to index"


@contextmanager
def _bars(*, shown: bool) -> Generator[Told]:
    """A progress bar per source on standard error, or none at all."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    on_error = Console(stderr=True)
    with Progress(*columns, TimeRemainingColumn(), console=on_error, disable=not shown) as bars:
        tasks: dict[str, Any] = {}

        def told(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total)
            bars.update(tasks[name], completed=done, total=total)

        yield told
