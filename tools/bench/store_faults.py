"""A store under fire: killed index runs, writers at the same time, readers beside a writer.

    python -m tools.bench.store_faults

Every edition of a source says in each of its documents which edition it is, and each document has
a word that no other has. So what a reader finds tells whether it is whole: a passage of the
document that was asked for (else it is lost), and passages of one edition only (else they are
mixed). A reader does what a task does: it searches, then retrieves what the search found.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import cast

from agent_knowledge.errors import SourceError, StoreLockedError
from agent_knowledge.retrieval.embedded.indexing import Indexer
from agent_knowledge.retrieval.embedded.search import SourceIndex
from agent_knowledge.routing.resources import Shelf
from agent_knowledge.routing.retrieving import retrieve
from agent_knowledge.testing import HashEmbedder
from agent_knowledge.types import Plan
from agent_knowledge.types.search import CANDIDATES, Query

SOURCE = "harbours"
DOCUMENTS = 300
K = 5
_SPAWN = multiprocessing.get_context("spawn")
_PATIENCE_S = 120.0
"""How long a process is waited for that should have ended."""


@dataclass(slots=True)
class Found:
    """What readers found.

    Attributes:
        reads: Tasks that were searched and retrieved for.
        mixed: Reads with passages of more than one edition.
        lost: Reads without the document that was asked for.
        errors: What was raised, by its kind and message.
        editions: The editions that were seen.
    """

    reads: int = 0
    mixed: int = 0
    lost: int = 0
    errors: Counter[str] = field(default_factory=Counter[str])
    editions: set[str] = field(default_factory=set[str])

    def add(self, other: Found) -> None:
        """Count another reader's findings, too."""
        self.reads += other.reads
        self.mixed += other.mixed
        self.lost += other.lost
        self.errors += other.errors
        self.editions |= other.editions

    def line(self) -> str:
        """In a sentence."""
        errors = sum(self.errors.values())
        told = "".join(f"\n  {count} times {what}" for what, count in self.errors.most_common())
        return (
            f"{self.reads} reads of {len(self.editions)} editions: "
            f"{self.mixed} mixed, {self.lost} lost, {errors} errors{told}"
        )


