"""`index`: bring sources and example sets up to date."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from agent_knowledge.cli.options import CONFIG, Config, Json
from agent_knowledge.config import KnowledgeConfig
from agent_knowledge.errors import ConfigError, SourceError, nearest

if TYPE_CHECKING:
    from agent_knowledge.sources.indexing import IndexReport


def index(
    names: Annotated[
        list[str] | None, typer.Argument(help="Sources to index; default: all.")
    ] = None,
    *,
    config: Config = CONFIG,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Start anew, as after a change of embedding.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Index what changed in the sources, and embed the example sets."""
    loaded = KnowledgeConfig.from_yaml(config)
    on_terminal = sys.stdout.isatty() and not as_json
    summary = index_all(loaded, names, rebuild=rebuild, bar=on_terminal)
    if on_terminal:
        for row in summary["sources"]:
            typer.echo(_sentence(row))
        for row in summary["examples"]:
            typer.echo(f"{row['set']}: {row['examples']} examples")
    else:
        typer.echo(json.dumps(summary))
    unusable = [row["source"] for row in summary["sources"] if row["error"]]
    if unusable:
        msg = f"{', '.join(unusable)} could not be indexed; what was indexed before is kept"
        raise SourceError(msg)


def index_all(
    config: KnowledgeConfig, names: list[str] | None, *, rebuild: bool = False, bar: bool = False
) -> dict[str, Any]:
    """Index sources and embed example sets; a source that cannot be read does not stop the rest.

    Args:
        config: The configuration.
        names: Sources to index; none for all of them, and the example sets.
        rebuild: Start anew.
        bar: Show progress on standard error.

    Raises:
        ConfigError: A name is unknown or external, or an index was built with another embedding.
        StoreLockedError: Another process is writing the store.
    """
    from agent_knowledge.assembly import load_embedder, load_example_sets

    paths = _paths(config, names)
    embedder = load_embedder(config)
    reports: list[dict[str, Any]] = []
    if paths:
        from agent_knowledge.sources.indexing import Indexer

        with Indexer(config.store_path, embedder) as indexer, _Bars(shown=bar) as started:
            for name, path in paths.items():
                try:
                    report = indexer.index(name, path, rebuild=rebuild, progress=started(name))
                    reports.append(_row(report))
                except SourceError as error:
                    reports.append({"source": name, "error": str(error)})
    sets = () if names else tuple(config.examples)
    embedded = load_example_sets(config, sets, embedder)
    examples = [{"set": name, "examples": len(made.examples)} for name, made in embedded.items()]
    return {"sources": reports, "examples": examples}


def _paths(config: KnowledgeConfig, names: list[str] | None) -> dict[str, Path]:
    """The path of each source to index, by name."""
    indexed = {name: spec.path for name, spec in config.sources.items() if spec.path}
    for name in names or ():
        if name not in indexed:
            what = "external, so it has no index" if name in config.sources else "unknown"
            msg = f"source {name!r} is {what}; {nearest(name, indexed)}"
            raise ConfigError(msg)
    chosen = names or list(indexed)
    return {name: config.resolve(indexed[name], f"sources.{name}.path") for name in chosen}


def _row(report: IndexReport) -> dict[str, Any]:
    row = asdict(report)
    row["failed"] = [{"document": where, "reason": why} for where, why in report.failed]
    row["elapsed_s"] = round(report.elapsed_s, 3)
    return {**row, "error": None}


def _sentence(row: dict[str, Any]) -> str:
    if row["error"]:
        return f"{row['source']}: {row['error']}"
    counts = ", ".join(f"{row[k]} {k}" for k in ("added", "updated", "unchanged", "deleted"))
    lines = [f"{row['source']}: {counts}; {row['passages']} passages ({row['elapsed_s']:.1f} s)"]
    lines += [f"  failed: {fault['document']}: {fault['reason']}" for fault in row["failed"]]
    return "\n".join(lines)


class _Bars:
    """A progress bar per source on standard error, or none at all."""

    def __init__(self, *, shown: bool) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        self._bars = Progress(
            *columns, TimeRemainingColumn(), console=Console(stderr=True), disable=not shown
        )

    def __enter__(self) -> Callable[[str], Callable[[int, int], None]]:
        self._bars.start()
        return self._start

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def _start(self, name: str) -> Callable[[int, int], None]:
        bar = self._bars.add_task(name, total=None)
        return lambda done, total: self._bars.update(bar, completed=done, total=total)
