"""What changed in the agent's data, and when: written by `index`, read by the gate and `advise`.

A first indexing is no change, and a file's time counts for nothing: only content does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from agent_knowledge.ledger.records import Records

FILE = "history.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One state of a source or an example set that differed from the one before.

    Attributes:
        kind: What it is.
        name: Its name in the configuration.
        digest: Hash of its content from then on.
        at: ISO time, UTC.
        first: It was indexed for the first time, which is no change.
        added: Documents or examples that were new.
        updated: Documents that differed.
        deleted: Documents or examples that were gone.
    """

    kind: Literal["source", "examples"]
    name: str
    digest: str
    at: str
    first: bool = False
    added: int = 0
    updated: int = 0
    deleted: int = 0


class History:
    """The changes of one store's data."""

    def __init__(self, store: Path) -> None:
        """Open the history of a store's folder; nothing is read yet."""
        self._records = Records(store / FILE, Change)

    def note(
        self,
        kind: Literal["source", "examples"],
        name: str,
        digest: str,
        *,
        added: int = 0,
        updated: int = 0,
        deleted: int = 0,
    ) -> None:
        """Write a change down, unless the content is what it was."""
        before = self.of(kind, name)
        if before and before[-1].digest == digest:
            return
        change = Change(
            kind=kind,
            name=name,
            digest=digest,
            at=now(),
            first=not before,
            added=added,
            updated=updated,
            deleted=deleted,
        )
        self._records.append(change)

    def of(self, kind: Literal["source", "examples"], name: str) -> tuple[Change, ...]:
        """All states of one source or set, oldest first; the first of them is no change."""
        rows = self._records.read()
        return tuple(row for row in rows if row.kind == kind and row.name == name)

    def last_change(self, kind: Literal["source", "examples"], name: str) -> Change | None:
        """The last change proper, if there was one."""
        return next((row for row in reversed(self.of(kind, name)) if not row.first), None)


def now() -> str:
    """The time as ISO text, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def per_year(changes: Sequence[Change], until: datetime) -> float | None:
    """How often something changes, from what was seen of it.

    Args:
        changes: From `History.of`.
        until: Now.

    Returns:
        Changes a year; None where less than a day was seen, which tells nothing.
    """
    if not changes:
        return None
    days = (until - datetime.fromisoformat(changes[0].at)).total_seconds() / 86_400
    return sum(not row.first for row in changes) * 365 / days if days >= 1 else None
