"""Fits how much wording makes a claim supported: agent_knowledge/data/support.json.

    python -m tools.train.support

Two logistic functions of what `citations/wording.py` measures: one of words alone, one that reads
MiniLM's cosine as well. The passages and claims are our own (`support_pairs.jsonl`); the public
sets that `tools/bench/citations.py` measures on are not looked at. The figures printed and recorded
are of passages that the fit did not see.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from agent_knowledge.citations.comparison import compare
from agent_knowledge.citations.reading import read_passage
from agent_knowledge.citations.wording import EntailmentFit, cosine
from tools.data.embedding import RememberingMiniLM
from tools.train.support_data import CROWDS, FILE, MADE, SEED, Sample, samples

OUTPUT = Path(__file__).parents[2] / "agent_knowledge" / "data" / "support.json"
WORDS = {
    "cover": 1,
    "run": -1,
    "order": 1,
    "lost_names": -1,
    "lost_numbers": -1,
    "far_names": -1,
    "far_numbers": -1,
}
"""What the words measure, and whether more of it speaks for a claim (1) or against it (-1)."""
SPACES = {"words": WORDS, "minilm": {**WORDS, "cosine": 1}}
FOLDS = 8
TRUE_TO_FALSE = 3.0
"""Weight of all true claims together, all false ones together weighing 1."""
FALSE_ACCEPTED = 0.05
"""Share of claims wrongly decided on either side that words alone may decide before an embedder
is asked."""
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Measured:
    """A claim that no single fact refutes, as measured."""

    values: dict[str, float]
    sample: Sample

    @property
    def true(self) -> bool:
        """Whether the claim is true."""
        return self.sample.kind == "true"


def main() -> None:
    """EntailmentFit, print, write."""
    embedder = RememberingMiniLM()
    drawn = [s for crowd in CROWDS for s in samples(crowd) if s.kind in {"true", *MADE}]
    measured = [m for s in drawn if (m := measure(s, embedder))]
    fits = {space: fit(measured, signs) for space, signs in SPACES.items()}
    figures = {space: left_out(measured, signs) for space, signs in SPACES.items()}
    for space in SPACES:
        print(space, fits[space], figures[space], sep="\n  ")
    bounds = undecided(measured)
    print("asked in between:", bounds)
    OUTPUT.write_text(
        json.dumps({"provenance": provenance(figures), "undecided": bounds, "fits": fits}, indent=1)
        + "\n"
    )


def measure(sample: Sample, embedder: RememberingMiniLM) -> Measured | None:
    """Measure a claim; None if a fact or no shared word decides it already."""
    reading = read_passage(sample.text, sample.title)
    found = compare(sample.claim, reading)
    if found is None or found.fault:
        return None
    vectors = embedder.embed([reading.text[a:b] for a, b in reading.spans])
    near = cosine(embedder.embed([sample.claim])[0], vectors)
    return Measured({**found.measured, "cosine": near}, sample)


def fit(measured: Sequence[Measured], signs: dict[str, int]) -> Row:
    """A logistic function whose weights have the signs that they must have."""
    kept = list(signs)
    while True:
        x = np.array([[m.values[f] for f in kept] for m in measured])
        y = np.array([m.true for m in measured])
        model: Any = LogisticRegression(C=10.0, max_iter=1000).fit(x, y, _weights(measured))
        weights = model.coef_[0] * np.array([signs[f] for f in kept])
        if (weights >= 0).all():
            named = {f: round(float(w), 3) for f, w in zip(kept, model.coef_[0], strict=True)}
            return {"weights": named, "bias": round(float(model.intercept_[0]), 3)}
        kept.pop(int(weights.argmin()))


def _weights(measured: Sequence[Measured]) -> np.ndarray:
    """Every kind of false claim weighs the same."""
    kinds = [m.sample.kind for m in measured]
    false = set(kinds) - {"true"}
    shares = {k: 1 / len(false) / kinds.count(k) for k in false}
    shares["true"] = TRUE_TO_FALSE / kinds.count("true")
    return np.array([shares[k] for k in kinds]) * len(measured)


def left_out(measured: Sequence[Measured], signs: dict[str, int]) -> Row:
    """AUC, and the share of each kind accepted at 0.5, of passages that the fit did not see."""
    p = _left_out_probabilities(measured, signs)
    true = np.array([m.true for m in measured])
    kinds = np.array([m.sample.kind for m in measured])
    accepted = {k: round(float((p[kinds == k] >= 0.5).mean()), 3) for k in ("true", *MADE)}
    return {"auc": round(float(roc_auc_score(true, p)), 3), "accepted": accepted}


def undecided(measured: Sequence[Measured]) -> tuple[float, float]:
    """The probabilities by words below and above which next to none is on the wrong side."""
    p = _left_out_probabilities(measured, WORDS)
    true = np.array([m.true for m in measured])
    low = float(np.quantile(p[true], FALSE_ACCEPTED))
    high = float(np.quantile(p[~true], 1 - FALSE_ACCEPTED))
    return round(low, 3), round(high, 3)


def _left_out_probabilities(measured: Sequence[Measured], signs: dict[str, int]) -> np.ndarray:
    p = np.zeros(len(measured))
    for fold in range(FOLDS):
        inside = [m.sample.group % FOLDS == fold for m in measured]
        made = fit([m for m, out in zip(measured, inside, strict=True) if not out], signs)
        seen = EntailmentFit(weights=made["weights"], bias=made["bias"])
        for place, (m, out) in enumerate(zip(measured, inside, strict=True)):
            if out:
                p[place] = seen.probability(m.values)
    return p


def provenance(figures: Row) -> Row:
    """Where the numbers come from."""
    return {
        "command": "python -m tools.train.support",
        "date": date.today().isoformat(),
        "seed": SEED,
        "scikit-learn": sklearn.__version__,
        "data_sha256": {FILE.name: hashlib.sha256(FILE.read_bytes()).hexdigest()[:16]},
        "licences": "the passages and claims are this project's own",
        "left_out_figures": figures,
    }


if __name__ == "__main__":
    main()
