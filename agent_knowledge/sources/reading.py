"""Reading a source: a file, a folder or a glob, into documents and what could not be read."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from agent_knowledge.errors import SourceError
from agent_knowledge.sources.documents import Document, Failure, UnreadableError
from agent_knowledge.sources.pages import read_html, read_markdown, read_pdf, read_text
from agent_knowledge.sources.rows import File, read_csv, read_json_lines

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


def read_source(name: str, path: Path) -> Iterator[Document | Failure]:
    """Read every document below a path.

    Hidden files and folders are skipped, and so are symlinks that leave the folder. A document
    that cannot be read, or whose id was seen before, comes as a `Failure` in its place.

    Args:
        name: The source's name, for messages.
        path: A file, a folder, or a glob such as `docs/**/*.md`.

    Raises:
        SourceError: Nothing is at `path`, or nothing below it can be read. An index that exists
            is never emptied by that.
    """
    first_seen: dict[str, str] = {}
    failures: list[Failure] = []
    for item in _read_files(name, _files(name, path)):
        found = item
        if isinstance(found, Document):
            if found.id in first_seen:
                found = Failure(
                    where=found.where,
                    reason=f"id {found.id!r} was given by {first_seen[found.id]} already, which "
                    "is kept; give every document an id of its own",
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
                yield _read_page(file)
            else:
                yield from read_rows(file)
        except UnreadableError as error:
            yield Failure(where=file.name, reason=str(error), origin=file.name)
        except OSError as error:
            reason = f"cannot be read ({error.strerror or error})"
            yield Failure(where=file.name, reason=reason, origin=file.name)


def _read_page(file: File) -> Document:
    data = file.path.read_bytes()
    page = _PAGES.get(file.path.suffix.lower(), read_text)(data)
    if not page.text.strip():
        msg = "is empty"
        raise UnreadableError(msg)
    return Document(
        id=file.name,
        origin=file.name,
        title=page.title or file.path.stem,
        uri=file.address(),
        text=page.text,
        date=page.date,
        metadata=page.labels,
        where=file.name,
    )


def _files(name: str, path: Path) -> Iterator[File | Failure]:
    """List the files of a source in a stable order."""
    if path.is_dir():
        yield from _folder_files(path)
    elif path.is_file():
        yield File(path=path, name=path.name)
    elif glob.has_magic(str(path)):
        yield from _glob_files(path)
    else:
        msg = (
            f"source {name!r}: nothing is at {str(path)!r}; expected a file, a folder or a glob. "
            "Its index, if there is one, was left as it is; mend sources."
            f"{name}.path, or drop the index on purpose: agent-knowledge index --remove {name}"
        )
        raise SourceError(msg)


def _folder_files(folder: Path) -> Iterator[File | Failure]:
    errors: list[OSError] = []
    for root, folders, names in os.walk(folder, onerror=errors.append):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for file_name in sorted(names):
            path = Path(root, file_name)
            if not file_name.startswith(".") and _stays_inside(path, folder) and path.is_file():
                yield File(path=path, name=path.relative_to(folder).as_posix())
    for error in errors:
        place = Path(str(error.filename)).relative_to(folder).as_posix()
        reason = f"cannot be listed ({error.strerror})"
        yield Failure(where=f"{place}/", reason=reason, origin=place)


def _glob_files(pattern: Path) -> Iterator[File]:
    parts = pattern.parts
    fixed = next(i for i, part in enumerate(parts) if glob.has_magic(part))
    root = Path(*parts[:fixed])
    # Unlike Path.glob, this leaves hidden files out and does not follow symlinks in `**` forever.
    pattern_below = str(Path(*parts[fixed:]))
    for found in sorted(glob.glob(pattern_below, root_dir=root, recursive=True)):  # noqa: PTH207
        path = root / found
        if path.is_file() and _stays_inside(path, root):
            yield File(path=path, name=Path(found).as_posix())


def _stays_inside(path: Path, folder: Path) -> bool:
    """A symlink must not pull in what lies outside of the folder that was named."""
    return path.resolve().is_relative_to(folder.resolve())
