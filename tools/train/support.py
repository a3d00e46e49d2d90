"""Fits the citation check: agent_knowledge/data/support.json.

    python -m tools.train.support --data ../shared/data
    python -m tools.train.support --data ../shared/data --pairs PAIRS.jsonl    only writes the pairs

Two fits, one of words alone and one that reads the vectors of MiniLM's word pieces as well. Each is
the mean of a fit by all that is measured and one by wording alone (`support_fit.mixed`). Each
family of sets is left out of a fit in turn; what the fits say of the sets left out makes the
figures that are recorded, calibrates the probabilities (Platt, 1999), and chooses from where a
claim counts as contradicted.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from tools.train.support_data import FILE, MEASURE_ONLY, SEED, Pair, table
from tools.train.support_fit import (
    COPIED_FROM,
    WORDING_SHARE,
    Fitted,
    family,
    fit_denied,
    fit_supported,
    fit_wording,
    is_copied,
    mixed,
    per_pair,
    weight_of,
    weights_of,
)
from tools.train.support_measure import MeasuredPairs, measured

OUTPUT = Path(__file__).parents[2] / "agent_knowledge" / "data" / "support.json"
_BY_VECTORS = "cos_win fifth min min_name ex_name min_number ex_number bind_number"
BY_VECTORS = frozenset(_BY_VECTORS.split())
TRUE_ACCEPTED = 0.75
"""Share of true claims with a probability of one half or more. Balanced accuracy cannot choose it:
left out it is the same within 0.002 from 0.72 to 0.83, and its best place among these leaps with
any change of the fit."""
TRUE_CONTRADICTED = 0.01
"""Share of true claims that may be called contradicted."""
SURE = 0.01
"""Share of either side that words alone may decide otherwise than words and vectors together."""
LICENCES = (
    "SummEdits (Apache-2.0), ConjNLI (MIT), MTRAG (Apache-2.0), MuSiQue's passages (MIT, text from "
    "Wikipedia, CC-BY-SA), the agents' documents (BSD, Apache-2.0, MIT, CC0, CC-BY-4.0), own pairs"
)
Figures = dict[str, dict[str, float]]
Scaling = tuple[float, float]
"""What log-odds are multiplied by, and what is added then."""


def main() -> None:
    """Fit, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--pairs", type=Path, help="write the pairs there, and do no more")
    args = parser.parse_args()
    pairs = table(args.data)
    if args.pairs:
        lines = (json.dumps(pair.as_row(), ensure_ascii=False) for pair in pairs)
        args.pairs.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return
    every = measured(pairs)
    fits, figures, by_space = {}, {}, {}
    for space in ("words", "minilm"):
        names = [n for n in every.names if space == "minilm" or n not in BY_VECTORS]
        fits[space], figures[space], by_space[space] = fitted(every, names)
        print(space, json.dumps(figures[space], indent=1))
    fits["words"]["sure"] = (0.0, 1.0)
    fits["minilm"]["sure"] = sure(by_space["words"], by_space["minilm"])
    row = {"provenance": provenance(pairs, figures), "fits": fits}
    OUTPUT.write_text(json.dumps(row, indent=1) + "\n")


def fitted(every: MeasuredPairs, names: Sequence[str]) -> tuple[Any, Figures, np.ndarray]:
    """Fit on all that may be fitted to.

    Returns:
        The fit as the data file has it; the figures of the sets left out; the left-out probability
        of each pair.
    """
    p, denied, by, last = left_out(every, names)
    usable = every.where([pair.set not in MEASURE_ONLY for pair in every.pairs])
    supported, wording = fit_supported(usable, names), fit_wording(usable)
    true = np.array([pair.true for pair in every.pairs])
    judged = np.array([pair.set not in MEASURE_ONLY for pair in every.pairs])
    against = (1 - p) * denied
    families = np.array([family(pair) for pair in every.pairs])
    least = contradicted_from(np.where(p < 0.5, against, 0.0), true & judged, families)
    fit = {
        "copied": whole(supported.copied, wording, by[True], last).as_row(),
        "reworded": whole(supported.reworded, wording, by[False], last).as_row(),
        "copied_from": COPIED_FROM,
        "denied": fit_denied(usable, names).as_row(),
        "contradicted": round(least, 4),
    }
    return fit, figures_of(every.pairs, p, against >= least), p


