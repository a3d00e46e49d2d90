"""The one table of what reads a file that is one document, by its suffix."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agent_knowledge.config.files import UnreadableError
from agent_knowledge.retrieval.reading import office
from agent_knowledge.retrieval.reading.documents import Page
from agent_knowledge.retrieval.reading.files import read_html, read_markdown, read_pdf, read_text

Reader = Callable[[bytes], Page]


def _older_than(suffix: str) -> Reader:
    """Stands for the reader of a format before Office Open XML."""

    def refuse(_: bytes) -> Page:
        msg = f"is of an older format, which is not read; save it as {suffix}"
        raise UnreadableError(msg)

    return refuse


READERS: Mapping[str, Reader] = {
    **dict.fromkeys((".md", ".markdown", ".mdx"), read_markdown),
    **dict.fromkeys((".html", ".htm", ".xhtml"), read_html),
    ".pdf": read_pdf,
    **office.READERS,
    **{old: _older_than(f"{old}x") for old in (".doc", ".ppt", ".xls")},
}
_ERROR_CHARACTERS = 200
"""Of the words of another's parser, which may quote the file."""


def parsed(data: bytes, suffix: str, readers: Mapping[str, Reader] = READERS) -> Page:
    """Read a document by its suffix; text, where no reader is known for it.

    Raises:
        UnreadableError: It cannot be read.
    """
    try:
        return readers.get(suffix.lower(), read_text)(data)
    except UnreadableError:
        raise
    except Exception as error:  # parsers of others raise whatever a broken file provokes
        msg = f"cannot be parsed ({type(error).__name__}: {str(error)[:_ERROR_CHARACTERS]})"
        raise UnreadableError(msg) from error
