"""`init` and `demo`: a sample to start from, and six tasks routed and answered on it, offline."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from agent_knowledge.cli import show
from agent_knowledge.cli.sampling import sample_endpoint
from agent_knowledge.cli.terminal import echo_lines
from agent_knowledge.config import KnowledgeConfig
from agent_knowledge.config.editor import SCHEMA_FILE, schema_text
from agent_knowledge.demo.sample import open_sample
from agent_knowledge.errors import InputError
from agent_knowledge.types import Task

if TYPE_CHECKING:
    from agent_knowledge.answerer import Answerer


_FILES = {
    "starter.yaml": "agent-knowledge.yaml",
    "handbook/refunds-and-returns.md": "docs/refunds.md",
    "handbook/shipping.md": "docs/shipping.md",
    "handbook/warranty.md": "docs/warranty.md",
    "triage.jsonl": "examples/triage.jsonl",
    "prompts/support.md": "prompts/support.md",
}
"""From the packaged sample to the new folder."""


def demo() -> None:
    """Route and answer six tasks of a fictional shop, and show why each went where it went."""
    from agent_knowledge.build.indexing import index_sources

    show.echo(
        Text(
            "Lumen & Pine is a fiction; its handbook, FAQ and triage examples are packaged.",
            style="dim",
        )
    )
    with open_sample() as config:
        reports = index_sources(config).reports
        counts = ", ".join(f"{report.source} {report.passages}" for report in reports)
        show.echo(Text(f"Indexed with {config.embedding}: passages of {counts}.\n", style="dim"))
        with sample_endpoint(config):
            _run(config)


def _run(config: KnowledgeConfig) -> None:
    from agent_knowledge.answerer import load_answerer

    answerers: dict[str, Answerer] = {}
    lines = (config.folder / "tasks.jsonl").read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        row = json.loads(line)
        agent = row.get("agent", "support")
        if agent not in answerers:
            answerers[agent] = load_answerer(config, agent)
        answer = answerers[agent].answer(Task(row["task"]))
        show.echo(Text(f"{number}. {row['task']}", style="bold"))
        show.echo(show.decision(answer.decision))
        show.echo(Text("  answer").append(f" ({answer.model})", style="dim"))
        for part in show.answer(answer).split("\n"):
            show.echo(Text("    ").append_text(part))
        show.echo()


def init(
    folder: Annotated[Path, typer.Argument(help="Where to write; default: here.")] = Path(),
) -> None:
    """Write a commented agent-knowledge.yaml and a tiny sample that works at once."""
    names = (*_FILES.values(), SCHEMA_FILE)
    present = [str(folder / name) for name in names if (folder / name).exists()]
    if present:
        msg = f"{', '.join(present)} would be overwritten; give another folder, or move it away"
        raise InputError(msg)
    sample = resources.files("agent_knowledge.demo")
    try:
        for packaged, name in _FILES.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(
                sample.joinpath(packaged).read_text(encoding="utf-8"), encoding="utf-8"
            )
        (folder / SCHEMA_FILE).write_text(schema_text(), encoding="utf-8")
    except OSError as error:
        msg = f"cannot write in {str(folder)!r} ({error.strerror}); give another folder"
        raise InputError(msg) from error
    for name in names:
        echo_lines(f"wrote {folder / name}")
    echo_lines(
        "next: agent-knowledge index, then: agent-knowledge ask 'How long is the return window?'"
    )
