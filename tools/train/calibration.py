"""Fits the calibrations of coverage and pattern match: agent_knowledge/data/calibration.json.

    python -m tools.train.calibration --data ../shared/data

Coverage: each retrieval set is indexed twice, each time without the gold documents of every other
query, so that every query is asked once of an index that holds its answer and once of one that
does not; queries of the other sets are asked too. Pattern: requests of an intent set against
requests out of its scope and against foreign tasks. The figures printed and recorded are of sets
that the fit did not see (leave one set out).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, cast

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from agent_knowledge.examples.sets import StoredExamples
from agent_knowledge.search import CANDIDATES, Query
from agent_knowledge.signals.calibration import Calibration
from agent_knowledge.signals.coverage import measure
from agent_knowledge.signals.pattern import PatternMatcher
from agent_knowledge.sources.index import SourceIndex
from agent_knowledge.sources.indexing import Indexer
from agent_knowledge.types import Example
from tools.data.embedding import RememberingMiniLM

OUTPUT = Path(__file__).parents[2] / "agent_knowledge" / "data" / "calibration.json"
RETRIEVAL_SETS = ("docs_rag", "hotpot", "musique")
FEATURES = {
    "coverage": {"minilm": ("cosine", "terms", "lead", "named"), "any": ("terms", "lead", "named")},
    "pattern": {"minilm": ("cosine", "fit"), "any": ("relative",)},
}
SEED = 20261124
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement, whether it was of a true case, and the set that it came from."""

    measured: dict[str, float]
    true: bool
    group: str


