"""Reading a source, whatever it is, into documents and what could not be read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from agent_knowledge import limits
from agent_knowledge.config import SourceConfig
from agent_knowledge.config.files import UnreadableError, read_bytes
from agent_knowledge.errors import SourceError, shown
from agent_knowledge.retrieval.reading import code
from agent_knowledge.retrieval.reading.documents import (
    Document,
    Failure,
    Item,
    Known,
    character_fault,
    fault_of,
)
from agent_knowledge.retrieval.reading.loaders import Loads, read_loader
from agent_knowledge.retrieval.reading.parsing import parsed
from agent_knowledge.retrieval.reading.rows import File, read_csv, read_json_lines
from agent_knowledge.retrieval.reading.walking import files_of

_ROWS = {
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".csv": read_csv,
    ".tsv": read_csv,
}
_REASONS_SHOWN = 3
"""Of a source of which nothing can be read: a limit of the message."""


def read_any(
    name: str,
    spec: SourceConfig,
    *,
    path: Path | None = None,
    loader: Loads | None = None,
    known: Mapping[str, Known] | None = None,
    allow_private: Collection[str] = (),
) -> Iterable[Item]:
    """Read a source, whatever it is: files, web pages, a sitemap or a LangChain loader.

    Whatever cannot be read, or whose id was seen before, comes as a `Failure` in its place, and all
    that stands beside it is read.

    Args:
        name: The source's name, for messages.
        spec: What it is.
        path: Where its `path` leads, if it has one.
        loader: What its `loader` names, if it has one.
        known: What servers said of the pages that may stay as they are stored, by id.
        allow_private: Hosts that may be at private addresses, as the host program says.

    Returns:
        What can be read as often as it takes; reading begins with the first item.

    Raises:
        SourceError: When it is read: it is not there, or nothing of it can be read. An index that
            exists is never emptied by that.
    """
    if path is not None:
        return _Readable(partial(read_source, name, path))
    if loader is not None:
        loaded = partial(read_loader, name, loader)
        return _Readable(lambda: _each_once(name, "what the loader gave", loaded()))
    return _Readable(partial(_read_pages, name, spec, known or {}, allow_private))


@dataclass(frozen=True, slots=True)
class _Readable:
    """Items that are read each time they are asked for, and not before."""

    read: Callable[[], Iterator[Item]]

    def __iter__(self) -> Iterator[Item]:
        return self.read()


def _read_pages(
    name: str, spec: SourceConfig, known: Mapping[str, Known], allow_private: Collection[str]
) -> Iterator[Item]:
    # Only who reads the web loads what speaks its protocols.
    from agent_knowledge.retrieval.reading.fetching import Fetcher  # noqa: PLC0415
    from agent_knowledge.retrieval.reading.web import read_web  # noqa: PLC0415

    given = [spec.url] if isinstance(spec.url, str) else [*(spec.url or ())]
    given += [spec.sitemap] if spec.sitemap else []
    with Fetcher(allow_private=allow_private, given=given) as fetcher:
        pages = read_web(name, spec, fetcher, known)
        yield from _each_once(name, "what the web gave", pages)


def read_source(name: str, path: Path) -> Iterator[Item]:
    """Read every document below a path; see `read_any`.

    Hidden files and folders are skipped, see `walking`.

    Args:
        name: The source's name, for messages.
        path: A file, a folder, or a glob such as `docs/**/*.md`.

    Raises:
        SourceError: Nothing is at `path`, or nothing below it can be read.
    """
    yield from _each_once(name, repr(str(path)), _read_files(name, files_of(name, path)))


def _each_once(name: str, place: str, items: Iterable[Item]) -> Iterator[Item]:
    """Items that an index can hold, each id once.

    Raises:
        SourceError: None of them is a document.
    """
    first_seen: dict[str, str] = {}
    failures: list[Failure] = []
    for item in items:
        found = _checked(item)
        if not isinstance(found, Failure):
            where = found.where if isinstance(found, Document) else found.id
            if found.id in first_seen:
                found = Failure(
                    where=where,
                    reason=f"id {shown(found.id)} was given by {first_seen[found.id]} already, "
                    "which is kept; give every document an id of its own",
                    origin=found.origin if isinstance(found, Document) else found.id,
                    id=found.id,
                )
            else:
                first_seen[found.id] = where
        if isinstance(found, Failure):
            failures.append(found)
        yield found
    if not first_seen:
        raise SourceError(_nothing_read(name, place, failures))


def _checked(item: Item) -> Item:
    """A document that an index can hold, or why it cannot."""
    fault = fault_of(item) if isinstance(item, Document) else None
    if fault is None or not isinstance(item, Document):
        return item
    known = character_fault(item.id) is None
    return Failure(
        where=item.where, reason=fault, origin=item.origin, id=item.id if known else None
    )


def _nothing_read(name: str, place: str, failures: list[Failure]) -> str:
    shown = "; ".join(f"{f.where}: {f.reason}" for f in failures[:_REASONS_SHOWN])
    more = len(failures) - _REASONS_SHOWN
    why = f" ({shown}{f'; and {more} more' if more > 0 else ''})" if failures else ""
    return (
        f"source {name!r}: no readable document in {place}{why}; expected Markdown, text, "
        "HTML, PDF, office files, code, CSV or JSON lines. Its index, if there is one, was left "
        f"as it is; to drop it on purpose run: agent-knowledge index --remove {name}"
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


def _title(file: File) -> str:
    """What a file goes by that has no title: code by its path, which says what it is part of."""
    is_code = file.path.suffix.lower() in code.SUFFIXES
    return file.name[-limits.TITLE_CHARACTERS :] if is_code else file.path.stem


def _read_page(file: File) -> Iterator[Document | Failure]:
    """The document that a file is, and what of the file could not be read."""
    page = parsed(read_bytes(file.path, limits.DOCUMENT_BYTES), file.path.suffix)
    yield Document(
        id=file.name,
        origin=file.name,
        title=page.title[: limits.TITLE_CHARACTERS] or _title(file),
        uri=file.address(),
        text=page.text,
        date=page.date,
        metadata=page.fields,
        labels=page.labels,
        where=file.name,
    )
    if page.left_out:
        yield Failure(where=file.name, reason=page.left_out, origin=file.name, id=file.name)
