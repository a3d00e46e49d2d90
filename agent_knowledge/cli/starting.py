"""`init`: a commented configuration and a tiny sample to start from."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from agent_knowledge.cli.terminal import echo_lines
from agent_knowledge.errors import InputError

_FILES = {
    "starter.yaml": "agent-knowledge.yaml",
    "handbook/refunds-and-returns.md": "docs/refunds.md",
    "handbook/shipping.md": "docs/shipping.md",
    "handbook/warranty.md": "docs/warranty.md",
    "triage.jsonl": "examples/triage.jsonl",
    "prompts/support.md": "prompts/support.md",
}
"""From the packaged sample to the new folder."""


def init(
    folder: Annotated[Path, typer.Argument(help="Where to write; default: here.")] = Path(),
) -> None:
    """Write a commented agent-knowledge.yaml and a tiny sample that works at once."""
    present = [str(folder / name) for name in _FILES.values() if (folder / name).exists()]
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
    except OSError as error:
        msg = f"cannot write in {str(folder)!r} ({error.strerror}); give another folder"
        raise InputError(msg) from error
    for name in _FILES.values():
        echo_lines(f"wrote {folder / name}")
    echo_lines(
        "next: agent-knowledge index, then: agent-knowledge ask 'How long is the return window?'"
    )
