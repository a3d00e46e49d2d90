"""What each store costs as it grows, beside what one would use instead.

    python -m tools.bench.scale --data ../shared/data --stores chroma --sizes 1000 10000 100000
    python -m tools.bench.scale --data ../shared/data --stores pgvector qdrant --sizes 1000 10000

Passages are sentences of the shared corpora, put together anew by chance; their vectors are chance
too, since embedding 100,000 passages would take an hour, and no search looks at what a vector
means. Questions are real, and embedded by the packaged model while the clock runs. The ensemble is
LangChain's `EnsembleRetriever` of `BM25Retriever` and `Chroma`; `client` is the store's own client
asked for the nearest vectors alone. Every figure of a store comes from a process that does nothing
else; those of queries are taken in turns with the peers', so that a busy machine slows both.

Without `--url` PostgreSQL is the tests' own server, which keeps no change past a power cut
(`fsync=off`), and Qdrant is its client's local mode, in Python, made for up to some 20,000 points.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from agent_knowledge.text import sentences
from tools.bench.scale_steps import SOURCE, STEPS, WARM
from tools.data.retrieval import SETS, read_retrieval_sets
from tools.data.rows import read_rows

_SENTENCES = 5
"""About 90 words a passage."""
_QUERIES = 100


def main() -> None:
    """Measure each store at each size, and print a line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--stores", nargs="*", default=["chroma"])
    parser.add_argument("--sizes", nargs="*", type=int, default=[1_000, 10_000])
    parser.add_argument("--url", default="", help="of the server, for pgvector or qdrant")
    args = parser.parse_args()
    sets = read_retrieval_sets(args.data)
    if len(sets) < len(SETS):
        print(f"no retrieval sets in {str(args.data)!r}: pass --data FOLDER")
        return
    questions = [question.text for one in sets for question in one.questions]
    random.Random(0).shuffle(questions)
    texts = [str(row["text"]) for one in sets for row in read_rows(one.corpus)]
    for size in args.sizes:
        for store in args.stores:
            with tempfile.TemporaryDirectory() as folder, served(store, args.url) as url:
                written = Path(folder)
                write(written, texts, size=size, store=store, url=url)
                (written / "questions.json").write_text(json.dumps(questions[: WARM + _QUERIES]))
                measure(written, store, size)


@contextmanager
def served(store: str, url: str) -> Generator[str]:
    """The address of a store's server: the one given, or PostgreSQL started for this; else none."""
    if url or store != "pgvector":
        yield url
        return
    from tests.postgres_server import running  # noqa: PLC0415 - only where one is asked for

    with running() as server:
        yield server.url(server.make_database())


def write(folder: Path, texts: Sequence[str], *, size: int, store: str, url: str) -> None:
    """A configuration with one source of so many one-passage documents, one file each thousand."""
    chance = random.Random(size)
    pool = [text[start:end] for text in texts for start, end in sentences(text)]
    (folder / "documents").mkdir()
    for first in range(0, size, 1000):
        rows = [
            json.dumps({"id": str(i), "text": " ".join(chance.choices(pool, k=_SENTENCES))})
            for i in range(first, min(first + 1000, size))
        ]
        (folder / f"documents/{first}.jsonl").write_text("\n".join(rows), encoding="utf-8")
    place = {"url": url} if url else {}
    config = {
        "store": {"kind": store, **place, "timeout_s": 600},
        "sources": {SOURCE: {"path": "documents/*.jsonl"}},
        "agents": {"bench": {"sources": [SOURCE]}},
    }
    (folder / "agent-knowledge.yaml").write_text(json.dumps(config), encoding="utf-8")


def measure(folder: Path, store: str, size: int) -> None:
    """Run each step in a process of its own, and print what it found."""
    figures: dict[str, float] = {}
    steps = {step: ("tools.bench.scale_steps", step) for step in STEPS}
    for step, arguments in {**steps, "beside": ("tools.bench.scale_beside",)}.items():
        run = subprocess.run(
            [sys.executable, "-m", *arguments, str(folder)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
        )
        if run.returncode:
            print(f"{store} {size:>7,}: {step} failed: {run.stderr.strip().splitlines()[-1]}")
            continue
        found: dict[str, float] = json.loads(run.stdout.strip().splitlines()[-1])
        figures |= found
        line = ", ".join(f"{name} {value:,.2f}" for name, value in found.items())
        print(f"{store} {size:>7,}: {line}", flush=True)
    print(json.dumps({"store": store, "passages": size, **figures}), flush=True)


if __name__ == "__main__":
    main()