def contradicted_from(against: np.ndarray, true: np.ndarray, families: np.ndarray) -> float:
    """From where a claim is contradicted: so few of the true ones left out are, by family."""
    names = sorted(set(families[true]))
    for least in np.arange(0.5, 1.0, 0.005):
        shares = [(against[true & (families == name)] >= least).mean() for name in names]
        if np.average(shares, weights=[weight_of(name) for name in names]) <= TRUE_CONTRADICTED:
            return float(least)
    return 1.0


def left_out(
    every: MeasuredPairs, names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, dict[bool, Scaling], Scaling]:
    """What fits say of the families that each has not seen.

    Returns:
        Per pair, the probability of support, calibrated, and that of denial if it is not
        supported; scale and shift of the calibration, of copied sentences and of others; those of
        the mean of both fits.
    """
    pairs, owner, copied = every.pairs, every.owner, is_copied(every)
    names_of = np.array([family(pair) for pair in pairs])
    judged = np.array([pair.set not in MEASURE_ONLY for pair in pairs])
    p, denied, wording = (np.zeros(len(owner)) for _ in range(3))
    for name in sorted(set(names_of)):
        out = names_of == name
        inside = every.where(list(judged & ~out))
        rows = out[owner]
        p[rows] = fit_supported(inside, names).probabilities(every)[rows]
        denied[rows] = fit_denied(inside, names).probabilities(every)[rows]
        wording[rows] = logit(fit_wording(inside).probabilities(every)[rows])
    single = np.bincount(owner, minlength=len(pairs))[owner] == 1
    true = np.array([pair.true for pair in pairs])[owner]
    by: dict[bool, Scaling] = {}
    for own in (True, False):
        rows = judged[owner] & single & (copied == own) & (p > 0)
        weights = weights_of(pairs, copied=own)[owner][rows]
        by[own] = calibration(p[rows], true[rows], weights)
        scale, shift = by[own]
        p = np.where((copied == own) & (p > 0), sigmoid(scale * logit(p) + shift), p)
    p = np.where(p > 0, sigmoid((1 - WORDING_SHARE) * logit(p) + WORDING_SHARE * wording), p)
    rows = judged[owner] & single & (p > 0)
    scale, _ = calibration(p[rows], true[rows], weights_of(pairs)[owner][rows])
    p = np.where(p > 0, sigmoid(scale * logit(p)), p)
    shift = accepting_shift(every, p, judged)
    p = np.where(p > 0, sigmoid(logit(p) + shift), p)
    least = per_pair(p, owner, len(pairs))
    most = np.zeros(len(pairs))
    np.maximum.at(most, owner, np.where(p <= least[owner], denied, 0.0))
    return least, most, by, (scale, shift)


def accepting_shift(every: MeasuredPairs, p: np.ndarray, judged: np.ndarray) -> float:
    """By how much to shift the log-odds so that `TRUE_ACCEPTED` of the true claims reach one half.

    The share is the weighted mean of the families left out.
    """
    names = np.array([family(pair) for pair in every.pairs])
    true = judged & np.array([pair.true for pair in every.pairs])
    odds = logit(per_pair(p, every.owner, len(every.pairs)))
    families = {name: odds[true & (names == name)] for name in sorted(set(names[true]))}
    weights = [weight_of(name) for name in families]

    def error(shift: float) -> float:
        shares = [(found + shift >= 0).mean() for found in families.values()]
        return abs(float(np.average(shares, weights=weights)) - TRUE_ACCEPTED)

    return float(min(np.arange(-1.5, 1.51, 0.01), key=error))


