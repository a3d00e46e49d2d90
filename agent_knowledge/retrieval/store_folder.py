"""What indexing and searching agree on: where snapshots are kept, which embedding fits."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from agent_knowledge.errors import ConfigError
from agent_knowledge.retrieval.store import StoredSource

_FOLDER = "search"


def search_folder(folder: Path, source: StoredSource) -> Path:
    """Where a source's snapshot is kept: a new folder for each generation."""
    return folder / _FOLDER / f"{source.id}-{source.generation}"


def clear_searches(folder: Path, *, keep: Iterable[StoredSource]) -> None:
    """Remove snapshots of other sources and generations, and what a killed run left."""
    kept = {search_folder(folder, source).name for source in keep}
    parent = folder / _FOLDER
    for place in parent.iterdir() if parent.is_dir() else ():
        if place.name not in kept:
            shutil.rmtree(place, ignore_errors=True)


def check_embedding(source: StoredSource, embedding: str) -> None:
    """Refuse an index that another embedding built.

    Raises:
        ConfigError: Names both, and how to rebuild.
    """
    if source.embedding != embedding:
        msg = (
            f"source {source.name!r} was indexed with embedding {source.embedding!r}, the "
            f"configuration says {embedding!r}; set embedding: {source.embedding} again, or "
            f"rebuild it: agent-knowledge index {source.name} --rebuild"
        )
        raise ConfigError(msg)
