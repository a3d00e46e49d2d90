"""A store under fire, in short; `python -m tools.bench.store_faults` is the long form."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.bench.store_faults import Found, double_writers, kills, readers


def assert_whole(found: Found) -> None:
    assert (found.mixed, found.lost, dict(found.errors)) == (0, 0, {})
    assert found.reads > 0


def test_an_index_run_may_be_killed_at_any_moment(tmp_path: Path):
    assert_whole(kills(tmp_path / "kills", 2))


def test_of_two_writers_at_once_one_is_refused_and_the_store_is_whole(tmp_path: Path):
    found, refused = double_writers(tmp_path / "writers", 1)
    assert_whole(found)
    assert refused <= 1


@pytest.mark.slow
def test_readers_beside_a_writer_find_all_of_one_edition(tmp_path: Path):
    found, runs = readers(tmp_path / "readers", 2, seconds=3)
    assert_whole(found)
    assert len(found.editions) > 1
    assert runs > 0
