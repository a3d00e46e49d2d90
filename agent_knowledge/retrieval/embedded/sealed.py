"""What is stored of a document, each part with a checksum of its own.

So a passage is read, and known to be what was stored, without the rest of its document: of a book
no more than a page. A checksum finds damage; it keeps out nobody who can write the file.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agent_knowledge.retrieval.reading.chunks import Span
from agent_knowledge.retrieval.reading.fields import read as read_fields
from agent_knowledge.types import Passage
from agent_knowledge.types.filters import Value

BLOCK = 65_536
"""Characters of a text that are stored together: a passage lies in one such block, or in two."""


def checksum(*facts: object) -> int:
    """Of facts as a database gives them: of any kind, if it is damaged."""
    return zlib.crc32(json.dumps(facts, default=repr).encode())


def blocks_of(text: str) -> Iterator[tuple[int, str]]:
    """A text cut into blocks, each with its number from 0."""
    for number, start in enumerate(range(0, len(text), BLOCK)):
        yield number, text[start : start + BLOCK]


def block_seal(document: int, number: int, text: object) -> int:
    """The checksum of a block."""
    content = str(text).encode("utf-8", "surrogatepass")
    return zlib.crc32(content, checksum(document, number, type(text).__name__))


def lined(text: str, spans: Sequence[Span]) -> Iterator[tuple[Span, tuple[int, int]]]:
    """Spans of a text, in their order, each with the lines from 1 that it begins and ends on."""
    counted, line = 0, 1  # `line` is the line of the character at `counted`
    for span in spans:
        line += text.count("\n", counted, span.start)
        counted = span.start
        yield span, (line, line + text.count("\n", span.start, span.end - 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedPassage:
    """A passage as it is stored.

    Attributes:
        number: Its number.
        document: The number of its document.
        start: Its first character in the stored text.
        end: One past its last.
        title: With heading path.
        lines: The first and the last line that it is on, from 1.
        seal: The checksum that was stored with it.
        keys: Of its windows, in order.
    """

    number: int
    document: int
    start: int
    end: int
    title: str
    lines: tuple[int, int]
    seal: int = 0
    keys: Sequence[str] = field(default=())

    @classmethod
    def at(cls, document: int, span: Span, lines: tuple[int, int]) -> SealedPassage:
        """One that is to be stored."""
        return cls(
            number=0,
            document=document,
            start=span.start,
            end=span.end,
            title=span.title,
            lines=lines,
        )

    @classmethod
    def of(cls, row: Sequence[Any], keys: Sequence[str]) -> SealedPassage:
        """A row of the table, with its keys."""
        number, document, start, end, title, first_line, last_line, seal = row
        return cls(
            number=number,
            document=document,
            start=start,
            end=end,
            title=title,
            lines=(first_line, last_line),
            seal=seal,
            keys=keys,
        )

    def sealed(self) -> SealedPassage:
        """With the checksum of what it is."""
        place = (self.document, self.start, self.end, self.title, *self.lines)
        return replace(self, seal=checksum(*place, *self.keys))

    @property
    def sound(self) -> bool:
        """Whether it is what was stored."""
        return self.sealed().seal == self.seal


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedDocument:
    """What is stored of a document beside its text and its passages.

    Attributes:
        number: Its number.
        source: Name of its source.
        row: Its name, origin, title, uri, date, keywords, content hash, fields (as JSON), and the
            hash of the vector that it came with.
        parts: Checksum of the checksums of its blocks and passages, in order.
        seal: The checksum that was stored with it.
    """

    number: int
    source: str
    row: Sequence[Any]
    parts: int
    seal: int = 0

    def sealed(self) -> SealedDocument:
        """With the checksum of what it is."""
        return replace(self, seal=checksum(self.source, list(self.row), self.parts))

    @property
    def sound(self) -> bool:
        """Whether it is what was stored."""
        return self.sealed().seal == self.seal

    @property
    def fields(self) -> dict[str, Value]:
        """What a filter reads of it; it must be sound."""
        return read_fields(self.row[7])

    def passage(self, found: SealedPassage, text: str) -> Passage:
        """A passage of it, with its text; all of it must be sound."""
        name, _, _, uri, date, _, content, *_ = self.row
        return Passage(
            source=self.source,
            document=name,
            title=found.title,
            uri=uri,
            text=text,
            start=found.start,
            end=found.end,
            date=date,
            document_hash=content,
            lines=found.lines,
            fields=self.fields,
        )
