"""How a source is read into any store, and what of it counts as gone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol, TypeVar

from agent_knowledge.retrieval.reading.documents import FORMAT, Failure
from agent_knowledge.retrieval.reading.screening import Screening


class Stored(Protocol):
    """What is stored of a document, in any store."""

    @property
    def name(self) -> str:
        """Its id in the source."""
        ...

    @property
    def origin(self) -> str:
        """See `Document`."""
        ...


_Stored = TypeVar("_Stored", bound=Stored)


_REASONS_SHOWN = 3
"""Of why documents could not be read: a limit of one message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a source is read into its index.

    Attributes:
        name: The source.
        embedding: Name of the embedding.
        tenant: The field of its metadata that says whose a document is; None to keep none apart.
        screening: How what is new is screened; None for not at all.
    """

    name: str
    embedding: str
    tenant: str | None = None
    screening: Screening | None = None

    @property
    def cleaned(self) -> bool:
        """Whether passages that speak to a model are left out."""
        return self.screening is not None and self.screening.cleaned

    @property
    def recipe(self) -> str:
        """What is stored was read like this; what was read otherwise has to be read anew."""
        return json.dumps([FORMAT, self.cleaned, self.tenant])


def lost(
    stored: Iterable[_Stored], seen: Set[str], failures: Sequence[Failure]
) -> Iterator[_Stored]:
    """Documents that are gone, and not only because they, their file or folder failed to read."""
    failed = {f.id for f in failures}
    places = {f.origin for f in failures if f.id is None}
    for document in stored:
        around = {document.origin, *map(str, PurePosixPath(document.origin).parents)}
        if document.name not in seen and document.name not in failed and not places & around:
            yield document


def nothing_read(name: str, failures: Sequence[Failure]) -> str:
    """The message of a source that nothing could be read of."""
    told = "; ".join(f"{failure.where} {failure.reason}" for failure in failures[:_REASONS_SHOWN])
    more = len(failures) - _REASONS_SHOWN
    why = f" ({told}{f'; and {more} more' if more > 0 else ''})" if told else ""
    return (
        f"source {name!r}: no document could be read{why}. Its index, if there is one, was left as "
        f"it is; to drop it on purpose run: agent-knowledge index --remove {name}"
    )
