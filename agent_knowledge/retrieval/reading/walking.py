"""The files of a source: of a folder, or of a glob such as `docs/**/*.md`, in a stable order.

One walk serves both, without recursion: a folder is the glob `**/*`. Hidden files and folders are
left out. A link to a folder is followed only where the pattern names its place, never by `**`, so
that no loop of links is ever entered; a link out of the source is reported, not followed.
"""

from __future__ import annotations

import errno
import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from agent_knowledge.config.files import kind_of
from agent_knowledge.errors import SourceError, shown
from agent_knowledge.retrieval.reading.documents import Failure
from agent_knowledge.retrieval.reading.rows import File

_ANY_FOLDERS = "**"
_WHOLE_FOLDER = (_ANY_FOLDERS, "*")
_States = frozenset[int]
"""Which parts of a pattern may come next, by their place in it."""


def files_of(name: str, path: Path) -> Iterator[File | Failure]:
    """List the files of a source, sorted folder by folder, and what cannot be one.

    Args:
        name: The source's name, for messages.
        path: A file, a folder or a glob.

    Raises:
        SourceError: Nothing is at `path`, or it cannot be looked at.
    """
    try:
        if path.is_dir():
            yield from _walk(path, _WHOLE_FOLDER)
        elif path.is_file():
            yield File(path=path, name=path.name)
        elif glob.has_magic(str(path)) and not os.path.lexists(path):
            yield from _walk(*_fixed(path))
        else:
            raise SourceError(_nothing(name, path))
    except OSError as error:
        msg = f"source {name!r}: {shown(str(path))} cannot be read ({error.strerror or error}). "
        raise SourceError(msg + _what_to_do(name)) from error


@dataclass(frozen=True, slots=True)
class Place:
    """Where the files of a source are: below a folder, or one file of it alone."""

    folder: Path
    file: Path | None = None

    def holds(self, path: Path) -> bool:
        """Whether something at an absolute path may belong to the source."""
        return path == self.file if self.file else path.is_relative_to(self.folder)


def place_of(path: Path) -> Place | None:
    """Where the files of a source are.

    Args:
        path: A file, a folder or a glob.

    Returns:
        None when nothing is there.
    """
    if path.is_file():
        folder = path.parent.resolve()
        return Place(folder, folder / path.name)
    root = path if path.is_dir() else _fixed(path)[0]
    return Place(root.resolve()) if root.is_dir() else None


def _fixed(path: Path) -> tuple[Path, tuple[str, ...]]:
    """The folder that a glob begins in, and the rest of it; of no glob the whole, and nothing."""
    magic = (n for n, part in enumerate(path.parts) if glob.has_magic(part))
    cut = next(magic, len(path.parts))
    return Path(*path.parts[:cut]), path.parts[cut:]


def _nothing(name: str, path: Path) -> str:
    if os.path.lexists(path):
        what = f"{shown(str(path))} {_other(path)}"
    else:
        what = f"nothing is at {shown(str(path))}"
    return f"source {name!r}: {what}; expected a file, a folder or a glob. {_what_to_do(name)}"


