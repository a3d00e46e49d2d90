"""Which agents there are, and which are left out of which text model."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tools.data.agents import LabelledAgent, read_agents
from tools.data.split import Part, agents_of

PACKAGE = Path(__file__).parents[2] / "agent_knowledge" / "data"
OWN_AGENTS = Path(__file__).parent / "agents"
CACHE = Path(__file__).parents[2] / ".cache" / "text-model"
FOLDS = 3
"""Text models that are tuned without a part of the agents each: ten minutes each on two cores."""


def all_agents(data: Path, part: Part = "all") -> tuple[LabelledAgent, ...]:
    """The shared agents of a part and our own, sorted by name."""
    found = (*agents_of(read_agents(data / "agents"), part), *read_agents(OWN_AGENTS))
    return tuple(sorted(found, key=lambda agent: agent.name))


def fold_of(agent: str) -> int:
    """The fold that an agent is left out of: by its name, so that a further agent moves none."""
    return hashlib.sha256(agent.encode()).digest()[0] % FOLDS


def fold_folder(fold: int) -> Path:
    """Where the net of a fold is kept."""
    return CACHE / f"fold-{fold}"
