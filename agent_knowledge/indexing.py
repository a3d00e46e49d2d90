"""Bringing what a configuration names up to date: its sources' indexes, its example sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent_knowledge.assembly import (
    ConfigLike,
    load_embedder,
    load_encoder,
    load_example_sets,
    load_set_states,
    read_config,
)
from agent_knowledge.config import KnowledgeConfig
from agent_knowledge.errors import ConfigError, SourceError, nearest
from agent_knowledge.history import History
from agent_knowledge.sources.indexing import Indexer, IndexReport

Progress = Callable[[str, int, int], None]
"""Told a source's name, how many of its passages are embedded, and of how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSummary:
    """What a run did.

    Attributes:
        reports: One per source that could be read.
        errors: Why a source could not be read; what was indexed of it before is kept.
        examples: Number of examples per set that is now embedded.
    """

    reports: tuple[IndexReport, ...]
    errors: Mapping[str, str]
    examples: Mapping[str, int]


def index_sources(
    config: ConfigLike = "agent-knowledge.yaml",
    names: Sequence[str] = (),
    *,
    agent: str | None = None,
    embedding: object | None = None,
    rebuild: bool = False,
    progress: Progress | None = None,
) -> IndexSummary:
    """Index what changed. A source that cannot be read does not stop the others.

    Args:
        config: A configuration, or the path of one.
        names: Sources to index; none for all of them, and the example sets.
        agent: Only what this agent has at hand.
        embedding: As for `load_router`.
        rebuild: Start anew, as after a change of embedding.
        progress: Told after each batch of embeddings.

    Raises:
        ConfigError: A name is unknown or external, or an index was built with another embedding.
        InputError: An example set cannot be read.
        StoreLockedError: Another process is writing the store.
    """
    config = read_config(config)
    config = config if agent is None else config.only(agent)
    paths = _paths(config, names)
    embedder = load_embedder(config, embedding)
    history = History(config.store_path)
    reports: list[IndexReport] = []
    errors: dict[str, str] = {}
    if paths:
        with Indexer(config.store_path, embedder) as indexer:
            for name, path in paths.items():
                try:
                    report = indexer.index(
                        name, path, rebuild=rebuild, progress=_of(name, progress)
                    )
                except SourceError as error:
                    errors[name] = str(error)
                    continue
                _note(history, report)
                reports.append(report)
    sets = load_example_sets(config, () if names else tuple(config.examples), embedder)
    load_set_states(config, sets, (embedder, load_encoder(embedder)))
    examples = {name: len(made.examples) for name, made in sets.items()}
    return IndexSummary(reports=tuple(reports), errors=errors, examples=examples)


def _note(history: History, report: IndexReport) -> None:
    """Write down that a source changed, if it did."""
    history.note(
        "source",
        report.source,
        report.digest,
        added=report.added,
        updated=report.updated,
        deleted=report.deleted,
    )


def remove_sources(config: ConfigLike, names: Sequence[str]) -> dict[str, int]:
    """Drop the indexes of sources, also of those that the configuration no longer names.

    Their files are not touched.

    Returns:
        How many documents each held.

    Raises:
        SourceError: One is not indexed.
        StoreLockedError: Another process is writing the store.
    """
    config = read_config(config)
    with Indexer(config.store_path, load_embedder(config)) as indexer:
        return {name: indexer.remove(name) for name in names}


def _of(name: str, progress: Progress | None) -> Callable[[int, int], None] | None:
    return None if progress is None else lambda done, total: progress(name, done, total)


def _paths(config: KnowledgeConfig, names: Sequence[str]) -> dict[str, Path]:
    """The path of each source to index, by name."""
    indexed = {name: spec.path for name, spec in config.sources.items() if spec.path}
    for name in names:
        if name not in indexed:
            what = "external, so it has no index" if name in config.sources else "unknown"
            msg = f"source {name!r} is {what}; {nearest(name, indexed)}"
            raise ConfigError(msg)
    chosen = names or list(indexed)
    return {name: config.resolve(indexed[name], f"sources.{name}.path") for name in chosen}