def main() -> None:
    """Fit, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the benchmark data folder")
    data = cast("Path", parser.parse_args().data)
    embedder = RememberingMiniLM()
    samples = {
        "coverage": list(coverage_samples(data, embedder)),
        "pattern": list(pattern_samples(data, embedder)),
    }
    fits: Row = {}
    figures: Row = {}
    for signal, spaces in FEATURES.items():
        for space, features in spaces.items():
            fits.setdefault(signal, {})[space] = fit(samples[signal], features)
            figures.setdefault(signal, {})[space] = left_out(samples[signal], features)
            print(signal, space, fits[signal][space], figures[signal][space], sep="\n  ")
    OUTPUT.write_text(
        json.dumps({"provenance": provenance(data, figures), "fits": fits}, indent=1) + "\n"
    )


def fit(samples: Sequence[Sample], features: Sequence[str]) -> Row:
    """A logistic function with weights that are not negative: more evidence is never less."""
    kept = list(features)
    while True:
        x = np.array([[s.measured[f] for f in kept] for s in samples])
        y = np.array([s.true for s in samples])
        model: Any = LogisticRegression(C=10.0, class_weight="balanced").fit(x, y)
        weights = model.coef_[0]
        if (weights >= 0).all() or len(kept) == 1:
            named = {f: round(float(w), 4) for f, w in zip(kept, weights, strict=True)}
            return {"weights": named, "bias": round(float(model.intercept_[0]), 4)}
        kept.pop(int(weights.argmin()))


def left_out(samples: Sequence[Sample], features: Sequence[str]) -> Row:
    """AUC and balanced accuracy at 0.5 on each group, fitted on the others."""
    figures: Row = {}
    for group in sorted({s.group for s in samples}):
        made = fit([s for s in samples if s.group != group], features)
        calibration = Calibration(weights=made["weights"], bias=made["bias"])
        rest = [s for s in samples if s.group == group]
        p = np.array([calibration.probability(s.measured) for s in rest])
        y = np.array([s.true for s in rest])
        figures[group] = {
            "auc": round(float(roc_auc_score(y, p)), 3),
            "accuracy": round(float(((p[y] >= 0.5).mean() + (p[~y] < 0.5).mean()) / 2), 3),
        }
    return figures


def coverage_samples(data: Path, embedder: RememberingMiniLM) -> Iterator[Sample]:
    """Searches of indexes that hold the answer, and of indexes that do not."""
    sets = {name: _retrieval_set(data, name) for name in RETRIEVAL_SETS}
    for name, (corpus, queries) in sets.items():
        for half in (0, 1):
            gone = {doc for q in queries[half::2] for doc in q["relevant"]}
            with tempfile.TemporaryDirectory() as folder:
                rows = [row for row in corpus if row["id"] not in gone]
                index = _index(Path(folder), rows, embedder)
                for place, query in enumerate(queries):
                    if place % 2 == half:
                        yield _searched(index, query, embedder, name, true=False)
                    elif not gone & set(query["relevant"]):
                        yield _searched(index, query, embedder, name, true=True)
                for other, (_, foreign) in sets.items():
                    if other != name and half == 0:
                        for query in foreign[:50]:
                            yield _searched(index, query, embedder, name, true=False)
                index.close()


def pattern_samples(data: Path, embedder: RememberingMiniLM) -> Iterator[Sample]:
    """Requests of a set of intents, out of its scope, and foreign tasks."""
    rng = random.Random(SEED)
    outside = [row["input"] for row in _rows(data / "intents/clinc150/out_of_scope.jsonl")]
    foreign = [row["task"][:600] for row in _rows(data / "need/tasks.jsonl") if _may_train(row)]
    for name, train, test in (
        ("clinc150", "train_10.jsonl", "test.jsonl"),
        ("banking77", "train.jsonl", "train.jsonl"),
    ):
        by_label: dict[str, list[Row]] = {}
        for row in _rows(data / "intents" / name / train):
            by_label.setdefault(row["output"], []).append(row)
        shown = [row for rows in by_label.values() for row in rng.sample(rows, 10)]
        inputs = {row["input"] for row in shown}
        others = [
            r["input"] for r in _rows(data / "intents" / name / test) if r["input"] not in inputs
        ]
        examples = tuple(Example(input=r["input"], output=r["output"]) for r in shown)
        vectors = embedder.embed([e.input for e in examples])
        stored = StoredExamples(name=name, examples=examples, vectors=vectors, digest="")
        matcher = PatternMatcher.of(stored, Calibration(weights={}, bias=0.0))
        asked = [(text, True) for text in rng.sample(others, 500)]
        asked += [(text, False) for text in [*outside, *rng.sample(foreign, 300)]]
        for (_, true), vector in zip(asked, embedder.embed([t for t, _ in asked]), strict=True):
            yield Sample(matcher.measure([vector]), true, name)


def provenance(data: Path, figures: Row) -> Row:
    """Where the numbers come from."""
    files = [f"retrieval/{n}/{f}.jsonl" for n in RETRIEVAL_SETS for f in ("corpus", "queries")]
    files += ["intents/clinc150/train_10.jsonl", "intents/clinc150/test.jsonl"]
    files += ["intents/clinc150/out_of_scope.jsonl", "intents/banking77/train.jsonl"]
    files += ["need/tasks.jsonl"]
    return {
        "command": "python -m tools.train.calibration --data ../shared/data",
        "date": date.today().isoformat(),
        "seed": SEED,
        "scikit-learn": sklearn.__version__,
        "data_sha256": {f: hashlib.sha256((data / f).read_bytes()).hexdigest()[:16] for f in files},
        "licences": "retrieval sets MIT; clinc150 and banking77 CC-BY; tasks Apache-2.0 or MIT",
        "left_out_figures": figures,
    }


def _may_train(row: Row) -> bool:
    return row["licence"] in {"Apache-2.0", "MIT"}


def _searched(
    index: SourceIndex, query: Row, embedder: RememberingMiniLM, group: str, *, true: bool
) -> Sample:
    vector = embedder.embed([query["query"]])[0]
    asked = Query(text=query["query"], vector=vector)
    result = index.search([asked], ["set"], CANDIDATES)[0]["set"]
    return Sample(measure(result), true, group)


def _index(folder: Path, rows: Sequence[Row], embedder: RememberingMiniLM) -> SourceIndex:
    file = folder / "rows.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    with Indexer(folder / "store", embedder) as indexer:
        indexer.index("set", file)
    return SourceIndex(folder / "store", embedder.name)


def _retrieval_set(data: Path, name: str) -> tuple[list[Row], list[Row]]:
    folder = data / "retrieval" / name
    return _rows(folder / "corpus.jsonl"), _rows(folder / "queries.jsonl")


def _rows(file: Path) -> list[Row]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    main()
