"""Reading a source: a file, a folder or a glob, into documents and what could not be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from agent_knowledge import limits
from agent_knowledge.config.files import UnreadableError, read_bytes
from agent_knowledge.errors import SourceError, shown
from agent_knowledge.retrieval.documents import Document, Failure, fault_of, surrogate_fault
from agent_knowledge.retrieval.files import read_html, read_markdown, read_pdf, read_text
from agent_knowledge.retrieval.rows import File, read_csv, read_json_lines
from agent_knowledge.retrieval.walking import files_of

_ROWS = {
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".csv": read_csv,
    ".tsv": read_csv,
}
_PAGES = {
    **dict.fromkeys((".md", ".markdown", ".mdx"), read_markdown),
    **dict.fromkeys((".html", ".htm", ".xhtml"), read_html),
    ".pdf": read_pdf,
}
_REASONS_SHOWN = 3
_ERROR_CHARACTERS = 200
"""Of the words of another's parser, which may quote the file."""


def read_source(name: str, path: Path) -> Iterator[Document | Failure]:
    """Read every document below a path.

    Hidden files and folders are skipped, see `walking`. Whatever else cannot be read, or whose id
    was seen before, comes as a `Failure` in its place, and all that stands beside it is read.

    Args:
        name: The source's name, for messages.
        path: A file, a folder, or a glob such as `docs/**/*.md`.

    Raises:
        SourceError: Nothing is at `path`, or nothing below it can be read. An index that exists
            is never emptied by that.
    """
    first_seen: dict[str, str] = {}
    failures: list[Failure] = []
    for item in _read_files(name, files_of(name, path)):
        found = _checked(item)
        if isinstance(found, Document):
            if found.id in first_seen:
                found = Failure(
                    where=found.where,
                    reason=f"id {shown(found.id)} was given by {first_seen[found.id]} already, "
                    "which is kept; give every document an id of its own",
                    origin=found.origin,
                    id=found.id,
                )
            else:
                first_seen[found.id] = found.where
        if isinstance(found, Failure):
            failures.append(found)
        yield found
    if not first_seen:
        raise SourceError(_nothing_read(name, path, failures))


def _checked(item: Document | Failure) -> Document | Failure:
    """A document that an index can hold, or why it cannot."""
    fault = fault_of(item) if isinstance(item, Document) else None
    if fault is None or isinstance(item, Failure):
        return item
    known = surrogate_fault(item.id) is None
    return Failure(
        where=item.where, reason=fault, origin=item.origin, id=item.id if known else None
    )


def _nothing_read(name: str, path: Path, failures: list[Failure]) -> str:
    shown = "; ".join(f"{f.where}: {f.reason}" for f in failures[:_REASONS_SHOWN])
    more = len(failures) - _REASONS_SHOWN
    why = f" ({shown}{f'; and {more} more' if more > 0 else ''})" if failures else ""
    return (
        f"source {name!r}: no readable document in {str(path)!r}{why}; expected Markdown, text, "
        "HTML, PDF, CSV or JSON lines. Its index, if there is one, was left as it is; "
        f"to drop it on purpose run: agent-knowledge index --remove {name}"
    )


def _read_files(name: str, files: Iterable[File | Failure]) -> Iterator[Document | Failure]:
    for found in files:
        if isinstance(found, Failure):
            yield found
            continue
        file = replace(found, source=name)
        try:
            read_rows = _ROWS.get(file.path.suffix.lower())
            if read_rows is None:
                yield from _read_page(file)
            else:
                yield from read_rows(file)
        except UnreadableError as error:
            yield Failure(where=file.name, reason=str(error), origin=file.name)
        except OSError as error:
            reason = f"cannot be read ({error.strerror or error})"
            yield Failure(where=file.name, reason=reason, origin=file.name)


def _read_page(file: File) -> Iterator[Document | Failure]:
    """The document that a file is, and what of the file could not be read."""
    data = read_bytes(file.path, limits.DOCUMENT_BYTES)
    try:
        page = _PAGES.get(file.path.suffix.lower(), read_text)(data)
    except UnreadableError:
        raise
    except Exception as error:  # parsers of others raise whatever a broken file provokes
        msg = f"cannot be parsed ({type(error).__name__}: {str(error)[:_ERROR_CHARACTERS]})"
        raise UnreadableError(msg) from error
    yield Document(
        id=file.name,
        origin=file.name,
        title=page.title[: limits.TITLE_CHARACTERS] or file.path.stem,
        uri=file.address(),
        text=page.text,
        date=page.date,
        metadata=page.fields,
        labels=page.labels,
        where=file.name,
    )
    if page.left_out:
        yield Failure(where=file.name, reason=page.left_out, origin=file.name, id=file.name)
