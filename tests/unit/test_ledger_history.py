"""What changed and when; a first indexing is no change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent_knowledge import KnowledgeConfig, load_router
from agent_knowledge.build.indexing import index_sources
from agent_knowledge.ledger.history import Change, History, per_year


def test_only_content_counts(tmp_path: Path):
    history = History(tmp_path)
    for digest in ("a", "a", "b", "b", "a"):
        history.note("source", "faq", digest)
    assert [c.digest for c in history.of("source", "faq")] == ["a", "b", "a"]
    assert [c.first for c in history.of("source", "faq")] == [True, False, False]
    assert history.of("examples", "faq") == ()


def test_a_first_indexing_is_no_change(tmp_path: Path):
    history = History(tmp_path)
    history.note("source", "faq", "a")
    assert history.last_change("source", "faq") is None
    history.note("source", "faq", "b", updated=1)
    last = history.last_change("source", "faq")
    assert last is not None
    assert last.updated == 1


@pytest.mark.parametrize(
    ("days", "changes", "yearly"), [(73, 4, 20.0), (365, 0, 0.0), (0.5, 3, None)]
)
def test_how_often_is_measured_from_what_was_seen(days: float, changes: int, yearly: float | None):
    now = datetime(2026, 6, 1, tzinfo=UTC)
    first = (now - timedelta(days=days)).isoformat()
    seen = [Change(kind="source", name="s", digest="0", at=first, first=True)]
    seen += [Change(kind="source", name="s", digest=str(n), at=first) for n in range(changes)]
    assert per_year(seen, now) == (None if yearly is None else pytest.approx(yearly))
    assert per_year([], now) is None


def test_indexing_writes_down_what_changed(tmp_path: Path):
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.md").write_text("Refunds take 30 days.")
    (tmp_path / "triage.jsonl").write_text('{"input": "late parcel", "output": "shipping"}\n')
    config = KnowledgeConfig.parse(
        "sources: {docs: {path: docs}}\nexamples: {triage: {file: triage.jsonl}}\n"
        "agents: {x: {sources: [docs], examples: [triage]}}"
    ).at(tmp_path)
    history = History(config.store_path)
    index_sources(config)
    (docs / "a.md").touch()
    index_sources(config)
    assert len(history.of("source", "docs")) == len(history.of("examples", "triage")) == 1
    (docs / "a.md").write_text("Refunds take 45 days.")
    (docs / "b.md").write_text("Shipping is free.")
    index_sources(config)
    last = history.last_change("source", "docs")
    assert last is not None
    assert (last.added, last.updated, last.deleted) == (1, 1, 0)


def test_examples_edited_between_two_starts_are_a_change(tmp_path: Path):
    file = tmp_path / "triage.jsonl"
    file.write_text('{"input": "late parcel", "output": "shipping"}\n')
    config = KnowledgeConfig.parse(
        "examples: {triage: {file: triage.jsonl}}\nagents: {x: {examples: [triage]}}"
    ).at(tmp_path)
    load_router(config)
    file.write_text('{"input": "late parcel", "output": "post"}\n')
    load_router(config)
    assert History(config.store_path).last_change("examples", "triage") is not None
