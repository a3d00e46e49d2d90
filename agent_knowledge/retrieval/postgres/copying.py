"""Prepared documents as rows, copied into tables that one transaction sees."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, LiteralString

from agent_knowledge.retrieval.lexical import indexed_stems
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
Numbers = tuple[int, Sequence[int]]
"""Of a document and of its passages."""


class RowCopier:
    """Copies documents of a source, within a transaction.

    Attributes:
        passages: How many passages they have.
    """

    def __init__(
        self,
        connection: Connection,
        tenant: str,
        source: int,
        before: Mapping[tuple[str, str], Numbers],
    ) -> None:
        """Begin.

        Args:
            connection: With a transaction open, and its tables made.
            tenant: Whose documents.
            source: Number of the source.
            before: By key and content, the numbers of documents that are made anew just as they
                were: who has found a passage of theirs finds it still.
        """
        self._connection = connection
        self._of = (tenant, source)
        self._before = before
        self.passages = 0

    def add(self, documents: Iterable[PreparedDocument]) -> None:
        """Copy documents."""
        left = iter(documents)
        while some := list(islice(left, _DOCUMENTS)):
            rows = defaultdict[str, list[_Row]](list)
            for document, numbers in zip(some, self._numbered(some), strict=True):
                self._add(rows, document, numbers)
            for table, statement in _COPY.items():
                with self._connection.cursor().copy(statement) as copy:
                    for row in rows[table]:
                        copy.write_row(row)
            self.passages += len(rows["passages"])

    def _numbered(self, documents: Sequence[PreparedDocument]) -> Iterator[Numbers]:
        """The numbers of each document and its passages."""
        count = sum(len(document.spans) for document in documents)
        passages = iter(self._numbers("passages", count))
        numbers = self._numbers("documents", len(documents))
        for number, document in zip(numbers, documents, strict=True):
            known = self._before.get((key_of(document.document.id), document.content))
            new = [next(passages) for _ in document.spans]
            yield known if known and len(known[1]) == len(new) else (number, new)

    def _numbers(self, table: str, count: int) -> list[int]:
        """Numbers that no row of a table has or will have."""
        values = {"table": table, "count": count}
        return [number for (number,) in self._connection.execute(NUMBERS, values).fetchall()]

    def _add(
        self, rows: dict[str, list[_Row]], prepared: PreparedDocument, numbers: Numbers
    ) -> None:
        one, (tenant, source), (number, passages) = prepared.document, self._of, numbers
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
        searches = zip(prepared.searched(), prepared.spans, prepared.keys, passages, strict=True)
        for searched, span, keys, passage in searches:
            line += one.text.count("\n", counted, span.start)
            counted = span.start
            last = line + one.text.count("\n", span.start, span.end - 1)
            words = [bounded(stem) for stem in indexed_stems(searched.words)]
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
