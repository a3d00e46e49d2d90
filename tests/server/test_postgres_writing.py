"""What indexing into PostgreSQL embeds, changes, and shows to whom."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from stores import SOURCE, index, indexer, opened, query, search, write

from agent_knowledge.errors import ConfigError, InputError, SourceError
from agent_knowledge.retrieval.postgres.searching import PostgresIndex
from agent_knowledge.testing import HashEmbedder
from agent_knowledge.types import Matrix
from agent_knowledge.types.filters import Filter, Scope

RETURNS = {"id": "returns", "title": "Returns", "text": "Kettles come back within 30 days."}
PARCELS = {"id": "parcels", "title": "Parcels", "text": "Parcels travel by courier. Kettles too."}


def documents(reader: PostgresIndex, text: str, scope: Scope | None = None) -> list[str]:
    """Ids of the documents that a text finds, best by words first."""
    within = scope or Scope()
    hits = sorted(search(reader, text, scope=within).hits, key=lambda h: (-h.lexical, -h.dense))
    return [one.document for one in reader.passages(hits, within)]


def test_what_is_gone_is_found_no_more(url: str, tmp_path: Path):
    index(url, [RETURNS, PARCELS], tmp_path)
    reader = opened(url)
    hits = [*search(reader, "kettles").hits]
    report = index(url, [PARCELS], tmp_path)
    assert report.deleted == 1
    assert documents(reader, "kettles returns 30 days") == ["parcels"]
    assert [one.document for one in reader.passages(hits)] == ["parcels"]
    assert search(reader, "returns").known == 0
    with indexer(url) as opened_indexer:
        assert opened_indexer.remove(SOURCE) == 1
    with pytest.raises(SourceError, match="run: agent-knowledge index docs"):
        search(reader, "kettles")
    reader.close()


def test_text_comes_back_as_it_was_read(url: str, tmp_path: Path):
    text = (
        "\U0001f600 café العربية\n\n" + "Zweite Zeile. " * 400 + "\n\nEnde \U0001f680 " + "x" * 3000
    )
    long = "ö" * 70_000 + "\n\nThe end of a long document.\n"
    rows = [
        {"id": "ü" * 900, "text": text, "title": "Tïtle", "tags": ["a", "b"], "n": 1.5},
        {"id": "long", "text": long},
        {"id": "nul", "text": "a\0b"},
    ]
    report = index(url, rows, tmp_path)
    assert [where for where, _ in report.failed] == ["rows.jsonl line 3"]
    assert "NUL" in report.failed[0][1]
    reader = opened(url)
    found = reader.passages([*search(reader, "Zweite Zeile", k=500).hits])
    assert {one.document for one in found} == {"ü" * 900, "long"}
    for one in found:
        stored = reader.document_text(one)
        assert stored in (text, long)
        assert stored[one.start : one.end] == one.text
        first = stored.count("\n", 0, one.start) + 1
        assert one.lines == (first, first + one.text.count("\n"))
    fields = next(one.fields for one in found if one.document != "long")
    assert (fields["tags"], fields["n"]) == (("a", "b"), 1.5)
    reader.close()


def test_a_filter_finds_counts_and_reads_only_what_matches(url: str, tmp_path: Path):
    rows = [
        {"id": f"d{n}", "text": f"Kettle number {n} of Berlin.", "n": n, "odd": bool(n % 2)}
        for n in range(20)
    ]
    index(url, rows, tmp_path)
    reader = opened(url)
    scope = Scope(filter=Filter.of({"n": {"lt": 5}, "odd": False}))
    result = search(reader, "kettle berlin", scope=scope)
    assert {one.document for one in reader.passages([*result.hits], scope)} == {"d0", "d2", "d4"}
    assert result.statistics.passages == reader.statistics(SOURCE, scope).passages == 3
    everything = [*search(reader, "kettle berlin").hits]
    assert len(everything) == 20
    assert len(reader.passages(everything, scope)) == 3
    nothing = search(reader, "kettle", scope=Scope(filter=Filter.of({"n": "'; DROP TABLE x"})))
    assert (len(nothing.hits), nothing.known, nothing.statistics.passages) == (0, 0.0, 0)
    reader.close()


TENANTED = [
    {"id": "a1", "text": "The Aurora contract ends in May.", "title": "Aurora", "customer": "acme"},
    {
        "id": "b1",
        "text": "The Borealis deal ends in June.",
        "title": "Borealis",
        "customer": "bolt",
    },
    {"id": "x", "text": "Nobody's.", "title": "Nobody"},
]


def test_no_tenant_sees_another(url: str, tmp_path: Path):
    report = index(url, TENANTED, tmp_path, tenant="customer")
    assert (report.added, report.passages) == (2, 2)
    assert "'customer'" in report.failed[0][1]
    reader = opened(url)
    acme, bolt = Scope(tenant="acme"), Scope(tenant="bolt")
    assert documents(reader, "Borealis deal in June", acme) == ["a1"]
    assert search(reader, "Borealis", scope=acme).known == 0
    foreign = [*search(reader, "Borealis", scope=bolt).hits]
    assert len(foreign) == 1
    assert reader.passages(foreign, acme) == ()
    [theirs] = reader.passages(foreign, bolt)
    assert reader.document_text(theirs, acme) is None
    assert reader.document_text(theirs, bolt) == TENANTED[1]["text"]
    assert reader.related(query("Aurora"), foreign, [SOURCE], 5, acme)[SOURCE].passages.size == 0
    empty = search(reader, "Aurora", scope=Scope(tenant="nobody"))
    assert (len(empty.hits), empty.statistics.passages) == (0, 0)
    with pytest.raises(InputError, match="tenant"):
        search(reader, "Aurora")
    # The last document of a tenant takes its part along; the other tenant's stays.
    report = index(url, TENANTED[:1], tmp_path, tenant="customer")
    assert (report.deleted, report.unchanged) == (1, 1)
    assert len(search(reader, "Borealis", scope=bolt).hits) == 0
    assert documents(reader, "Aurora", acme) == ["a1"]
    reader.close()


def test_a_plain_role_without_a_tenant_sees_nothing(postgres_server, database, url, tmp_path):
    index(url, TENANTED, tmp_path, tenant="customer")
    with postgres_server.connect(database, "app") as connection:
        for table in ("sources", "documents", "blocks", "passages", "windows", "postings", "names"):
            count = connection.execute(f"SELECT count(*) FROM agent_knowledge.{table}").fetchone()
            assert count == (0,), table
        connection.execute("SELECT set_config('agent_knowledge.tenant', 'acme', false)")
        rows = connection.execute("SELECT name FROM agent_knowledge.documents").fetchall()
    assert rows == [("a1",)]


def test_a_role_past_row_level_security_is_refused_for_tenants(
    postgres_server, database: str, url: str, tmp_path: Path
):
    index(url, TENANTED, tmp_path, tenant="customer")
    above = postgres_server.url(database, "owner")
    reader = opened(above)
    with pytest.raises(ConfigError, match="'owner' bypasses row-level security"):
        search(reader, "Aurora", scope=Scope(tenant="acme"))
    with pytest.raises(ConfigError, match="bypasses row-level security"):
        index(above, TENANTED, tmp_path, tenant="customer")
    reader.close()


def test_words_are_found_by_an_index_under_row_level_security(
    postgres_server, database: str, url: str, tmp_path: Path
):
    rows = [{"id": f"d{n}", "text": f"Kettle number{n} common words here."} for n in range(600)]
    index(url, rows, tmp_path)
    with postgres_server.connect(database, "app") as connection:
        connection.execute("SELECT set_config('agent_knowledge.tenant', '', false)")
        plan = connection.execute(
            "EXPLAIN SELECT passage, tf FROM agent_knowledge.postings o"
            " WHERE o.source = 1 AND o.stem = 'number7'"
        ).fetchall()
    assert any("Index Only Scan" in line for (line,) in plan), plan


def test_a_reader_sees_before_or_after_never_between(url: str, tmp_path: Path):
    old = [{"id": f"d{n}", "text": f"Kettle rule {n}: 30 days."} for n in range(20)]
    new = [row | {"text": str(row["text"]).replace("30", "60")} for row in old]
    index(url, old, tmp_path)
    reader, done, faults = opened(url), threading.Event(), list[object]()

    def read() -> None:
        while not done.is_set():
            found = reader.passages([*search(reader, "kettle rule days").hits])
            kinds = {"30" in one.text for one in found}
            if len(kinds) > 1 or len(found) not in (0, 20):
                faults.append(found)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for one in readers:
        one.start()
    for rows in (new, old, new):
        index(url, rows, tmp_path)
    done.set()
    for one in readers:
        one.join()
    reader.close()
    assert faults == []


class DiesAfter(HashEmbedder):
    """Ends its process as the operating system would, without any clean-up."""

    def __init__(self, texts: int) -> None:
        super().__init__(64)
        self.left = texts

    def embed(self, texts: Sequence[str]) -> Matrix:
        self.left -= len(texts)
        if self.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().embed(texts)


def run(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, __file__, *arguments], stderr=subprocess.PIPE)


def test_a_killed_run_shows_nothing_and_loses_no_vector(url: str, tmp_path: Path):
    index(url, [RETURNS], tmp_path)
    more = [{"id": f"d{n}", "text": f"Parcel {n} of many."} for n in range(600)]
    killed = run(url, str(write([RETURNS, *more], tmp_path)), "400")
    _, told = killed.communicate()
    assert killed.returncode == -signal.SIGKILL, told.decode()
    reader = opened(url)
    assert documents(reader, "parcel of many, kettles") == ["returns"]
    report = index(url, [RETURNS, *more], tmp_path)
    assert report.embedded == 600 - 256
    reader.close()


@pytest.mark.slow
def test_two_processes_share_the_embedding(url: str, tmp_path: Path):
    rows = [{"id": f"d{n}", "text": f"Parcel {n} of many."} for n in range(1500)]
    file = write(rows, tmp_path)
    runs = [run(url, str(file), "100000", "slow") for _ in range(2)]
    told = [int(one.communicate()[1].split()[-1]) for one in runs]
    assert [one.returncode for one in runs] == [0, 0]
    reader = opened(url)
    assert reader.statistics(SOURCE).passages == 1500
    # Each made a part, and the one or two batches that both had begun at once twice.
    assert all(one < 1500 for one in told)
    assert 1500 <= sum(told) <= 1500 + 3 * 256
    reader.close()


if __name__ == "__main__":
    import time

    place, path, texts, *slow = sys.argv[1:]

    class Slow(DiesAfter):
        def embed(self, texts: Sequence[str]) -> Matrix:
            time.sleep(0.5 if slow else 0)
            return super().embed(texts)

    with indexer(place, Slow(int(texts))) as running:
        report = running.index(SOURCE, Path(path))
    sys.stderr.write(f"{report.embedded}\n")
