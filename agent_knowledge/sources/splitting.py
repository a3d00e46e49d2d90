"""Splitting a document into passages: along its headings, then into windows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from langchain_text_splitters import RecursiveCharacterTextSplitter

from agent_knowledge.sources.documents import Document
from agent_knowledge.sources.headings import headings

WINDOW = 800
"""Characters a passage at most."""
WHOLE_ROW = 1600
"""A row of a table up to here stays one passage."""
_BLOCK = 100_000
"""Longer sections are cut into blocks first, so that splitting needs memory for one block only."""

_SPLITTER = RecursiveCharacterTextSplitter(
    chunk_size=WINDOW, chunk_overlap=0, add_start_index=True, keep_separator="end"
)


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
    if document.row and len(text) <= WHOLE_ROW:
        return list(_trimmed(text, 0, len(text), document.title))
    return [span for section in _sections(document) for span in _windows(text, section)]


def _sections(document: Document) -> Iterator[Span]:
    """Cut along headings. A heading with no body of its own only lends its name to the path."""
    text = document.text
    path: list[tuple[int, str]] = []
    start = body = 0
    title = document.title
    found_any = False
    for heading in headings(text):
        if text[body : heading.start].strip():
            found_any = True
            yield Span(start, heading.start, title)
        path = [(level, name) for level, name in path if level < heading.level]
        path.append((heading.level, heading.title))
        start, body = heading.start, heading.end
        title = _title(document.title, [name for _, name in path])
    if text[body:].strip():
        yield Span(start, len(text), title)
    elif not found_any:  # headings only: then they are the content
        yield Span(0, len(text), document.title)


def _title(document: str, path: list[str]) -> str:
    if document and (not path or path[0] != document):
        path = [document, *path]
    return " > ".join(path)


def _windows(text: str, section: Span) -> Iterator[Span]:
    for start, end in _blocks(text, section):
        block = text[start:end]
        if len(block) <= WINDOW:
            yield from _trimmed(text, start, end, section.title)
            continue
        for chunk in _SPLITTER.create_documents([block]):
            found = chunk.metadata["start_index"]
            at = start + found
            yield from _trimmed(text, at, at + len(chunk.page_content), section.title)


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
