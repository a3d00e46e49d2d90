"""Prepared documents as rows, copied into tables that one transaction sees."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, LiteralString

from agent_knowledge.retrieval.lexical import stems
from agent_knowledge.retrieval.names import Named, names_of
from agent_knowledge.retrieval.postgres.asking import bounded, key_of
from agent_knowledge.retrieval.postgres.changes import NUMBERS
from agent_knowledge.retrieval.postgres.connection import Connection
from agent_knowledge.retrieval.postgres.jsonpath import stored
from agent_knowledge.retrieval.postgres.statements import BLOCK
from agent_knowledge.retrieval.prepared import PreparedDocument

_DOCUMENTS = 100
"""Documents whose rows are held in memory at a time: a limit."""
_LONGEST = 2**15 - 1
"""What a small number in PostgreSQL holds; no passage has so many words."""
_COPY: dict[str, LiteralString] = {
    "documents": "COPY new_documents FROM STDIN",
    "blocks": "COPY new_blocks FROM STDIN",
    "passages": "COPY new_passages FROM STDIN",
    "windows": "COPY new_windows FROM STDIN",
    "postings": "COPY new_postings FROM STDIN",
    "names": "COPY new_names FROM STDIN",
}

_Row = Sequence[Any]


class RowCopier:
    """Copies documents of a source, within a transaction.

    Attributes:
        passages: How many passages they have.
    """

    def __init__(self, connection: Connection, tenant: str, source: int) -> None:
        """Begin.

        Args:
            connection: With a transaction open, and its tables made.
            tenant: Whose documents.
            source: Number of the source.
        """
        self._connection = connection
        self._of = (tenant, source)
        self.passages = 0

    def add(self, documents: Iterable[PreparedDocument]) -> None:
        """Copy documents."""
        left = iter(documents)
        while some := list(islice(left, _DOCUMENTS)):
            rows = defaultdict[str, list[_Row]](list)
            passages = sum(len(document.spans) for document in some)
            numbers = iter(self._numbers("passages", passages))
            for number, document in zip(self._numbers("documents", len(some)), some, strict=True):
                self._add(rows, number, document, numbers)
            for table, statement in _COPY.items():
                with self._connection.cursor().copy(statement) as copy:
                    for row in rows[table]:
                        copy.write_row(row)
            self.passages += passages

    def _numbers(self, table: str, count: int) -> list[int]:
        """Numbers that no row of a table has or will have."""
        values = {"table": table, "count": count}
        return [number for (number,) in self._connection.execute(NUMBERS, values).fetchall()]

    def _add(
        self,
        rows: dict[str, list[_Row]],
        number: int,
        prepared: PreparedDocument,
        numbers: Iterator[int],
    ) -> None:
        one, (tenant, source) = prepared.document, self._of
        rows["documents"].append(
            (
                *(number, tenant, source, key_of(one.id), one.id, one.origin, one.title, one.uri),
                *(one.date, one.keywords, stored(one.fields), prepared.content, prepared.recipe),
                *(one.known.etag, one.known.modified),
            )
        )
        rows["blocks"] += [
            (number, tenant, place // BLOCK, one.text[place : place + BLOCK])
            for place in range(0, len(one.text), BLOCK)
        ]
        counted, line = 0, 1  # `line` is the line of the character at `counted`
        passages = zip(prepared.searched(), prepared.spans, prepared.keys, numbers, strict=False)
        for searched, span, keys, passage in passages:
            line += one.text.count("\n", counted, span.start)
            counted = span.start
            last = line + one.text.count("\n", span.start, span.end - 1)
            words = [bounded(stem) for stem in stems(searched.words)]
            length = min(len(words), _LONGEST)
            rows["passages"].append(
                (passage, number, span.start, span.end, line, last, span.title, len(words))
            )
            rows["windows"] += [(passage, key) for key in dict.fromkeys(keys)]
            rows["postings"] += [
                (passage, stem, min(count, _LONGEST), length)
                for stem, count in Counter(words).items()
            ]
            rows["names"] += [
                (passage, key_of(name.text), name.text, [*map(bounded, name.stems)], name.small)
                for name in map(Named.of, names_of(searched.title, searched.keywords))
                if name.stems
            ]
