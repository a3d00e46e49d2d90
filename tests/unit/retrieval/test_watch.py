"""Which sources are indexed again while they are watched."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest

from agent_knowledge import KnowledgeConfig
from agent_knowledge.build.watching import watched
from agent_knowledge.errors import ConfigError
from agent_knowledge.retrieval.reading.walking import place_of


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Write a file again and again meanwhile, as a person or a program would once."""
    done = threading.Event()

    def write() -> None:
        number = 0
        while not done.wait(0.1):
            number += 1
            made = path.with_name(f"{path.name}.new")
            made.write_text(str(number))
            made.replace(path)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def configured(folder: Path, **sources: dict[str, object]) -> KnowledgeConfig:
    return KnowledgeConfig.parse(json.dumps({"sources": sources})).at(folder)


def test_the_sources_whose_files_change_are_due(tmp_path: Path):
    for place in ("guides/deep", "faq", "globbed/inner"):
        (tmp_path / place).mkdir(parents=True)
    faq = tmp_path / "faq" / "faq.md"
    faq.write_text("x")
    config = configured(
        tmp_path,
        guides={"path": "guides"},
        faq={"path": "faq/faq.md"},
        globbed={"path": "globbed/**/*.md"},
    )
    changes = watched(config, settle_ms=50)
    assert next(changes) == [], "nothing has changed since"
    for changed, due in (
        (tmp_path / "guides" / "deep" / "a.md", "guides"),
        (faq, "faq"),
        (tmp_path / "globbed" / "inner" / "b.md", "globbed"),
    ):
        with writing(changed):
            assert any(due in found for found in islice(changes, 20))


def test_a_file_beside_a_watched_one_and_the_store_change_nothing(tmp_path: Path):
    (tmp_path / "a.md").write_text("x")
    place = place_of(tmp_path / "a.md")
    assert place
    assert place.holds(tmp_path / "a.md")
    assert not place.holds(tmp_path / "b.md")
    config = KnowledgeConfig.parse(
        json.dumps({"store": {"path": "store"}, "sources": {"all": {"path": "."}}})
    ).at(tmp_path)
    (tmp_path / "store").mkdir()
    changes = watched(config, settle_ms=50)
    next(changes)
    later = threading.Timer(1.0, (tmp_path / "c.md").write_text, ["x"])
    with writing(tmp_path / "store" / "knowledge.db"):
        later.start()
        assert next(changes) == ["all"]
    later.join()
    assert (tmp_path / "c.md").exists(), "what woke it was the document"


def test_what_has_no_files_is_due_every_so_often(tmp_path: Path):
    config = configured(tmp_path, site={"url": "https://example.org/"})
    changes = watched(config, every_s=0.2)
    next(changes)
    assert next(changes) == ["site"]
    assert next(changes) == ["site"]


def test_nothing_to_watch_is_told(tmp_path: Path):
    config = configured(tmp_path, gone={"path": "gone"}, given={"external": True})
    with pytest.raises(ConfigError, match="nothing to watch"):
        next(watched(config))


@pytest.mark.slow
def test_a_watching_run_indexes_what_changes_and_ends_by_ctrl_c(tmp_path: Path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("Dogs may stay.")
    (tmp_path / "agent-knowledge.yaml").write_text("sources: {docs: {path: docs}}\n")
    command = [sys.executable, "-m", "agent_knowledge", "index", "--watch"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    ) as running:
        assert running.stdout
        assert running.stdout.readline().startswith("docs: 1 added")
        (tmp_path / "docs" / "b.md").write_text("Cats may not.")
        assert running.stdout.readline().startswith("docs: 1 added, 0 updated, 1 unchanged")
        (tmp_path / "docs" / "a.md").unlink()
        assert running.stdout.readline().startswith("docs: 0 added, 0 updated, 1 unchanged, 1 del")
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Traceback" not in err
