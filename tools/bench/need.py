"""The need heads in detail; `tools.bench.routing` has them beside their peers.

    python -m tools.bench.need --data ../shared/data

Each family of prompts is judged by heads that saw no prompt of it, with our own prompts among what
they are trained on, and without. Those were written knowing which kinds of prompt earlier heads got
wrong, so the gain that they bring may be a little flattered. The packaged heads saw every family,
so they are timed here, not judged.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from agent_knowledge.embedding.minilm import MiniLM
from agent_knowledge.signals.asks import asks_for_sources
from agent_knowledge.signals.need import NeedHeads
from agent_knowledge.signals.structure import features
from tools.train import need, need_data, need_model
from tools.train.need_data import Tasks


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    args = parser.parse_args()
    if not (args.data / need_data.TASKS).is_file():
        print(f"no {need_data.TASKS} in {args.data}: pass --data FOLDER")
        return
    embedder = MiniLM()
    tasks = need_data.read_tasks(args.data, embedder)
    _needs(tasks)
    heads = NeedHeads.load()
    print("\nfresh and multi-hop (the packaged heads; none of these questions was trained on)")
    for name, value in {
        **need.fresh_figures(args.data, heads, embedder),
        **need.multi_hop_figures(args.data, heads, embedder),
    }.items():
        print(f"{name:45} {value:.3f}")
    _times([t for t, f in zip(tasks.texts, tasks.family, strict=True) if f != need_data.OWN])


def _needs(tasks: Tasks) -> None:
    shared = tasks.family != need_data.OWN
    half = np.arange(len(tasks.texts)) < 889
    print(f"needs: {int(shared.sum())} prompts, families left out one at a time;")
    print("       right: trained on the first 889 rows and our own, judged on the rest\n")
    print(f"{'':24} accuracy  +second  macro-F1  ECE     | accuracy  +second  macro-F1  ECE")
    for name, predict in {
        "ours, shared rows only": need_model.ours_without_own,
        "ours": need_model.ours,
    }.items():
        left_out = need_model.unseen_families(tasks, predict)
        split = np.zeros_like(left_out)
        rest = shared & ~half
        split[rest] = predict(tasks, tasks.trainable & ~rest, rest)
        cells = [
            need_model.figures(tasks, left_out, shared),
            need_model.figures(tasks, split, rest),
        ]
        print(f"{name:24} " + " | ".join(_cells(cell) for cell in cells))


def _cells(f: need_model.Figures) -> str:
    return f"{f.accuracy:8.3f}  {f.with_second:7.3f}  {f.macro_f1:8.3f}  {f.ece:5.3f}"


def _times(texts: Sequence[str]) -> None:
    """Time a task at a time, as the router does."""
    sample = texts[::8]
    heads, embedder = NeedHeads.load(), MiniLM()
    embedder.embed(["warm"])
    vectors = need_data.vectors_of(sample, embedder)
    print(f"\nms a task, one at a time, {len(sample)} of the prompts")
    for name, run in {
        "embed the views": lambda t: embedder.embed(heads.views(t)),
        "read the heads": lambda t: heads.read(t, vectors),
        "structure alone": features,
        "asks for sources": asks_for_sources,
    }.items():
        spent = []
        for text in sample:
            started = time.perf_counter()
            run(text)
            spent.append((time.perf_counter() - started) * 1000)
        print(f"{name:24} p50 {np.percentile(spent, 50):6.2f}  p95 {np.percentile(spent, 95):6.2f}")


if __name__ == "__main__":
    main()