def calibration(p: np.ndarray, true: np.ndarray, weights: np.ndarray) -> Scaling:
    """Scale and shift of the log-odds by which probabilities are right on the whole (Platt)."""
    for side in (true, ~true):
        weights = np.where(side, weights / weights[side].sum(), weights)
    model: Any = LogisticRegression(C=1e6).fit(logit(p)[:, None], true, weights)
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def calibrated(fit: Fitted, scale: float, shift: float) -> Fitted:
    """A fit with its log-odds scaled and shifted."""
    return replace(fit, weights=fit.weights * scale, bias=fit.bias * scale + shift)


def whole(one: Fitted, wording: Fitted, by: Scaling, last: Scaling) -> Fitted:
    """The mean of a calibrated fit and that by wording, calibrated again."""
    return calibrated(mixed(calibrated(one, *by), wording), *last)


def logit(p: np.ndarray) -> np.ndarray:
    """Log-odds; within ±14."""
    inside = np.clip(p, 1e-6, 1 - 1e-6)
    return np.log(inside / (1 - inside))


def sigmoid(x: np.ndarray) -> np.ndarray:
    """The probability of log-odds."""
    return 1 / (1 + np.exp(-x))


def balanced_accuracy(true: np.ndarray, p: np.ndarray, threshold: float) -> float:
    """The mean of the shares of true and of false claims that are judged rightly."""
    return float(((p[true] >= threshold).mean() + (p[~true] < threshold).mean()) / 2)


def at_best(true: np.ndarray, p: np.ndarray) -> float:
    """Balanced accuracy at the threshold that is best for these very pairs."""
    found = np.quantile(p, np.linspace(0.02, 0.98, 97))
    return max(balanced_accuracy(true, p, float(threshold)) for threshold in found)


def figures_of(pairs: Sequence[Pair], p: np.ndarray, denied: np.ndarray) -> Figures:
    """Per family left out, how right the probabilities are."""
    found: Figures = {}
    names = np.array([family(pair) for pair in pairs])
    for name in sorted(set(names)):
        own = names == name
        true = np.array([pair.true for pair in pairs])[own]
        told = denied[own] & (p[own] < 0.5)
        found[name] = {
            "pairs": int(own.sum()),
            "auc": round(float(roc_auc_score(true, p[own])), 3),
            "balanced_accuracy": round(balanced_accuracy(true, p[own], 0.5), 3),
            "at_best_threshold": round(at_best(true, p[own]), 3),
            "true_accepted": round(float((p[own][true] >= 0.5).mean()), 3),
            "false_accepted": round(float((p[own][~true] >= 0.5).mean()), 3),
            "true_contradicted": round(float(told[true].mean()), 3),
            "false_contradicted": round(float(told[~true].mean()), 3),
        }
    return found


def sure(by_words: np.ndarray, by_both: np.ndarray) -> tuple[float, float]:
    """Probabilities by words below and above which vectors next to never change the verdict."""
    supported = by_both >= 0.5
    low = float(np.quantile(by_words[supported], SURE))
    high = float(np.quantile(by_words[~supported], 1 - SURE))
    return round(min(low, 0.5), 4), round(max(high, 0.5), 4)


def provenance(pairs: Sequence[Pair], figures: Mapping[str, Figures]) -> dict[str, Any]:
    """Where the numbers come from."""
    digest = hashlib.sha256(json.dumps([pair.as_row() for pair in pairs]).encode())
    return {
        "command": "python -m tools.train.support --data ../shared/data",
        "date": date.today().isoformat(),
        "seed": SEED,
        "scikit-learn": sklearn.__version__,
        "data_sha256": {
            FILE.name: hashlib.sha256(FILE.read_bytes()).hexdigest()[:16],
            "pairs": digest.hexdigest()[:16],
        },
        "licences": LICENCES,
        "never_fitted_to": list(MEASURE_ONLY),
        "left_out_figures": figures,
    }


if __name__ == "__main__":
    main()
