"""How right the citation check is on sets that its fit has not seen.

    python -m tools.bench.support --data ../shared/data

Each family of sets is left out of a fit by `tools.train.support` in turn; docs_rag, hotpot and
wice are in no fit, though their figures were in view when the sets' weights were chosen. Beside
the check stands plain word overlap with the best window, at the threshold that is best for each
set, which nobody knows beforehand.
`--former FILE` adds another check's verdicts: JSON lines with `claim`, `text` and `supported`.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from agent_knowledge.citations.entailment import claim_parts
from agent_knowledge.citations.measures import put_beside
from agent_knowledge.citations.reading import read_passage
from tools.data.rows import read_rows
from tools.train.support import at_best, balanced_accuracy, left_out
from tools.train.support_data import MEASURE_ONLY, Pair, table
from tools.train.support_fit import family
from tools.train.support_measure import measured

CURVE = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
ELSEWHERE = ("passage near", "passage far")
LEAST = 20
"""Pairs of a kind from which its share is printed."""


def main() -> None:
    """Print a line per family, a line per kind of claim, and the threshold's curve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--former", type=Path, help="verdicts of another check")
    args = parser.parse_args()
    if not (args.data / "support").is_dir():
        print(f"no data at {args.data / 'support'}: pass --data FOLDER")
        return
    every = measured(table(args.data))
    pairs = every.pairs
    p, *_ = left_out(every, every.names)
    overlap = np.array([_overlap(pair) for pair in pairs])
    former = _verdicts(args.former, pairs) if args.former else np.full(len(pairs), np.nan)
    _print_families(pairs, p, overlap, former)
    _print_kinds(pairs, p, former)
    _print_curve(pairs, p)


def _overlap(pair: Pair) -> float:
    """The share of the content words of the least covered sentence that its window has."""
    reading = read_passage(pair.text, pair.title)
    found = [put_beside(part, reading) for part in claim_parts(pair.claim)]
    return min((sum(b.window.held) / len(b.content) if b else 0.0 for b in found), default=0.0)


def _verdicts(file: Path, pairs: Sequence[Pair]) -> np.ndarray:
    rows = {(row["claim"], row["text"]): row["supported"] for row in read_rows(file)}
    return np.array([float(rows.get((pair.claim, pair.text), np.nan)) for pair in pairs])


def _groups(pairs: Sequence[Pair]) -> dict[str, np.ndarray]:
    """Places by family; of docs_rag and mtrag also what is cited rightly or wrongly, unedited."""
    names = np.array([family(pair) for pair in pairs])
    found = {name: np.flatnonzero(names == name) for name in sorted(set(names))}
    kinds = np.array([pair.kind for pair in pairs])
    for name in ("docs_rag", "mtrag"):
        unedited = np.isin(kinds, ("own words", *ELSEWHERE)) & (names == name)
        found[f"{name}, source"] = np.flatnonzero(unedited)
    return found


def _print_families(
    pairs: Sequence[Pair], p: np.ndarray, overlap: np.ndarray, former: np.ndarray
) -> None:
    head = ("pairs", "AUC", "at 0.5", "at best", "overlap", "former")
    print(f"{'left out':20}" + "".join(f"{title:>9}" for title in head))
    true = np.array([pair.true for pair in pairs])
    for name, places in _groups(pairs).items():
        t = true[places]
        known = places[~np.isnan(former[places])]
        other = balanced_accuracy(true[known], former[known], 0.5) if len(known) else np.nan
        shown = (
            roc_auc_score(t, p[places]),
            balanced_accuracy(t, p[places], 0.5),
            at_best(t, p[places]),
            at_best(t, overlap[places]),
            other,
        )
        mark = "" if name.split(",")[0] not in MEASURE_ONLY else " (in no fit)"
        print(f"{name:20}{len(places):9}" + "".join(f"{value:9.3f}" for value in shown) + mark)


def _print_kinds(pairs: Sequence[Pair], p: np.ndarray, former: np.ndarray) -> None:
    groups: Mapping[tuple[str, bool, str], list[int]] = defaultdict(list)
    for place, pair in enumerate(pairs):
        if family(pair) != "summedits":
            groups[family(pair), not pair.true, pair.kind].append(place)
    print(f"\n{'accepted':44}{'pairs':>7}{'check':>8}{'former':>8}")
    for (name, false, kind), places in sorted(groups.items()):
        if len(places) >= LEAST:
            shown = f"{name}, {'false' if false else 'true'}: {kind}"
            other = np.nanmean(former[places]) if not np.isnan(former[places]).all() else np.nan
            print(f"{shown:44}{len(places):7}{(p[places] >= 0.5).mean():8.2f}{other:8.2f}")


def _print_curve(pairs: Sequence[Pair], p: np.ndarray) -> None:
    """Shares of true and of false claims accepted from each threshold on, each family alike."""
    true = np.array([pair.true for pair in pairs])
    families = [places for name, places in _groups(pairs).items() if "," not in name]
    print("\nthreshold  true accepted  false accepted")
    for threshold in CURVE:
        shares = [
            (np.mean(p[f][true[f]] >= threshold), np.mean(p[f][~true[f]] >= threshold))
            for f in families
        ]
        accepted, wrongly = np.mean(shares, axis=0)
        print(f"{threshold:9.1f}{accepted:15.2f}{wrongly:16.2f}")


if __name__ == "__main__":
    main()