def main() -> None:
    """Run all three and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--writers", type=int, default=10, help="times that two write at once")
    parser.add_argument("--readers", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        print(f"{args.kills} kills: {kills(place / 'kills', args.kills, args.seed).line()}")
        found, refused = double_writers(place / "writers", args.writers)
        print(f"{args.writers} times two writers, {refused} refused: {found.line()}", flush=True)
        found, runs = readers(place / "readers", args.readers, args.seconds)
        print(f"{args.readers} readers, {args.seconds:.0f} s beside {runs} index runs: ", end="")
        print(found.line())


def kills(place: Path, times: int, seed: int = 0) -> Found:
    """Kill index runs at random moments; look at the store after each, and after the next run."""
    place.mkdir()
    store, chance = place / "store", random.Random(seed)
    found = Found()
    took = _write_whole(store, edition(place, 0), found)
    for number in range(1, times + 1):
        file = edition(place, number)
        writer, pipe = _writer(store, file)
        pipe.send("go")
        time.sleep(chance.uniform(0, took))
        writer.kill()
        writer.join(_PATIENCE_S)
        found.add(read_all(store))
        took = (took + _write_whole(store, file, found)) / 2
        after = read_all(store)
        if after.editions != {str(number)}:
            found.errors[f"after run {number} there are editions {sorted(after.editions)}"] += 1
        found.add(after)
    return found


def double_writers(place: Path, times: int) -> tuple[Found, int]:
    """Have two processes index at the same moment, each an edition of its own.

    Returns:
        What readers found after each time, and how many writers were refused by the lock.
    """
    place.mkdir()
    found, refused = Found(), 0
    for number in range(times):
        pair = [_writer(place / "store", edition(place, 2 * number + n)) for n in (0, 1)]
        for _, pipe in pair:
            pipe.send("go")
        told = [str(pipe.recv()) for _, pipe in pair]
        for writer, _ in pair:
            writer.join(_PATIENCE_S)
        refused += told.count(StoreLockedError.__name__)
        found.errors.update(t for t in told if t not in {"finished", StoreLockedError.__name__})
        if "finished" not in told:
            found.errors["neither writer finished"] += 1
        found.add(read_all(place / "store"))
    return found, refused


def readers(place: Path, count: int, seconds: float) -> tuple[Found, int]:
    """Have processes read, each as fast as it can, while one indexes edition after edition.

    Returns:
        What they found, and how many index runs there were.
    """
    place.mkdir()
    store, found = place / "store", Found()
    _write_whole(store, edition(place, 0), found)
    pipes = [_SPAWN.Pipe() for _ in range(count)]
    reading = [
        _SPAWN.Process(target=_keep_reading, args=(store, pipe), daemon=True) for _, pipe in pipes
    ]
    for reader in reading:
        reader.start()
    for pipe, _ in pipes:
        pipe.recv()  # it has opened the store
    runs, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        runs += 1
        with Indexer(store, HashEmbedder()) as indexer:
            indexer.index(SOURCE, edition(place, runs), rebuild=runs % 5 == 0)
    for reader, (pipe, _) in zip(reading, pipes, strict=True):
        pipe.send("stop")
        found.add(pipe.recv())
        reader.join(_PATIENCE_S)
    return found, runs


def edition(place: Path, number: int) -> Path:
    """Write an edition of the source to a file of its own."""
    rows = (
        {"id": f"d{n}", "text": f"Berth{n:04}x of the harbour. This is edition{number}."}
        for n in range(DOCUMENTS)
    )
    file = place / f"edition{number}.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return file


def read_all(store: Path) -> Found:
    """Ask for every twentieth document, by an index that was just opened; nobody writes now."""
    found = Found()
    with SourceIndex(store, HashEmbedder().name) as index:
        for document in range(0, DOCUMENTS, 20):
            _read(index, document, found)
    found.mixed += len(found.editions) > 1
    return found


def _read(index: SourceIndex, document: int, found: Found) -> None:
    """One task: search, then retrieve; an edition is complete and alone in what it finds."""
    text, embedder = f"Berth{document:04}x", HashEmbedder()
    found.reads += 1
    try:
        query = Query(text=text, vector=embedder.embed([text])[0])
        results = index.search([query], [SOURCE], CANDIDATES)[0]
        plan = Plan(sources=(SOURCE,), query=text, k=K)
        passages = retrieve(plan, results, Shelf(embedder=embedder, index=index)).passages
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
        found.errors[f"{type(error).__name__}: {error}"] += 1
        return
    editions = {passage.text.rsplit("edition", 1)[1].rstrip(".") for passage in passages}
    found.mixed += len(editions) > 1
    found.lost += f"d{document}" not in {passage.document for passage in passages}
    found.editions |= editions


def _keep_reading(store: Path, pipe: Connection) -> None:
    found, chance = Found(), random.Random()
    with SourceIndex(store, HashEmbedder().name) as index:
        index.statistics(SOURCE)
        pipe.send("opened")
        while not pipe.poll():
            _read(index, chance.randrange(DOCUMENTS), found)
    pipe.send(found)


def _writer(store: Path, file: Path) -> tuple[BaseProcess, Connection]:
    """Start a process that indexes a file when it is told to, and then says how it ended."""
    # Its type is another on Windows; what is used of it is the same.
    here, there = cast("tuple[Connection, Connection]", _SPAWN.Pipe())
    process = _SPAWN.Process(target=_index, args=(store, file, there), daemon=True)
    process.start()
    here.recv()
    return process, here


def _index(store: Path, file: Path, pipe: Connection) -> None:
    pipe.send("ready")
    pipe.recv()
    try:
        with Indexer(store, HashEmbedder()) as indexer:
            indexer.index(SOURCE, file)
    except Exception as error:  # noqa: BLE001 - told to the parent
        pipe.send(type(error).__name__)
    else:
        pipe.send("finished")


def _write_whole(store: Path, file: Path, found: Found) -> float:
    """Index without being killed; seconds that it took."""
    started = time.monotonic()
    try:
        with Indexer(store, HashEmbedder()) as indexer:
            indexer.index(SOURCE, file)
    except SourceError as error:
        found.errors[f"{type(error).__name__}: {error}"] += 1
    return time.monotonic() - started


if __name__ == "__main__":
    main()
