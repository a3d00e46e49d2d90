"""What a shell offers when a name is begun: agents, sources and sets of the configuration.

Typer runs this while someone types: whatever is wrong with the file, nothing is offered, and no
message stands in the middle of a line.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import typer

from agent_knowledge.config import KnowledgeConfig
from agent_knowledge.errors import AgentKnowledgeError
from agent_knowledge.types.tasks import STRATEGIES

_DEFAULT = "agent-knowledge.yaml"


def agents(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Names of agents that begin so, with what each does."""
    return _named(ctx, "agents", incomplete)


def sources(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Names of sources that begin so, with what each holds."""
    return _named(ctx, "sources", incomplete)


def example_sets(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Names of example sets that begin so, with what each teaches."""
    return _named(ctx, "examples", incomplete)


def strategies(incomplete: str) -> list[str]:
    """Strategies that begin so."""
    return [name for name in STRATEGIES if name.startswith(incomplete)]


def _named(ctx: typer.Context, section: str, incomplete: str) -> list[tuple[str, str]]:
    given = cast("Mapping[str, Any]", ctx.params).get("config") or _DEFAULT
    try:
        config = KnowledgeConfig.from_yaml(Path(given))
    except (AgentKnowledgeError, TypeError):
        return []
    known = cast("Mapping[str, Any]", getattr(config, section))
    return [(name, spec.description) for name, spec in known.items() if name.startswith(incomplete)]
