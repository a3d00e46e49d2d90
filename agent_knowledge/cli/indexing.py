"""`index`: bring sources and example sets up to date."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from agent_knowledge.cli import completing, show
from agent_knowledge.cli.options import CONFIG, Agent, Config, Json
from agent_knowledge.cli.progress import telling
from agent_knowledge.cli.terminal import complain
from agent_knowledge.errors import AgentKnowledgeError, InputError, StoreLockedError, shown

if TYPE_CHECKING:
    from agent_knowledge.build.indexing import IndexSummary

_PORT = re.compile(r"^[^:]*:\d*$|\]:\d*$")
_LOCKED_S = 5.0
"""Until a store that another process is writing is tried again: a limit."""


def index(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Sources to index; default: all.", autocompletion=completing.sources),
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
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on, and index again what changes; ends by Ctrl-C.")
    ] = False,
    every: Annotated[
        float,
        typer.Option("--every", min=1, help="With --watch: seconds between looks at the web."),
    ] = 300,
    allow_private: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-private",
            metavar="HOST",
            help="A web host that may be in this network; can be given several times.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Index what changed in the sources, and embed the example sets.

    A document that cannot be read is named with the reason and stops no other; exit status 1 with
    --strict. A source or a set that cannot be read is named too: exit status 2, the rest is done.
    """
    from agent_knowledge.build.indexing import index_sources, remove_sources
    from agent_knowledge.build.watching import watched

    _require_hosts(allow_private or ())
    if remove:
        removed = remove_sources(config, remove)
        show.output({"removed": removed}, Text(_removed(removed)), as_json=as_json)
        return

    def run(chosen: Sequence[str], *, rebuild: bool = False) -> IndexSummary:
        with telling(silent=as_json) as progress:
            summary = index_sources(
                config,
                chosen,
                agent=agent,
                rebuild=rebuild,
                progress=progress,
                allow_private=allow_private or (),
            )
        row = summary_row(summary)
        show.output(row, Text(_sentences(row)), as_json=as_json)
        for why in (*summary.errors.values(), *summary.set_errors.values()):
            complain(f"error: {why}")
        return summary

    changes = watched(config, names or (), every_s=every) if watch else None
    if changes:
        next(changes)  # from here on nothing is missed, whatever changes while the first run lasts
    summary = run(names or (), rebuild=rebuild)
    for due in changes or ():
        _again(run, due)
    if summary.errors or summary.set_errors:
        raise typer.Exit(2)
    if strict and not summary.complete:
        raise typer.Exit(1)


def _require_hosts(allowed: Sequence[str]) -> None:
    """Refuse what would allow nothing.

    Raises:
        InputError: It is an address or has a port; a host is allowed at whatever port.
    """
    for host in allowed:
        if "/" in host or _PORT.search(host):
            msg = (
                f"--allow-private: {shown(host)} is more than a host; give its name or address"
                " alone, as 'wiki.internal': it is then allowed at every port"
            )
            raise InputError(msg)


def _again(run: Callable[[Sequence[str]], object], due: Sequence[str]) -> None:
    """Index what changed; what is wrong is told, and stops nothing."""
    while True:
        try:
            run(due)
        except StoreLockedError as error:
            complain(f"error: {error}; trying again in {_LOCKED_S:.0f} s")
            time.sleep(_LOCKED_S)
            continue
        except AgentKnowledgeError as error:
            complain(f"error: {error}")
        return


def _removed(removed: Mapping[str, int]) -> str:
    return "\n".join(f"{name}: {count} documents dropped" for name, count in removed.items())


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
