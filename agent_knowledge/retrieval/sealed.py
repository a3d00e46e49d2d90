"""A document with all that is stored of it, and whether that is still what was stored."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any

from agent_knowledge.types import Passage


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredWhole:
    """All that is stored of a document, as SQLite gives it: of any kind, if it is damaged.

    Attributes:
        source: Name of its source.
        row: Its name, origin, title, uri, date, keywords and content hash.
        text: Its text.
        seal: The checksum that was stored with it.
        passages: Of each passage its number, its span and its title, ordered by number.
        keys: Of each window its passage's number and its key.
    """

    source: str
    row: Sequence[Any]
    text: object
    seal: int
    passages: Sequence[tuple[int, int, int, str]]
    keys: Sequence[tuple[int, str]]

    def sealed(self) -> int:
        """A checksum of all this. It finds damage; it keeps out nobody who can write the file."""
        facts = json.dumps([self.source, self.row, self.passages, self.keys], default=repr)
        text = str(self.text).encode("utf-8", "surrogatepass")
        return zlib.crc32(text, zlib.crc32(facts.encode()))

    @property
    def sound(self) -> bool:
        """Whether it is what was stored."""
        return isinstance(self.text, str) and self.sealed() == self.seal

    def read(self, wanted: Set[int]) -> dict[int, Passage]:
        """Those of its passages that are wanted, by number; it must be sound."""
        name, _, _, uri, date, _, content = self.row
        text = str(self.text)
        found: dict[int, Passage] = {}
        counted, line = 0, 1  # `line` is the line of the character at `counted`
        for number, first, after, title in sorted(self.passages, key=lambda row: row[1]):
            if number not in wanted:
                continue
            line += text.count("\n", counted, first)
            counted = first
            found[number] = Passage(
                source=self.source,
                document=name,
                title=title,
                uri=uri,
                text=text[first:after],
                start=first,
                end=after,
                date=date,
                document_hash=content,
                lines=(line, line + text.count("\n", first, after - 1)),
            )
        return found
