"""What an index run did, while it is counted and when it is reported."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent_knowledge.retrieval.reading.documents import Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexReport:
    """What an index run did.

    Attributes:
        source: The source.
        added: Documents that are new.
        updated: Documents whose content changed.
        unchanged: Documents that are as they were.
        deleted: Documents that are no longer there.
        failed: Documents that could not be read, with the reason; what was indexed of them before
            is kept.
        digest: Hash of what the source now holds, whatever the order of its documents.
        passages: How many passages the source now holds.
        embedded: How many windows of them (one or a few each) had to be embedded in this run.
        mended: What was found damaged and made anew, in a sentence each.
        suspicious: Documents read in this run that have passages which speak to a model, each with
            what was found: flagged, or left out where the source is cleaned.
        elapsed_s: Seconds it took.
    """

    source: str
    added: int
    updated: int
    unchanged: int
    deleted: int
    failed: tuple[tuple[str, str], ...]
    digest: str
    passages: int
    embedded: int
    elapsed_s: float
    mended: tuple[str, ...] = ()
    suspicious: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Tally:
    """The counts of a run while it lasts; see `IndexReport`."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    embedded: int = 0
    failures: list[Failure] = field(default_factory=list[Failure])
    mended: list[str] = field(default_factory=list[str])
    suspicious: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    @property
    def changed(self) -> bool:
        """The source is not what it was."""
        return bool(self.added or self.updated or self.deleted or self.mended)

    def report(self, source: str, *, digest: str, passages: int, elapsed_s: float) -> IndexReport:
        """The report on the run, with what the source is after it."""
        return IndexReport(
            source=source,
            added=self.added,
            updated=self.updated,
            unchanged=self.unchanged,
            deleted=self.deleted,
            failed=tuple((f.where, f.reason) for f in self.failures),
            digest=digest,
            passages=passages,
            embedded=self.embedded,
            elapsed_s=elapsed_s,
            mended=tuple(self.mended),
            suspicious=tuple(self.suspicious),
        )
