"""Splitting a document into passages: along its headings, into pieces that fit, as searched."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from langchain_core.documents import Document as Chunk
from langchain_text_splitters import RecursiveCharacterTextSplitter

from agent_knowledge import limits
from agent_knowledge.retrieval.reading import code
from agent_knowledge.retrieval.reading.documents import Document
from agent_knowledge.retrieval.reading.headings import headings

PASSAGE = 1600
"""Characters a passage at most; five of them are the default token budget of an agent. A row of a
table up to here stays whole, whatever headings are in it. Halved, five passages held 0.82 of the
characters wanted instead of 0.911, on five raw corpora (docs/adr/0009)."""
LONGEST_NAME = 300
"""Characters of a title or heading that name a passage. Each passage below bears them, so that a
heading as long as its document would take the square of its length to store."""
_BLOCK = 100_000
"""Longer sections are cut into blocks first, so that splitting needs memory for one block only."""


@dataclass(frozen=True, slots=True)
class Span:
    """A passage of a text: `text[start:end]`, with its title and heading path."""

    start: int
    end: int
    title: str


def split(document: Document) -> list[Span]:
    """Split a document into passages.

    Returns:
        Spans in order, none empty, none with white space at an end, together holding every
        character that is neither white space nor part of a heading without a body.
    """
    text = document.text
    if document.vector is not None or (document.row and len(text) <= PASSAGE):
        return list(_trimmed(text, 0, len(text), _name(document.title)))
    suffix = code.suffix_of(document.origin)
    sections = _definitions(document, suffix) if suffix else _sections(document)
    return [span for section in sections for span in _passages(text, section)]


def _definitions(document: Document, suffix: str) -> Iterator[Span]:
    """Cut code along its definitions."""
    name = _name(document.title)
    for part in code.parts(document.text, suffix, PASSAGE):
        yield Span(part.start, part.end, _title(name, [*map(_name, part.names)]))


def _sections(document: Document) -> Iterator[Span]:
    """Cut along headings. A heading with no body of its own only lends its name to the path."""
    text = document.text
    path: list[tuple[int, str]] = []
    start = body = len(text) - len(text.lstrip())  # blank where front matter was
    name = title = _name(document.title)
    found_any = False
    for heading in headings(text):
        if text[body : heading.start].strip():
            found_any = True
            yield Span(start, heading.start, title)
        path = [(level, above) for level, above in path if level < heading.level]
        path.append((heading.level, _name(heading.title)))
        start, body = heading.start, heading.end
        title = _title(name, [above for _, above in path])
    if text[body:].strip():
        yield Span(start, len(text), title)
    elif not found_any:  # headings only: then they are the content
        yield Span(0, len(text), name)


def _name(title: str) -> str:
    return title if len(title) <= LONGEST_NAME else f"{title[: LONGEST_NAME - 1].rstrip()}…"


def _title(document: str, path: list[str]) -> str:
    if document and (not path or path[0] != document):
        path = [document, *path]
    return " > ".join(path)[: limits.TITLE_CHARACTERS]


def even_pieces(text: str, most: int) -> list[str]:
    """Cut a text at paragraphs, lines, sentences' spaces, into pieces of about the same length.

    Args:
        text: Any text.
        most: Characters a piece at most.

    Returns:
        The pieces in order, trimmed, so that each is found in `text`; a text that fits is one.
    """
    return [chunk.page_content for chunk in _pieces(text, most)]


def _pieces(text: str, most: int) -> list[Chunk]:
    count = -(-len(text) // most)
    if count <= 1:
        return [Chunk(text, metadata={"start_index": 0})]
    # Pieces end where the text lets them, so an even share needs some room.
    size = min(most, int(len(text) / count * 1.1) + 1)
    return RecursiveCharacterTextSplitter(
        chunk_size=size, chunk_overlap=0, add_start_index=True, keep_separator="end"
    ).create_documents([text])


def _passages(text: str, section: Span) -> Iterator[Span]:
    for start, end in _blocks(text, section):
        for piece in _pieces(text[start:end], PASSAGE):
            at = start + piece.metadata["start_index"]
            yield from _trimmed(text, at, at + len(piece.page_content), section.title)


def _blocks(text: str, section: Span) -> Iterator[tuple[int, int]]:
    start = section.start
    while section.end - start > _BLOCK:
        end = start + _BLOCK
        cut = max(text.rfind(mark, start + _BLOCK // 2, end) for mark in ("\n", " "))
        end = cut + 1 if cut > 0 else end
        yield start, end
        start = end
    yield start, section.end


def _trimmed(text: str, start: int, end: int, title: str) -> Iterator[Span]:
    passage = text[start:end]
    start += len(passage) - len(passage.lstrip())
    end -= len(passage) - len(passage.rstrip())
    if start < end:
        yield Span(start, end, title)


WINDOW = 800
"""Characters that one vector stands for. A passage is longer, and as near to a query as the
nearest of its windows: the packaged model reads no more than about a thousand characters, and a
vector of less text says it more clearly. Doubled, nDCG@10 on docs_rag fell from 0.821 to 0.802
(docs/adr/0009)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """A passage as both searches see it."""

    number: int
    title: str
    keywords: str
    text: str

    @property
    def words(self) -> str:
        """What the lexical search reads: title with heading path, keywords, text.

        A title that ends with a definition of code is told in words too.
        """
        return self._with_title(self.text)

    @property
    def windows(self) -> Mapping[str, str]:
        """What is embedded, by key: each window of the text under the passage's title.

        The key is a hash of exactly what is embedded, so what is unchanged keeps its vector even
        when its document changed around it, and writing a vector twice changes nothing.
        """
        texts = [self._with_title(text) for text in even_pieces(self.text, WINDOW)]
        return {_key(text): text for text in texts}

    def key_of(self, vector_hash: str) -> str:
        """The key of a vector that the passage came with, by the vector's own hash."""
        return _key(vector_hash + self.text)

    def _with_title(self, text: str) -> str:
        return "\n".join(
            part for part in (self.title, code.spoken(self.title), self.keywords, text) if part
        )


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
