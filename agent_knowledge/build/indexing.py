"""Bringing what a configuration names up to date: its sources' indexes, its example sets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent_knowledge.build import (
    ConfigLike,
    load_embedder,
    load_encoder,
    load_example_sets,
    load_set_states,
    packaged_screen,
    read_config,
)
from agent_knowledge.build.imports import imported
from agent_knowledge.build.servers import AnyIndexer, open_indexer
from agent_knowledge.build.taking_over import records_of, remove_taken_over, screening_of, take_over
from agent_knowledge.config import KnowledgeConfig
from agent_knowledge.errors import (
    AgentKnowledgeError,
    ConfigError,
    SourceError,
    StoreError,
    nearest,
)
from agent_knowledge.ledger.history import History, now
from agent_knowledge.ledger.runs import IndexRun, IndexRuns, failures_of
from agent_knowledge.ports import Embedder
from agent_knowledge.retrieval.embedded.indexing import Indexer
from agent_knowledge.retrieval.others.chroma_collection import CollectionRecords
from agent_knowledge.retrieval.reading.documents import Item, Known
from agent_knowledge.retrieval.reading.loaders import made_loader
from agent_knowledge.retrieval.reading.loading import read_any
from agent_knowledge.retrieval.reports import IndexReport

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

    from agent_knowledge.retrieval.examples import StoredExamples

Progress = Callable[[str, int, int], None]
"""Told a source's name, how many of its windows are embedded, and of how many; while the source is
still being read, how many of its documents are, of 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSummary:
    """What a run did.

    Attributes:
        reports: One per source that could be read.
        errors: Why a source could not be indexed; what was indexed of it before is kept.
        examples: Number of examples per set that is now embedded.
        suspicious: Per set with examples that speak to a model, how many do.
        set_errors: Why a set could not be read or embedded.
    """

    reports: tuple[IndexReport, ...]
    errors: Mapping[str, str]
    examples: Mapping[str, int]
    set_errors: Mapping[str, str]
    suspicious: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def complete(self) -> bool:
        """Every document of every source, and every set, is what it was read from."""
        failed = any(report.failed for report in self.reports)
        return not (failed or self.errors or self.set_errors)


