"""How often data changes: what was declared, what was seen, and which of them counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agent_knowledge.ledger.history import Change
from agent_knowledge.trials.ground import frequency, times

NOW = datetime(2026, 7, 1, tzinfo=UTC)
KEY = "sources.s.changes"


def seen(*days_ago: int) -> tuple[Change, ...]:
    """A first indexing, then changes."""
    ats = [(NOW - timedelta(days=days)).isoformat() for days in days_ago]
    return tuple(
        Change(kind="source", name="s", digest=str(i), at=at, first=i == 0)
        for i, at in enumerate(ats)
    )


def test_what_was_declared_counts_where_nothing_was_seen() -> None:
    found = frequency((), NOW, "s", ("weekly", KEY))
    assert (found.per_year, found.origin, found.note) == (52, "sources.s.changes: weekly", "")


def test_what_was_seen_counts_where_nothing_was_declared() -> None:
    found = frequency(seen(365, 300, 200), NOW, "s")
    assert (found.per_year, found.origin) == (2, "history of s since 2025-07-01")


def test_nobody_knows_where_neither_is_there() -> None:
    assert frequency((), NOW, "s").per_year is None


def test_more_changes_than_declared_count_and_are_told() -> None:
    found = frequency(seen(73, 50, 40, 30, 20, 10), NOW, "s", ("yearly", KEY))
    assert found.per_year == 25
    assert found.origin == "history of s since 2026-04-19"
    assert found.note == "sources.s.changes says yearly"


def test_fewer_changes_than_declared_do_not_count_but_are_told() -> None:
    found = frequency(seen(365, 100), NOW, "s", ("weekly", KEY))
    assert found.per_year == 52
    assert "history of s since 2025-07-01 shows once a year" in found.note
    assert "index sees only what differs between two runs" in found.note


def test_two_that_agree_need_no_note() -> None:
    found = frequency(seen(360, *range(330, 0, -30)), NOW, "s", ("monthly", KEY))
    assert (found.per_year, found.note) == (12, "")


def test_a_change_in_two_days_is_no_frequency_but_many_are() -> None:
    short = frequency(seen(2, 1), NOW, "s")
    assert short.per_year is None
    assert "too short to tell" in short.note
    many = frequency(seen(10, 8, 6, 4), NOW, "s").per_year
    assert many is not None
    assert round(many) == 110


def test_a_source_that_never_changed_in_a_year_never_changes() -> None:
    assert frequency(seen(365), NOW, "s").per_year == 0


@pytest.mark.parametrize(
    ("per_year", "said"),
    [
        (None, "unknown"),
        (0, "never"),
        (1, "once a year"),
        (2.53, "2.5 times a year"),
        (52, "52 times a year"),
        (8760, "8,760 times a year"),
    ],
)
def test_a_frequency_is_put_in_words(per_year: float | None, said: str) -> None:
    assert times(per_year) == said
