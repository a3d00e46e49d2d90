"""What is told of an agent's sources: what they hold, how old that is, what could not be read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent_knowledge import KnowledgeConfig, index_sources
from agent_knowledge.build.indexing import remove_sources
from agent_knowledge.build.states import source_states
from agent_knowledge.ledger.runs import FILE, MOST_FAILURES, IndexRuns

WRITTEN = """
store: {path: store}
sources:
  docs: {path: docs, description: What we sell}
  gone: {path: "${PLACE}/nothing-here"}
  search: {external: true}
agents:
  desk: {sources: [docs, gone, search]}
"""


@pytest.fixture
def desk(tmp_path: Path) -> KnowledgeConfig:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "lamps.md").write_text("# Lamps\n\nLamps are made of brass.\n")
    (tmp_path / "docs" / "stools.md").write_text("# Stools\n\nStools are made of pine.\n")
    (tmp_path / "docs" / "broken.jsonl").write_text("{")
    return KnowledgeConfig.parse(WRITTEN).at(tmp_path)


def test_what_was_never_indexed_says_so(desk: KnowledgeConfig) -> None:
    docs, _, search = source_states(desk, "desk")
    assert docs.passages is None
    assert "agent-knowledge index" in docs.error
    assert (docs.last, docs.changed_at) == (None, None)
    assert (search.external, search.error, search.kind) == (True, "", "external search")


def test_a_run_leaves_documents_age_and_failures(
    desk: KnowledgeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLACE", "nobodys-place")
    index_sources(desk)
    docs, gone, _ = source_states(desk, "desk")
    assert docs.last
    assert (docs.passages, docs.last.documents, docs.last.failed, docs.error) == (2, 2, 1, "")
    assert docs.last.failures[0][0] == "broken.jsonl line 1"
    assert abs((datetime.now(UTC) - datetime.fromisoformat(docs.last.at)).total_seconds()) < 600
    assert gone.last
    assert "${PLACE}" in gone.last.error
    assert "nobodys" not in (desk.store_path / FILE).read_text()


def test_only_the_last_run_is_kept(desk: KnowledgeConfig) -> None:
    for _ in range(2):
        index_sources(desk, ["docs"])
    (docs, *_) = source_states(desk, "desk")
    assert docs.last
    assert (docs.last.added, docs.last.documents) == (0, 2)
    assert list(IndexRuns(desk.store_path).all()) == ["docs"]
    remove_sources(desk, ["docs"])
    assert not IndexRuns(desk.store_path).all()


def test_of_many_failures_the_first_are_named(desk: KnowledgeConfig) -> None:
    for number in range(MOST_FAILURES + 1):
        (desk.folder / "docs" / f"broken{number}.jsonl").write_text("{")
    index_sources(desk, ["docs"])
    run = IndexRuns(desk.store_path).all()["docs"]
    assert (run.failed, len(run.failures)) == (MOST_FAILURES + 2, MOST_FAILURES)


def test_a_record_that_is_damaged_stops_nothing(desk: KnowledgeConfig) -> None:
    index_sources(desk, ["docs"])
    (desk.store_path / FILE).write_text('{"docs": ')
    assert source_states(desk, "desk")[0].last is None
    index_sources(desk, ["docs"])
    assert source_states(desk, "desk")[0].last is not None