def _what_to_do(name: str) -> str:
    return (
        f"Its index, if there is one, was left as it is; mend sources.{name}.path, or drop the "
        f"index on purpose: agent-knowledge index --remove {name}"
    )


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder on the way: where it is below the root, and what may come next in the pattern."""

    below: str
    states: _States


def _walk(root: Path, parts: tuple[str, ...]) -> Iterator[File | Failure]:
    """Walk a folder along a pattern."""
    inside = os.path.realpath(root)
    pending = [_Folder("", _with_skips(parts, {0}))]
    while pending:
        folder = pending.pop()
        below: list[_Folder] = []
        try:
            with os.scandir(root / folder.below) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            reason = f"cannot be listed ({error.strerror or error})"
            place = folder.below or "."
            yield Failure(where=f"{place}/", reason=reason, origin=place)
            continue
        for entry in entries:
            states = _advance(parts, folder.states, entry.name)
            if not states:
                continue
            place = f"{folder.below}/{entry.name}" if folder.below else entry.name
            found_here = _found(Path(entry.path), place, inside, link=entry.is_symlink())
            if isinstance(found_here, _Folder):
                if entry.is_symlink():
                    states = _with_skips(parts, _named(parts, folder.states, entry.name))
                if any(state < len(parts) for state in states):
                    below.append(_Folder(place, states))
            elif _accepts(parts, folder.states, entry.name) or os.path.isdir(entry.path):  # noqa: PTH112 - raises nothing
                yield found_here
        pending += reversed(below)


def _found(path: Path, place: str, inside: str, *, link: bool) -> File | Failure | _Folder:
    """What stands at a place: a file, a folder to walk, or what is neither."""
    try:
        place.encode()
    except UnicodeEncodeError:
        return _failure(place, "has a name that is not UTF-8; rename it")
    if link:
        fault = _link_fault(path, inside)
        if fault:
            return _failure(place, fault)
    try:
        kind = kind_of(path)
    except OSError as error:
        return _failure(place, f"cannot be read ({error.strerror or error})")
    if kind == "a folder":
        return _Folder(place, frozenset())
    if kind is not None:
        return _failure(place, f"is {kind}, expected a file")
    return File(path=path, name=place)


def _link_fault(path: Path, inside: str) -> str | None:
    """Why a link is not followed; None when it may be."""
    if not os.path.exists(path):  # noqa: PTH110 - unlike Path's, it raises nothing
        return _other(path)
    if not Path(os.path.realpath(path)).is_relative_to(inside):
        return "is a link that leads out of the source, and is not followed; put a copy there"
    return None


def _other(path: Path) -> str:
    """What is at a path that is neither file nor folder, or cannot be looked at."""
    try:
        kind = kind_of(path)
    except OSError as error:
        if error.errno == errno.ELOOP:
            return "is a link that leads back to itself"
        if error.errno in {errno.ENOENT, errno.ENOTDIR}:
            return "is a link that leads nowhere"
        return f"cannot be read ({error.strerror or error})"
    return f"is {kind or 'a file'}"


def _failure(place: str, reason: str) -> Failure:
    """A failure at a place; the bytes of its name that are no UTF-8 are shown as U+FFFD."""
    where = os.fsencode(place).decode(errors="replace")
    return Failure(where=where, reason=reason, origin=where)


def _with_skips(parts: tuple[str, ...], states: Iterable[int]) -> _States:
    """The states, with those behind each `**`, which also stands for no folder at all."""
    found = set(states)
    for place, part in enumerate(parts):
        if place in found and part == _ANY_FOLDERS:
            found.add(place + 1)
    return frozenset(found)


def _advance(parts: tuple[str, ...], states: _States, name: str) -> _States:
    """What may come next behind a name; nothing where the pattern leaves it out."""
    return _with_skips(parts, _passed(parts, states, name) | _named(parts, states, name))


def _passed(parts: tuple[str, ...], states: _States, name: str) -> set[int]:
    """The `**` among the states that a name is passed by."""
    hidden = name.startswith(".")
    return {s for s in states if s < len(parts) and parts[s] == _ANY_FOLDERS and not hidden}


def _named(parts: tuple[str, ...], states: _States, name: str) -> set[int]:
    """What comes next where a part of the pattern other than `**` stands for the name."""
    return {
        state + 1
        for state in states
        if state < len(parts) and parts[state] != _ANY_FOLDERS and _matches(name, parts[state])
    }


def _accepts(parts: tuple[str, ...], states: _States, name: str) -> bool:
    """Whether a file of that name is what the pattern looks for."""
    whole = len(parts)
    return whole in _named(parts, states, name) or whole - 1 in _passed(parts, states, name)


def _matches(name: str, part: str) -> bool:
    if name.startswith(".") and not part.startswith("."):
        return False
    return fnmatchcase(name, part)
