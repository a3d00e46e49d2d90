"""What the last index run did with each source: written by `index`, read by whoever shows sources.

Only the last run counts, so a run takes the place of the one before it and the file stays small.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from pydantic import TypeAdapter, ValidationError

from agent_knowledge.errors import SourceError, as_written
from agent_knowledge.ledger.history import now

FILE = "runs.json"
MOST_FAILURES = 50
"""Documents that are named of a run; how many failed is told of all: a limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRun:
    """What a run did with one source.

    Attributes:
        at: ISO time when it ended, UTC.
        documents: How many it read, those that were as before among them.
        passages: How many passages the source then held.
        added: Documents that were new.
        updated: Documents that differed.
        deleted: Documents that were gone.
        failed: How many could not be read.
        failures: Where the first of those are, each with the reason.
        error: Why the source as a whole could not be indexed; what was there before is kept.
    """

    at: str
    documents: int = 0
    passages: int = 0
    added: int = 0
    updated: int = 0
    deleted: int = 0
    failed: int = 0
    failures: tuple[tuple[str, str], ...] = ()
    error: str = ""


_RUNS: TypeAdapter[dict[str, IndexRun]] = TypeAdapter(dict[str, IndexRun])


class IndexRuns:
    """The last run of each source of one store."""

    def __init__(self, store: Path) -> None:
        """Open the record of a store's folder; nothing is read yet."""
        self._file = store / FILE

    def note(self, source: str, run: IndexRun) -> None:
        """Write down what a run did.

        Raises:
            OSError: The store cannot be written.
        """
        self._change(lambda runs: runs.update({source: run}))

    def failed(self, source: str, why: str) -> None:
        """Write down that a source could not be indexed; what it held it still holds.

        Raises:
            OSError: The store cannot be written.
        """
        before = self.all().get(source)
        held = (before.documents, before.passages) if before else (0, 0)
        run = IndexRun(at=now(), documents=held[0], passages=held[1], error=as_written(why))
        self.note(source, run)

    def forget(self, sources: Iterable[str]) -> None:
        """Drop what is known of sources that were removed.

        Raises:
            OSError: The store cannot be written.
        """
        gone = set(sources) & self.all().keys()
        if gone:
            self._change(lambda runs: [runs.pop(name, None) for name in gone])

    def all(self) -> Mapping[str, IndexRun]:
        """The last run of each source, by its name; a file that is damaged counts for nothing.

        Raises:
            SourceError: There is a file, and it cannot be read.
        """
        try:
            return _RUNS.validate_json(self._file.read_bytes())
        except (FileNotFoundError, NotADirectoryError, ValidationError):
            return {}
        except OSError as error:
            msg = f"{str(self._file)!r} cannot be read ({error.strerror}); let this user read it"
            raise SourceError(msg) from error

    def _change(self, change: Callable[[dict[str, IndexRun]], object]) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{self._file}.lock"):
            runs = dict(self.all())
            change(runs)
            new = self._file.with_suffix(".new")
            new.write_bytes(_RUNS.dump_json(runs))
            os.replace(new, self._file)  # noqa: PTH105 - whole or not at all


def failures_of(failed: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The failures of a run as they are kept: the first ones, with no value of a variable."""
    kept = list(failed)[:MOST_FAILURES]
    return tuple((as_written(where), as_written(why)) for where, why in kept)
