"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent_knowledge.cli import completing

Config = Annotated[Path, typer.Option("--config", "-c", help="The configuration file.")]
Agent = Annotated[
    str | None,
    typer.Option(
        "--agent",
        "-a",
        help="The agent; default: the only one.",
        autocompletion=completing.agents,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Citations = Annotated[bool, typer.Option("--citations", help="Ask for sources.")]
Strategy = Annotated[
    str | None,
    typer.Option(
        "--strategy",
        help="Ask for a strategy: direct, retrieval, few_shot or fine_tuned. A rule may refuse it.",
        autocompletion=completing.strategies,
    ),
]
Input = Annotated[
    str | None, typer.Option("--input", help="JSON lines to work through; - for standard input.")
]
Output = Annotated[
    str, typer.Option("--output", help="Where JSON lines go; - for standard output.")
]
Filters = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        help="Only passages whose metadata says this: 'lang=en', 'team=a|b', 'year>=2020',"
        " 'reviewed?', or a JSON object. All that are given hold.",
    ),
]
Tenant = Annotated[
    str | None,
    typer.Option("--tenant", help="Whose documents and examples, where tenants are kept apart."),
]
CONFIG = Path("agent-knowledge.yaml")