def index_sources(  # noqa: PLR0913 - what the host alone may say stands beside what it chooses
    config: ConfigLike = "agent-knowledge.yaml",
    names: Sequence[str] = (),
    *,
    agent: str | None = None,
    embedding: Embeddings | Embedder | None = None,
    rebuild: bool = False,
    progress: Progress | None = None,
    imports: Sequence[str] = (),
    allow_private: Sequence[str] = (),
) -> IndexSummary:
    """Index what changed. A source or a set that fails does not stop the others.

    Args:
        config: A configuration, or the path of one.
        names: Sources to index; none for all of them, and the example sets.
        agent: Only what this agent has at hand.
        embedding: As for `load_router`.
        rebuild: Start anew, as after a change of embedding.
        progress: Told after each document and each batch of embeddings.
        imports: As for `load_router`: packages that the configuration may name loaders of.
        allow_private: Hosts of web pages that may be at addresses of this machine or its network;
            all others must be of the open internet.

    Raises:
        ConfigError: A name is unknown or external, the configuration holds nothing at all, or the
            store or the embedding that it names is none.
        StoreLockedError: Another process is writing the store.
    """
    config = read_config(config)
    if not (config.sources or config.examples or config.agents):
        msg = (
            "nothing to index: the configuration names no sources, example sets or agents; add "
            "them, or let 'agent-knowledge init' write one to start from"
        )
        raise ConfigError(msg)
    config = config if agent is None else config.only(agent)
    chosen = _chosen(config, names)
    embedder = load_embedder(config, embedding)
    history, runs = History(config.store_path), IndexRuns(config.store_path)
    reports: list[IndexReport] = []
    errors: dict[str, str] = {}
    if chosen:
        with open_indexer(config, embedder) as indexer:
            run = _Run(
                config=config,
                embedder=embedder,
                indexer=indexer,
                rebuild=rebuild,
                progress=progress,
                imports=imports,
                allow_private=allow_private,
            )
            for name in chosen:
                try:
                    report = run.index(name)
                except AgentKnowledgeError as error:
                    errors[name] = str(error)
                    runs.failed(name, errors[name])
                    continue
                _note(history, report)
                runs.note(name, _run_of(report))
                reports.append(report)
    sets, set_errors = _embed_sets(config, () if names else tuple(config.examples), embedder)
    return IndexSummary(
        reports=tuple(reports),
        errors=errors,
        examples={name: len(held.examples) for name, held in sets.items()},
        set_errors=set_errors,
        suspicious=_suspicious(config, sets),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One run over the sources of a configuration."""

    config: KnowledgeConfig
    embedder: Embedder
    indexer: AnyIndexer
    rebuild: bool
    progress: Progress | None
    imports: Sequence[str]
    allow_private: Sequence[str]

    def index(self, name: str) -> IndexReport:
        """Bring a source's index up to date."""
        tenant, screening = self.config.sources[name].tenant, screening_of(self.config, name)
        known = self.indexer.known(name, tenant=tenant, screening=screening)
        told = _of(name, self.progress)
        if self.config.sources[name].kind == "chroma":
            records = records_of(self.config, name, self.embedder)
            return self._take_over(records, told)
        items = self._items(name, {} if self.rebuild else known)
        return self.indexer.index(
            name,
            _Told(items, told) if told else items,
            tenant=tenant,
            rebuild=self.rebuild,
            progress=told,
            screening=screening,
        )

    def _take_over(
        self, records: CollectionRecords, told: Callable[[int, int], None] | None
    ) -> IndexReport:
        """Take over a collection; it goes into the embedded store, whatever the configured one."""
        if isinstance(self.indexer, Indexer):
            indexer = self.indexer
            return take_over(indexer, self.config, records, rebuild=self.rebuild, progress=told)
        with Indexer(self.config.store_path, self.embedder) as indexer:
            return take_over(indexer, self.config, records, rebuild=self.rebuild, progress=told)

    def _items(self, name: str, known: Mapping[str, Known]) -> Iterable[Item]:
        spec, key, loader = self.config.sources[name], f"sources.{name}", None
        if spec.loader:
            found = imported(
                spec.loader, f"{key}.loader", allowed=self.imports, folder=self.config.folder
            )
            loader = made_loader(found, spec.options, key)
        return read_any(
            name,
            spec,
            path=self.config.resolve(spec.path, f"{key}.path") if spec.path else None,
            loader=loader,
            known=known,
            allow_private=self.allow_private,
        )


@dataclass(frozen=True, slots=True)
class _Told:
    """What is read of a source, its documents told while they come."""

    items: Iterable[Item]
    tell: Callable[[int, int], None]

    def __iter__(self) -> Iterator[Item]:
        for number, item in enumerate(self.items, start=1):
            self.tell(number, 0)
            yield item


def _suspicious(config: KnowledgeConfig, sets: Mapping[str, StoredExamples]) -> dict[str, int]:
    """How many examples of each screened set speak to a model; sets without any are left out."""
    counts: dict[str, int] = {}
    for name, held in sets.items():
        if config.examples[name].screen != "allow":
            verdicts = packaged_screen().screen([e.input + "\n" + e.output for e in held.examples])
            counts[name] = sum(verdict.suspicious for verdict in verdicts)
    return {name: count for name, count in counts.items() if count}


def _embed_sets(
    config: KnowledgeConfig, names: Sequence[str], embedder: Embedder
) -> tuple[dict[str, StoredExamples], dict[str, str]]:
    """Embed example sets: those that could be read, and why others could not."""
    examples: dict[str, StoredExamples] = {}
    errors: dict[str, str] = {}
    for name in names:
        try:
            made = load_example_sets(config, (name,), embedder)
            load_set_states(config, made, (embedder, load_encoder(embedder)))
        except AgentKnowledgeError as error:
            errors[name] = str(error)
        else:
            examples[name] = made[name]
    return examples, errors


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


def _run_of(report: IndexReport) -> IndexRun:
    """What is kept of a report until the next run."""
    return IndexRun(
        at=now(),
        documents=report.added + report.updated + report.unchanged,
        passages=report.passages,
        added=report.added,
        updated=report.updated,
        deleted=report.deleted,
        failed=len(report.failed),
        failures=failures_of(report.failed),
    )


def remove_sources(config: ConfigLike, names: Sequence[str]) -> dict[str, int]:
    """Drop the indexes of sources, also of those that the configuration no longer names.

    Their files are not touched. What was taken over lies in the embedded store, whatever the
    configured one, and is dropped from there.

    Returns:
        How many documents each held.

    Raises:
        SourceError: One is not indexed.
        StoreLockedError: Another process is writing the store.
    """
    config = read_config(config)
    embedder, names = load_embedder(config), tuple(dict.fromkeys(names))
    on_server = config.store.kind != "chroma"
    taken = remove_taken_over(config, names, embedder) if on_server else {}
    removed: dict[str, int] = {}
    with open_indexer(config, embedder) as indexer:
        for name in names:
            removed[name] = taken.get(name, 0)
            try:
                removed[name] += indexer.remove(name)
            except StoreError:
                raise
            except SourceError:  # the configured store need not hold what was taken over
                if name not in taken:
                    raise
    IndexRuns(config.store_path).forget(removed)
    return removed


def _of(name: str, progress: Progress | None) -> Callable[[int, int], None] | None:
    return None if progress is None else lambda done, total: progress(name, done, total)


def _chosen(config: KnowledgeConfig, names: Sequence[str]) -> list[str]:
    """The sources to index."""
    indexed = [
        name
        for name, spec in config.sources.items()
        if spec.path or spec.url or spec.sitemap or spec.loader
    ]
    for name in names:
        if name not in indexed:
            what = "external, so it has no index" if name in config.sources else "unknown"
            msg = f"source {name!r} is {what}; {nearest(name, indexed)}"
            raise ConfigError(msg)
    return list(dict.fromkeys(names)) or indexed
