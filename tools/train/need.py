"""Train the need heads and write them, with what they were fitted to and how well they did.

    python -m tools.train.need --data ../shared/data

Needs the `bench` extra (scikit-learn). Deterministic: the same data give the same weights.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import sklearn

from agent_knowledge.embedding.minilm import WEIGHTS_SHA256, MiniLM
from agent_knowledge.signals import need, structure
from tools.train import need_data, need_model
from tools.train.need_data import Tasks
from tools.train.need_model import Table

OUTPUT = Path("agent_knowledge/data") / need.FILE


def main() -> None:
    """Train, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--date", default=date.today().isoformat(), help="stamped into the file")
    args = parser.parse_args()
    if not (args.data / need_data.TASKS).is_file():
        print(f"no {need_data.TASKS} in {args.data}: pass --data FOLDER")
        return
    embedder = MiniLM()
    tasks = need_data.read_tasks(args.data, embedder)
    heads = need_model.fit_heads(tasks, tasks.trainable)
    measured = {
        "need": need_figures(tasks),
        "fresh": fresh_figures(args.data, heads, embedder),
        "multi_hop": multi_hop_figures(args.data, heads, embedder),
    }
    provenance = {**_provenance(args.data, tasks, args.date), "measured": measured}
    args.output.write_text(_render(heads, provenance), encoding="utf-8")
    print(json.dumps(measured, indent=2))
    print(f"wrote {args.output}, {args.output.stat().st_size:,} bytes")


def need_figures(tasks: Tasks) -> dict[str, Any]:
    """Figures on families left out one at a time, and for a split by place in the file."""
    shared = tasks.family != need_data.OWN
    left_out = need_model.unseen_families(tasks, need_model.ours)
    by_family = {
        name: round(need_model.figures(tasks, left_out, tasks.family == name).accuracy, 3)
        for name in sorted(set(tasks.family[shared].tolist()))
    }
    return {
        "families left out one at a time": {
            **_rounded(need_model.figures(tasks, left_out, shared)),
            "accuracy by family": by_family,
        },
    }


def fresh_figures(folder: Path, heads: need.NeedHeads, embedder: MiniLM) -> dict[str, float]:
    """AUC on questions by how fast their answers change; the heads never saw them."""
    path = folder / need_data.FRESHNESS
    if not path.is_file():
        return {}
    rows = need_data.rows_of(path)
    scores = _head(heads, "fresh", [str(row["task"]) for row in rows], embedder)
    changes = np.array([row["change"] != "never" for row in rows])
    fast = np.array([row["change"] == "fast" for row in rows])
    sound = np.array([not row["false_premise"] for row in rows])
    return {
        "auc, slow or fast against never": round(need_model.auc(changes, scores), 3),
        "the same without false premises": round(need_model.auc(changes[sound], scores[sound]), 3),
        "auc, fast against never": round(
            need_model.auc(fast[fast | ~changes], scores[fast | ~changes]), 3
        ),
    }


def multi_hop_figures(folder: Path, heads: need.NeedHeads, embedder: MiniLM) -> dict[str, float]:
    """AUC on three question sets that the heads never saw."""
    found: dict[str, float] = {}
    if (folder / need_data.FRESHNESS).is_file():
        rows = need_data.rows_of(folder / need_data.FRESHNESS)
        scores = _head(heads, "multi_hop", [str(row["task"]) for row in rows], embedder)
        many = np.array([row["hops"] == "multi" for row in rows])
        found["auc, freshqa's hops"] = round(need_model.auc(many, scores), 3)
    if all((folder / path).is_file() for path in (*need_data.QUERIES, need_data.ONE_HOP)):
        two = [str(r["query"]) for p in need_data.QUERIES for r in need_data.rows_of(folder / p)]
        one = [str(r["query"]) for r in need_data.rows_of(folder / need_data.ONE_HOP)]
        scores = _head(heads, "multi_hop", two + one, embedder)
        many = np.arange(len(scores)) < len(two)
        found["auc, hotpot and musique against docs_rag"] = round(need_model.auc(many, scores), 3)
    return found


def _head(heads: need.NeedHeads, name: str, texts: list[str], embedder: MiniLM) -> Table:
    table = heads.probabilities(need_data.embed(texts, embedder))
    return table[:, need.HEADS.index(name)]


def _rounded(figures: need_model.Figures) -> dict[str, float]:
    return {
        name: round(getattr(figures, name), 3)
        for name in ("accuracy", "with_second", "macro_f1", "ece")
    }


def _provenance(folder: Path, tasks: Tasks, day: str) -> dict[str, Any]:
    used = tasks.trainable
    return {
        "command": "python -m tools.train.need --data DATA",
        "date": day,
        "seed": "none: the solvers draw nothing",
        "scikit-learn": sklearn.__version__,
        "embedding": {"name": MiniLM.name, "weights_sha256": WEIGHTS_SHA256},
        "files": {
            need_data.TASKS: _sha256(folder / need_data.TASKS),
            **{
                f"{file.relative_to(need_data.PROMPTS.parent)}": _sha256(file)
                for file in need_data.own_files()
            },
            need_data.TURNS.name: _sha256(need_data.TURNS),
        },
        "rows": {
            "trained on": int(used.sum()),
            "measured on only": int((~used).sum()),
            "turns": len(tasks.turn_asks),
            "by family": dict(sorted(Counter(tasks.family[used].tolist()).items())),
            "by licence": dict(
                sorted(Counter(x for x, u in zip(tasks.licence, used, strict=True) if u).items())
            ),
        },
        "settings": {
            "need_C": need_model.NEED_C,
            "fresh_C": need_model.FRESH_C,
            "multi_hop_C": need_model.MULTI_HOP_C,
            "turn_C": need_model.TURN_C,
            "second_weight": need_model.SECOND_WEIGHT,
            "theme_weight": need_model.THEME_WEIGHT,
        },
    }


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _render(heads: need.NeedHeads, provenance: dict[str, Any]) -> str:
    """Write JSON with one line per list of numbers."""
    weights, bias = heads.weights, heads.bias
    stored = {
        "provenance": provenance,
        "features": list(structure.FEATURE_NAMES),
        "heads": {
            name: {
                "bias": float(f"{bias[i]:.5g}"),
                "weights": [float(f"{value:.5g}") for value in weights[i]],
            }
            for i, name in enumerate(need.HEADS)
        },
    }
    text = json.dumps(stored, indent=1, ensure_ascii=False)
    return re.sub(r"\[[^\[\]{}]*\]", lambda m: re.sub(r"\s+", " ", m[0]), text) + "\n"


if __name__ == "__main__":
    main()
