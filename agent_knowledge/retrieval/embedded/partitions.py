"""What is read of a source, written into its index: each document into the part of its tenant.

A source that keeps tenants apart has a part for each, with documents, names and statistics of its
own, so that nothing of one can move what another finds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from agent_knowledge.errors import SourceError, shown
from agent_knowledge.retrieval.embedded.store import PassageStore
from agent_knowledge.retrieval.reading.chunks import split
from agent_knowledge.retrieval.reading.documents import (
    Document,
    Failure,
    Item,
    Kept,
    fault_of,
)
from agent_knowledge.retrieval.reading.fields import tenant_of
from agent_knowledge.retrieval.reports import Tally
from agent_knowledge.retrieval.sourced import Reading, lost, nothing_read
from agent_knowledge.retrieval.stored import StoredDocument, StoredSource
from agent_knowledge.types import Vector
from agent_knowledge.types.search import SourceKey

Given = Callable[[StoredSource, Mapping[str, Vector]], None]
"""Keeps the vectors that documents came with, by key."""


class Partitions:
    """Takes the items of a source, within an open transaction of the store.

    Attributes:
        parts: The source's parts, by tenant.
        touched: The numbers of those that changed.
    """

    def __init__(
        self, store: PassageStore, reading: Reading, tally: Tally, given: Given, *, anew: bool
    ) -> None:
        """Begin with what is indexed.

        Args:
            store: Where it is.
            reading: How the source is read.
            tally: Counts what is done.
            given: Keeps vectors.
            anew: Forget what is indexed.
        """
        self._store = store
        self._reading = reading
        self._tally = tally
        self._given = given
        self.parts = store.parts(reading.name)
        self.touched: set[int] = set()
        self._vectors = None if anew else next((p.vectors for p in self.parts.values()), None)
        for tenant, part in [*self.parts.items()]:
            if anew or bool(tenant) != bool(reading.tenant):
                store.remove_source(part)
                del self.parts[tenant]
        self._held = {tenant: store.documents(part) for tenant, part in self.parts.items()}
        self._seen = defaultdict[str, set[str]](set)

    def take(self, items: Iterable[Item]) -> None:
        """Bring the parts to the state that these items are.

        Raises:
            SourceError: None of them could be read.
        """
        for item in items:
            match item:
                case Failure():
                    self._tally.failures.append(item)
                case Kept():
                    self._keep(item)
                case Document():
                    self._take(item)
        if not any(self._seen.values()):
            raise SourceError(nothing_read(self._reading.name, self._tally.failures))
        for tenant in [*self.parts]:
            self._drop_lost(tenant)

    def _keep(self, item: Kept) -> None:
        """Let a document stay as it is stored."""
        held = {
            tenant: documents[item.id]
            for tenant, documents in self._held.items()
            if item.id in documents
        }
        if not held or any(stored.recipe != self._reading.recipe for stored in held.values()):
            reason = "was not given again, and what is stored of it has to be read anew"
            self._tally.failures.append(
                Failure(where=item.id, reason=reason, origin=item.id, id=item.id)
            )
            return
        for tenant, stored in held.items():
            self._seen[tenant].add(item.id)
            self._tally.unchanged += 1
            if item.known and item.known != stored.known:
                self._store.note_read(stored.id, item.known, stored.recipe)

    def _take(self, document: Document) -> None:
        if self._reading.cleaned:
            document = replace(document, cleaned=True)
        field = self._reading.tenant
        tenant = tenant_of(document.metadata, field) if field else ""
        fault = fault_of(document)
        if tenant is None:
            fault = f"has no {shown(field)}, a text or a whole number; nobody would be shown it"
        elif document.id in self._seen[tenant]:
            fault = f"has the id {shown(document.id)} of another, which is kept"
        if fault or tenant is None:
            failure = Failure(
                where=document.where or document.id,
                reason=fault or "",
                origin=document.origin,
                id=document.id,
            )
            self._tally.failures.append(failure)
            return
        self._seen[tenant].add(document.id)
        self._put(self._part(tenant), document, self._held.get(tenant, {}).get(document.id))

    def _part(self, tenant: str) -> StoredSource:
        if tenant not in self.parts:
            key = SourceKey(self._reading.name, tenant)
            part = self._store.add_source(key, self._reading.embedding, self._vectors)
            self._vectors = part.vectors
            self.parts[tenant] = part
        return self.parts[tenant]

    def _put(self, part: StoredSource, document: Document, old: StoredDocument | None) -> None:
        recipe = self._reading.recipe
        if old and old.hash == document.content_hash:
            self._tally.unchanged += 1
            if (old.known, old.recipe) != (document.known, recipe):
                self._store.note_read(old.id, document.known, recipe)
            return
        if old:
            self._store.remove_document(old.id)
            self._tally.updated += 1
        else:
            self._tally.added += 1
        self.touched.add(part.id)
        spans = split(document)
        if self._reading.screening:
            spans, finding = self._reading.screening.screened(document, spans)
            found = [(document.where or document.id, finding)] if finding else []
            self._tally.suspicious += found
        keys = self._store.add_document(part, document, spans, recipe)
        if document.vector is not None:
            self._given(part, dict.fromkeys(keys, document.vector))

    def _drop_lost(self, tenant: str) -> None:
        """Forget what is gone of a part, and the part with its last document."""
        part = self.parts[tenant]
        held = self._held.get(tenant, {})
        for document in lost(held.values(), self._seen[tenant], self._tally.failures):
            self._store.remove_document(document.id)
            self._tally.deleted += 1
            self.touched.add(part.id)
        if tenant and part.id in self.touched and not self._store.documents(part):
            self._store.remove_source(part)
            del self.parts[tenant]
