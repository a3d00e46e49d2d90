"""Documents and passages in the store's file: nothing is read that was not stored so."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from agent_knowledge.errors import SourceError
from agent_knowledge.retrieval.embedded.sealed import (
    BLOCK,
    SealedDocument,
    SealedPassage,
    block_seal,
    blocks_of,
    checksum,
)
from agent_knowledge.retrieval.prepared import PreparedDocument
from agent_knowledge.retrieval.reading.chunks import Span
from agent_knowledge.retrieval.reading.documents import Document
from agent_knowledge.retrieval.stored import StoredDocument
from agent_knowledge.types import Passage
from agent_knowledge.types.filters import Scope

Rows = Callable[[str, Sequence[Any]], list[Any]]
"""Asks the database."""
_PASSAGE = "p.id, p.document, p.first, p.after, p.title, p.line, p.last_line, p.seal"


class DocumentReader:
    """Reads what is stored of documents, and compares it with its checksums."""

    def __init__(self, rows: Rows, file: Path) -> None:
        """Hold how the database is asked, and its file, for messages."""
        self._rows = rows
        self._file = file

    def passages(self, numbers: Sequence[int], scope: Scope) -> dict[int, Passage]:
        """Read passages; one that is not there or not in the scope is left out.

        Raises:
            SourceError: One, or what is read of its document, is damaged.
        """
        marks = ",".join("?" * len(numbers))
        sql = f"""SELECT {_PASSAGE} FROM passages p JOIN documents d ON p.document = d.id
                  JOIN sources s ON d.source = s.id
                  WHERE p.id IN ({marks}) AND s.tenant IN ('', ?)
                  ORDER BY p.document"""  # noqa: S608 - marks only
        rows = self._rows(sql, (*numbers, scope.tenant or ""))
        found: dict[int, Passage] = {}
        for document, group in groupby(rows, key=lambda row: row[1]):
            facts = self._facts(document)
            if scope.filter and not scope.filter.matches(facts.fields):
                continue
            for row in group:
                passage = SealedPassage.of(row, self._keys(row[0]))
                if not passage.sound:
                    raise self._damaged(facts)
                found[passage.number] = facts.passage(passage, self._slice(facts, passage))
        return found

    def _keys(self, passage: int) -> list[str]:
        sql = "SELECT key FROM windows WHERE passage = ? ORDER BY key"
        return [key for (key,) in self._rows(sql, (passage,))]

    def _slice(self, facts: SealedDocument, passage: SealedPassage) -> str:
        """The text of a passage: of its document, the blocks alone that it lies in.

        Raises:
            SourceError: One of them is damaged.
        """
        first, last = passage.start // BLOCK, (passage.end - 1) // BLOCK
        sql = """SELECT number, text, seal FROM blocks
                 WHERE document = ? AND number BETWEEN ? AND ? ORDER BY number"""
        blocks = self._rows(sql, (facts.number, first, last))
        if len(blocks) <= last - first or not _are_sound(facts.number, blocks):
            raise self._damaged(facts)
        text = "".join(text for _, text, _ in blocks)
        return text[passage.start - first * BLOCK : passage.end - first * BLOCK]

    def text(self, source: str, document: str, scope: Scope) -> str | None:
        """A document's whole text, as all offsets count in it.

        Returns:
            None when it is not stored, or not in the scope.

        Raises:
            SourceError: It is damaged.
        """
        sql = """SELECT d.id FROM documents d JOIN sources s ON d.source = s.id
                 WHERE s.name = ? AND d.name = ? AND s.tenant IN ('', ?)"""
        for (number,) in self._rows(sql, (source, document, scope.tenant or "")):
            facts = self._facts(number)
            if not self._is_whole(facts):
                raise self._damaged(facts)
            if not scope.filter or scope.filter.matches(facts.fields):
                return self.unchecked_text(number)
        return None

    def prepared(self, stored: StoredDocument) -> PreparedDocument:
        """A document as it is stored, for a store on a server.

        What it is found by and filtered by is what is stored of that, so its metadata that is
        stored nowhere is missing.

        Raises:
            SourceError: It is damaged.
        """
        facts = self._facts(stored.id)
        if not self._is_whole(facts):
            raise self._damaged(facts)
        name, origin, title, uri, date, keywords, content, *_ = facts.row
        document = Document(
            id=name,
            origin=origin,
            title=title,
            uri=uri,
            text=self.unchecked_text(stored.id),
            date=date,
            metadata=facts.fields,
            labels=keywords.split("\n"),
            known=stored.known,
        )
        passages = self.sealed_passages(stored.id)
        return PreparedDocument(
            document=document,
            content=content,
            recipe=stored.recipe,
            spans=[Span(one.start, one.end, one.title) for one in passages],
            keys=[one.keys for one in passages],
        )

    def unchecked_text(self, document: int) -> str:
        """A document's whole text, for the writer, who has looked for damage already."""
        sql = "SELECT text FROM blocks WHERE document = ? ORDER BY number"
        return "".join(text for (text,) in self._rows(sql, (document,)))

    def damaged(self, source: int) -> set[int]:
        """The numbers of a source's documents that are not what was stored; reads all of them."""
        numbers = self._rows("SELECT id FROM documents WHERE source = ?", (source,))
        return {number for (number,) in numbers if not self._is_sound(number)}

    def _is_sound(self, number: int) -> bool:
        facts = self.facts(number)
        return facts is not None and facts.sound and self._is_whole(facts)

    def _is_whole(self, facts: SealedDocument) -> bool:
        """Whether all blocks and passages of a document are there, and what was stored."""
        sql = "SELECT number, text, seal FROM blocks WHERE document = ? ORDER BY number"
        blocks = self._rows(sql, (facts.number,))
        passages = self.sealed_passages(facts.number)
        seals = [*(seal for *_, seal in blocks), *(passage.seal for passage in passages)]
        return (
            checksum(*seals) == facts.parts
            and all(passage.sound for passage in passages)
            and _are_sound(facts.number, blocks)
        )

    def sealed_passages(self, document: int) -> list[SealedPassage]:
        """All passages of a document, in order."""
        sql = f"SELECT {_PASSAGE} FROM passages p WHERE p.document = ? ORDER BY p.id"  # noqa: S608
        keys = """SELECT w.passage, w.key FROM windows w JOIN passages p ON w.passage = p.id
                  WHERE p.document = ? ORDER BY w.passage, w.key"""
        found = self._rows(keys, (document,))
        by_passage = {
            number: [key for _, key in group]
            for number, group in groupby(found, key=lambda row: row[0])
        }
        rows = self._rows(sql, (document,))
        return [SealedPassage.of(row, by_passage.get(row[0], ())) for row in rows]

    def facts(self, number: int) -> SealedDocument | None:
        """What is stored of a document beside its parts; None when it is not there."""
        sql = """SELECT s.name, d.parts, d.seal,
                 d.name, d.origin, d.title, d.uri, d.date, d.keywords, d.hash, d.fields, d.given
                 FROM documents d JOIN sources s ON d.source = s.id WHERE d.id = ?"""
        for source, parts, seal, *row in self._rows(sql, (number,)):
            return SealedDocument(number=number, source=source, row=row, parts=parts, seal=seal)
        return None

    def _facts(self, number: int) -> SealedDocument:
        """What is stored of a document beside its parts.

        Raises:
            SourceError: It is not what was stored.
        """
        found = self.facts(number)
        if found is None or not found.sound:
            raise self._damaged(found)
        return found

    def _damaged(self, facts: SealedDocument | None) -> SourceError:
        source = facts.source if facts else ""
        name = repr(facts.row[0]) if facts else "of a passage"
        return SourceError(
            f"document {name} of source {source!r} is damaged in {str(self._file)!r} (it is not "
            f"what was stored); run: agent-knowledge index {source}, which reads it anew"
        )


def _are_sound(document: int, blocks: Sequence[tuple[int, object, int]]) -> bool:
    """Whether blocks are what was stored, each with its number, its text and its checksum."""
    return all(block_seal(document, number, text) == seal for number, text, seal in blocks)


def asking(database: sqlite3.Connection) -> Rows:
    """How an open database is asked where the caller explains its errors."""
    return lambda sql, values: database.execute(sql, values).fetchall()


def seal_document(database: sqlite3.Connection, number: int, text: str) -> None:
    """Store the text of a document whose passages are stored, and its checksums."""
    reader = DocumentReader(asking(database), Path())
    blocks = [
        (number, place, block, block_seal(number, place, block)) for place, block in blocks_of(text)
    ]
    add = "INSERT INTO blocks (document, number, text, seal) VALUES (?, ?, ?, ?)"
    database.executemany(add, blocks)
    passages = reader.sealed_passages(number)
    parts = checksum(*(seal for *_, seal in blocks), *(passage.seal for passage in passages))
    facts = reader.facts(number)
    if facts is not None:
        sealed = replace(facts, parts=parts).sealed()
        sql = "UPDATE documents SET parts = ?, seal = ? WHERE id = ?"
        database.execute(sql, (sealed.parts, sealed.seal, number))
