"""A reader creates and writes nothing, so it serves where it may write nothing."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hashed_words import HashedWords

from agent_knowledge.errors import SourceError
from agent_knowledge.retrieval.embedded.indexing import Indexer
from agent_knowledge.retrieval.embedded.search import SourceIndex
from agent_knowledge.retrieval.fusion import fuse
from agent_knowledge.routing.resources import Shelf
from agent_knowledge.routing.retrieving import retrieve
from agent_knowledge.types import Passage, Plan
from agent_knowledge.types.search import Query, SearchResult

EMBEDDER = HashedWords()
CONFIG = """
sources: {s: {path: rows.jsonl}}
examples: {triage: {file: triage.jsonl}}
agents: {a: {sources: [s], examples: [triage]}}
"""
_NO_OVERRIDE = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--")
"""Runs a command of root's without its right to write what nobody may write."""


def write(path: Path, word: str, count: int = 30) -> Path:
    rows = [{"id": f"r{n}", "text": f"{word}{n} shared"} for n in range(count)]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def index(store: Path, path: Path) -> None:
    with Indexer(store, EMBEDDER) as indexer:
        indexer.index("s", path)


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file and folder, with its time and size."""
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*")}


def limited(command: Sequence[str]) -> list[str]:
    if os.name != "posix":
        pytest.skip("rights are those of POSIX")
    if os.getuid():
        return list(command)
    if not shutil.which("setpriv"):
        pytest.skip("root may write everything, and setpriv is not there to keep it from it")
    return [*_NO_OVERRIDE, *command]


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a configuration, indexed, in which nobody may write anything."""
    tmp_path = tmp_path_factory.mktemp("locked")
    write(tmp_path / "rows.jsonl", "apple")
    (tmp_path / "triage.jsonl").write_text('{"input": "late", "output": "post"}\n')
    (tmp_path / "agent-knowledge.yaml").write_text(CONFIG, encoding="utf-8")
    index_command = [sys.executable, "-m", "agent_knowledge", "index"]
    subprocess.run(index_command, cwd=tmp_path, check=True, capture_output=True)
    paths = [tmp_path, *tmp_path.rglob("*")]
    modes = {path: path.stat().st_mode for path in paths}
    for path, mode in modes.items():
        path.chmod(mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
    yield tmp_path
    for path, mode in modes.items():
        path.chmod(mode)


def test_an_index_that_may_not_be_written_is_searched_and_left_as_it_is(locked: Path):
    before = tree(locked)
    command = limited([sys.executable, "-m", "agent_knowledge", "ask", "Where is apple7?"])
    run = subprocess.run(command, cwd=locked, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert "apple7" in run.stdout
    assert tree(locked) == before


def test_who_may_not_write_a_store_is_told_so_by_index(locked: Path):
    command = limited([sys.executable, "-m", "agent_knowledge", "index"])
    run = subprocess.run(command, cwd=locked, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "cannot be written" in run.stderr
    assert "delete" not in run.stderr
    assert "Traceback" not in run.stderr


def test_who_may_not_read_a_store_is_told_so_and_not_to_delete_it(locked: Path):
    file = locked / ".agent-knowledge" / "passages.sqlite3"
    command = limited([sys.executable, "-m", "agent_knowledge", "retrieve", "apple7"])
    file.chmod(0)
    run = subprocess.run(command, cwd=locked, capture_output=True, text=True, check=False)
    file.chmod(0o444)
    assert run.returncode == 2
    assert "let this user read it" in run.stderr
    assert "delete" not in run.stderr


def test_a_search_creates_and_changes_nothing_also_where_it_may(tmp_path: Path):
    index(tmp_path / "store", write(tmp_path / "rows.jsonl", "apple"))
    before = tree(tmp_path)
    with SourceIndex(tmp_path / "store", EMBEDDER.name) as opened:
        opened.search([EMBEDDER.query("apple7")], ["s"], 5)
        assert tree(tmp_path) == before
    assert tree(tmp_path) == before


@pytest.mark.skipif(os.name != "posix", reason="rights are those of POSIX")
@pytest.mark.parametrize("mask", [0o022, 0o027, 0o002])
def test_what_is_searched_may_be_read_as_the_umask_says(tmp_path: Path, mask: int):
    previous = os.umask(mask)
    try:
        index(tmp_path / "store", write(tmp_path / "rows.jsonl", "apple"))
    finally:
        os.umask(previous)
    file = tmp_path / "store" / "passages.sqlite3"
    searched = [file, *(tmp_path / "store" / "search").rglob("*")]
    for path in searched:
        allowed = 0o777 if path.is_dir() else 0o666
        assert stat.S_IMODE(path.stat().st_mode) == allowed & ~mask, path


def test_what_was_found_is_read_as_it_was_found_though_it_is_indexed_anew(tmp_path: Path):
    store = tmp_path / "store"
    index(store, write(tmp_path / "rows.jsonl", "apple"))
    with SourceIndex(store, EMBEDDER.name) as opened:
        found = opened.search([EMBEDDER.query("apple7")], ["s"], 5)[0]["s"]
        index(store, write(tmp_path / "rows.jsonl", "pear"))
        texts = [passage.text for passage in opened.passages(fuse([found])[:3])]
        assert texts[0] == "apple7 shared"
        assert all(text.startswith("apple") for text in texts)
        again = opened.search([EMBEDDER.query("pear7")], ["s"], 5)[0]["s"]
        assert opened.passages(fuse([again])[:1])[0].text == "pear7 shared"


def retrieved(opened: SourceIndex, text: str, found: SearchResult, *, twice: bool) -> list[Passage]:
    parts = (text,) if twice else ()
    plan = Plan(sources=("s",), query=text, k=3, multi_hop=twice, sub_queries=parts)
    results = {"s": found}
    return list(retrieve(plan, results, Shelf(embedder=EMBEDDER, index=opened))[0])


@pytest.mark.parametrize("twice", [False, True])
def test_what_another_thread_made_a_reader_lose_is_looked_up_again(tmp_path: Path, twice: bool):
    store = tmp_path / "store"
    index(store, write(tmp_path / "rows.jsonl", "shared apple"))
    with SourceIndex(store, EMBEDDER.name) as opened:
        query = Query(text="shared 7", vector=EMBEDDER.embed(["shared 7"])[0])
        found = opened.search([query], ["s"], 5)[0]["s"]
        index(store, write(tmp_path / "rows.jsonl", "shared pear"))
        opened.statistics("s")  # as another thread's search: the index moves on
        passages = retrieved(opened, "shared 7", found, twice=twice)
    assert len(passages) == 3
    assert all("pear" in passage.text for passage in passages)


def test_a_store_that_is_made_anew_takes_no_hit_of_the_old_one_for_its_own(tmp_path: Path):
    store = tmp_path / "store"
    index(store, write(tmp_path / "rows.jsonl", "apple"))
    with SourceIndex(store, EMBEDDER.name) as opened:
        found = fuse([opened.search([EMBEDDER.query("apple7")], ["s"], 5)[0]["s"]])
        shutil.rmtree(store)
        index(store, write(tmp_path / "rows.jsonl", "pear"))
        assert opened.statistics("s").passages == 30
        assert opened.passages(found) == ()


def test_a_folder_in_place_of_the_file_is_told(tmp_path: Path):
    (tmp_path / "passages.sqlite3").mkdir()
    with (
        SourceIndex(tmp_path, EMBEDDER.name) as opened,
        pytest.raises(SourceError, match="it is no file"),
    ):
        opened.statistics("s")
