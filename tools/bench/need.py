"""The text model on what it was not tuned on: is the answer fresh, does it take several look-ups.

    python -m tools.bench.need --data ../shared/data
    python -m tools.bench.need --data ../shared/data --families --minilm model.safetensors

The first has the packaged heads read questions: freshqa, whose answers change slowly, fast or
never; its hops; and hotpot and musique, which take several look-ups, against docs_rag.

What a prompt needs, the packaged heads were told of every family of prompts. So `--families` tunes
a net for each group of families, without their prompts and without agents, and judges them, beside
two classifiers that are fitted to the same prompts. It needs the extra `train`, and about ten
minutes a group on one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from agent_knowledge.models.minilm import MiniLM
from agent_knowledge.routing.text_heads import TextHeads, TextReading
from agent_knowledge.trials.decision_scores import Truth, calibration_error, codes
from agent_knowledge.types import NEEDS, STRATEGIES
from tools.data.split import Part, add_option, read_part
from tools.train.prompts_data import TASKS, Row, family_of, read_shared

FRESHQA = "freshness/freshqa.jsonl"
TWICE = ("retrieval/hotpot/queries.jsonl", "retrieval/musique/queries.jsonl")
ONCE = "retrieval/docs_rag/queries.jsonl"
_TRAINED_WITH = ("torch", "transformers", "safetensors", "onnx")
_NAME_WIDTH = 30

Likely = NDArray[np.float64]
"""Probabilities, shape (prompts, needs), in the order of `NEEDS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How well the needs of prompts were told; all 0..1.

    Attributes:
        accuracy: Share whose label was the likeliest.
        with_second: The same, where a second label that a labeller could defend counts as well.
        macro_f1: Mean F1 of the needs, by the label.
        ece: Expected calibration error of the likeliest, ten bins.
        by_family: Accuracy per family.
    """

    accuracy: float
    with_second: float
    macro_f1: float
    ece: float
    by_family: Mapping[str, float]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--families", action="store_true", help="tune nets, and judge needs")
    parser.add_argument("--minilm", type=Path, help="all-MiniLM-L6-v2's model.safetensors")
    add_option(parser)
    args = parser.parse_args()
    if args.families and args.minilm is None:
        parser.error("--families goes with --minilm FILE, the weights that the nets start from")
    needed = (TASKS,) if args.families else (FRESHQA, *TWICE, ONCE)
    if absent := [file for file in needed if not (args.data / file).is_file()]:
        print(f"no {absent[0]} in {str(args.data)!r}: pass --data FOLDER")
    elif args.families:
        _print_families(args.data, args.minilm, args.part)
    else:
        what = "AUC of the packaged heads on questions that the text model was not tuned on"
        print(f"{what}; part: {args.part}")
        for name, value in fresh_and_hops(args.data, args.part):
            print(f"{name:48} {value:.3f}", flush=True)


def fresh_and_hops(data: Path, part: Part = "all") -> Iterator[tuple[str, float]]:
    """What is told apart, in words, and the area under the ROC curve, 0..1."""
    heads, model = TextHeads.load(), MiniLM()

    def read(texts: Sequence[str]) -> Sequence[TextReading]:
        return heads.read(model.read(texts).states)

    rows = read_part(data, FRESHQA, part)
    readings = read([row["task"] for row in rows])
    fresh = np.array([reading.fresh for reading in readings])
    changes = np.array([row["change"] != "never" for row in rows])
    sound = np.array([not row["false_premise"] for row in rows])
    yield "fresh: slow or fast against never", _auc(changes, fresh)
    yield "fresh: the same without false premises", _auc(changes[sound], fresh[sound])
    many = np.array([row["hops"] == "multi" for row in rows])
    yield "multi-hop: freshqa's hops", _auc(many, np.array([r.multi_hop for r in readings]))
    twice = [row["query"] for file in TWICE for row in read_part(data, file, part)]
    once = [row["query"] for row in read_part(data, ONCE, part)]
    hops = np.array([reading.multi_hop for reading in read([*twice, *once])])
    name = "multi-hop: hotpot and musique against docs_rag"
    yield name, _auc(np.arange(len(hops)) < len(twice), hops)


def figures(prompts: Sequence[Row], likely: Likely) -> Figures:
    """Compare probabilities with the labels of at least one prompt."""
    labels = codes([row["need"] for row in prompts])
    truth = Truth(labels=labels, accepted=np.eye(len(STRATEGIES), dtype=np.bool_)[labels])
    named = [NEEDS[place] for place in likely.argmax(axis=1)]
    right = truth.right(codes(named))
    pairs = zip(named, prompts, strict=True)
    families = np.array([family_of(row) for row in prompts])
    return Figures(
        accuracy=float(right.mean()),
        with_second=float(np.mean([name in {row["need"], row["second"]} for name, row in pairs])),
        macro_f1=truth.macro_f1(codes(named)),
        ece=calibration_error(likely.max(axis=1), right),
        by_family={
            str(name): float(right[families == name].mean()) for name in np.unique(families)
        },
    )


def _print_families(data: Path, minilm: Path, part: Part) -> None:
    if lacking := [name for name in _TRAINED_WITH if find_spec(name) is None]:
        install = "pip install 'langchain-agent-knowledge[bench,train]'"
        print(f"--families tunes nets, and has no {', '.join(lacking)}: {install}")
        return
    from tools.bench.need_families import judge_families  # noqa: PLC0415 - imports torch

    prompts = read_shared(data, part)
    judged = judge_families(data, minilm, part)
    of = {name: figures(prompts, likely) for name, likely in judged.items()}
    what = "by what saw no prompt of their families"
    print(f"needs of {len(prompts)} prompts, {what}; part: {part}")
    print(f"{'':{_NAME_WIDTH}} accuracy  +second  macro-F1    ECE")
    for name, f in of.items():
        cells = f"{f.accuracy:8.3f}  {f.with_second:7.3f}  {f.macro_f1:8.3f}  {f.ece:5.3f}"
        print(f"{name:{_NAME_WIDTH}} {cells}")
    print("accuracy by family, in the same order")
    for family in next(iter(of.values())).by_family:
        cells = "  ".join(f"{f.by_family[family]:8.3f}" for f in of.values())
        print(f"{family:{_NAME_WIDTH}} {cells}")


def _auc(truth: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    return float(roc_auc_score(truth, scores))


if __name__ == "__main__":
    main()
