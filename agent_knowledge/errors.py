"""What can go wrong, as a tree that a caller can catch at the height it needs.

    AgentKnowledgeError
    ├── UserError            something given to us is wrong: mend it and call again
    │   ├── ConfigError          the configuration, or what it names
    │   ├── MissingExtraError    an optional dependency is not installed
    │   └── InputError           a task, file or argument
    │       └── TenantMissingError     nobody said whose documents may be searched
    └── RunError             the input was fine, the run was not
        ├── SourceError          a source or its index cannot serve
        │   └── StoreError             the store behind it
        │       ├── StoreUnavailableError      is down, or too slow
        │       ├── StoreVersionError          is of another version
        │       ├── StoreReadOnlyError         may not be written
        │       └── StoreFullError             is full
        ├── EndpointError        a model or endpoint failed
        │   └── BrokenStreamError      after part of its answer was passed on
        ├── StoreLockedError     another process is writing the store
        └── CitationError        an answer's citations cannot be honoured

A message says what is wrong, the value, what is accepted and the next step. Being unsure how to
route a task is no error: it is a `Decision`.
"""

from __future__ import annotations

import difflib
import re
import reprlib
from collections.abc import Iterable
from pathlib import PurePath
from traceback import format_tb
from typing import Any

DISTRIBUTION = "langchain-agent-knowledge"
"""What pip knows the package by."""
_SECRET_CHARACTERS = 8
"""A shorter value is no secret (what NIST SP 800-63B asks of a password at least), and would be
found in words by chance."""
_WORD = re.compile(r"\S+")
_expanded: dict[str, str] = {}


def hide(value: str, written: str) -> None:
    """From now on, no message of ours shows what a variable of a configuration holds.

    Args:
        value: What it holds; left alone when it is too short to be a secret.
        written: What is shown instead: the variable as the configuration writes it.
    """
    kept = value.rstrip("/")  # as a path does in a message
    if len(kept) >= _SECRET_CHARACTERS:
        _expanded[kept] = _expanded[repr(kept)[1:-1]] = written  # a message quotes what it names


def as_written(text: str) -> str:
    """A text with what variables hold turned back into the variables, as `${NAME}`."""
    for value in sorted(_expanded, key=len, reverse=True):
        text = text.replace(value, _expanded[value])
    return text


def without_password(text: str) -> str:
    """What another's error says, with no address in it that tells a user and a password."""
    return _WORD.sub(_masked, text)


def _masked(found: re.Match[str]) -> str:
    """A word; of an address, all to the last @: a password that was not escaped may hold one."""
    before, at, after = found[0].rpartition("@")
    place = before.find("//")
    return f"{before[:place]}//***@{after}" if at and place >= 0 else found[0]


class AgentKnowledgeError(Exception):
    """Base of every error that this package raises on purpose.

    Its message never shows what a variable of a configuration holds.
    """

    def __init__(self, *args: object) -> None:
        super().__init__(*(as_written(arg) if isinstance(arg, str) else arg for arg in args))


class UserError(AgentKnowledgeError):
    """Something given to the package is wrong."""


class ConfigError(UserError):
    """The configuration, or something that it names, is wrong."""


class MissingExtraError(UserError):
    """An optional dependency is needed and not installed; the message has the pip line."""


class InputError(UserError):
    """A task, a file or an argument is wrong."""


class TenantMissingError(InputError):
    """A source keeps its tenants apart, and the host named none at run time."""


class RunError(AgentKnowledgeError):
    """The input was fine and the run failed."""


class SourceError(RunError):
    """A source, or its index, cannot serve."""


class StoreError(SourceError):
    """The store behind sources cannot serve."""


class StoreUnavailableError(StoreError):
    """A store is down, or did not answer in time."""


class StoreVersionError(StoreError):
    """A store, its extension or its tables are of a version that cannot be used."""


class StoreReadOnlyError(StoreError):
    """A store may not be written."""


class StoreFullError(StoreError):
    """A store has no room left; nothing of the run is half written."""


class EndpointError(RunError):
    """A model or an endpoint failed, or answered what cannot be used."""


class BrokenStreamError(EndpointError):
    """An endpoint broke off after part of its answer was passed on; none other may follow it."""


class StoreLockedError(RunError):
    """Another process is writing the store."""


class CitationError(RunError):
    """An answer's citations cannot be honoured."""


_MOST_SHOWN = 80
"""Characters of a value in a message: enough to find it by, whatever it holds."""
_MOST_NAMED = 20
"""Known names in a message: a limit."""


class _Repr(reprlib.Repr):
    """Short, and with variables as they are written: a value that is cut would not be known."""

    def repr_str(self, x: str, level: int) -> str:
        return super().repr_str(as_written(x), level)

    def repr_instance(self, x: Any, level: int) -> str:
        if isinstance(x, PurePath):
            return f"{type(x).__name__}({self.repr_str(str(x), level)})"
        return super().repr_instance(x, level)


_repr = _Repr()
_repr.maxstring = _repr.maxother = _repr.maxlong = _MOST_SHOWN
_repr.maxlevel = 3


def without_words(error: BaseException) -> str:
    """What kind of error it is and where it came from, for a log.

    Its own words may hold what somebody asked, or a key.
    """
    return f"{type(error).__name__}\n{''.join(format_tb(error.__traceback__))}".rstrip()


def shown(value: Any) -> str:
    """A value as a message shows it: its `repr`, short however large the value is."""
    text = _repr.repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 3]}..."


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known name is meant, or list them, as the end of a message.

    Args:
        name: The unknown name.
        known: The names that would have been accepted.

    Returns:
        `"did you mean 'x'?"` when one is close, else `"known: a, b"`, else `"none is defined"`.
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    more = len(names) - _MOST_NAMED
    listed = ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"known: {listed}" if names else "none is defined"
