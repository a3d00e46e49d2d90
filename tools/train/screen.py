"""Fits the screen for injected instructions: agent_knowledge/data/screen.onnx and screen.json.

    python -m tools.train.screen --data ../shared/data --minilm model.safetensors --left-out
    python -m tools.train.screen --data ../shared/data --minilm model.safetensors

The first form fits to some kinds of attacks and some sources of clean text, finds the threshold,
and is judged on the others: its figures are the published ones, kept in `.cache/screen.json`. The
second form fits to all of them, takes threshold and figures from the first, and writes what the
package ships. Twenty minutes each on one core. Of the published attacks, the first form sees those
for development (`tools/data/split.py`).

Needs the `train` extra. MiniLM's word vectors are those of sentence-transformers/all-MiniLM-L6-v2,
`model.safetensors`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from numpy.typing import NDArray
from safetensors.numpy import load_file  # pyright: ignore[reportMissingImports]
from sklearn.linear_model import LogisticRegression

from agent_knowledge.screening.network import FACTS, WEIGHTS, Network
from agent_knowledge.screening.screen import InjectionScreen
from tools.bench.screen import judged, table
from tools.train import screen_data, screen_export, screen_net
from tools.train.folds import CACHE, PACKAGE
from tools.train.prompts_data import TASKS
from tools.train.screen_data import SEED, Material
from tools.train.text import check_weights

STEPS = 2_500
_BATCH = 32
_RATE = 2e-3
_FALSE_ALARMS = 0.01
"""Share of the clean passages left out that may be flagged."""
_VECTORS = "embeddings.word_embeddings.weight"


def main() -> None:
    """Fit, judge or write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--minilm", type=Path, required=True, help="its model.safetensors")
    parser.add_argument("--left-out", action="store_true", help="judge on kinds left out")
    parser.add_argument("--steps", type=int, default=STEPS)
    args = parser.parse_args()
    check_weights(args.minilm)
    torch.set_num_threads(1)
    seen, unseen = screen_data.read_material(args.data)
    if not args.left_out:
        seen = _joined(seen, unseen)
    stored = load_file(args.minilm)
    vectors = next(stored[name] for name in stored if name.endswith(_VECTORS))
    graph = screen_export.graph(screen_net.arrays_of(fit(seen, vectors, args.steps)))
    folder = CACHE if args.left_out else PACKAGE
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WEIGHTS).write_bytes(graph)
    if args.left_out:
        facts = settle(graph, unseen, args.data)
    else:
        facts = json.loads((CACHE / FACTS).read_text())
        facts["provenance"] = _provenance(args.data, seen, args.steps)
    (folder / FACTS).write_text(json.dumps(facts, indent=1) + "\n")


def fit(material: Material, vectors: NDArray[np.float32], steps: int) -> screen_net.ScreenNet:
    """Fit a network; it is told how far it is every hundred steps."""
    torch.manual_seed(SEED)
    rng, noise = random.Random(SEED), np.random.default_rng(SEED)
    net = screen_net.ScreenNet(screen_net.centred(vectors))
    fitted = [parameter for parameter in net.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(fitted, _RATE, weight_decay=1e-2)
    batcher = screen_net.Batcher()
    losses: list[float] = []
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = _RATE * (1 - step / steps)
        batch = batcher.batch(screen_data.draw(material, _BATCH, rng), noise)
        loss = screen_net.loss(net, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if step % 100 == 99:
            print(f"step {step + 1}: loss {np.mean(losses[-100:]):.3f}", flush=True)
    return net.eval()


def settle(graph: bytes, unseen: Material, data: Path) -> dict[str, Any]:
    """Calibrate on half of what was left out, and judge on the other half."""
    facts: dict[str, Any] = {
        "kinds": list(screen_net.KINDS),
        "slope": 1.0,
        "offset": 0.0,
        "threshold": 0.5,
    }
    sets = judged(unseen, data, random.Random(SEED))
    screen = InjectionScreen(Network.of(graph, facts))
    scores = {name: _logits(screen, texts) for name, texts in sets.items()}
    clean = np.concatenate([scores[name][::2] for name in sets if name.startswith("clean")])
    attacks = np.concatenate([scores[name][::2] for name in sets if name.startswith("attack")])
    facts["slope"], facts["offset"] = _calibration(attacks, clean)
    logit = facts["slope"] * np.quantile(clean, 1 - _FALSE_ALARMS) + facts["offset"]
    facts["threshold"] = round(float(1 / (1 + np.exp(-logit))), 4)
    others = {name: texts[1::2] for name, texts in sets.items()}
    facts["left_out"] = table(InjectionScreen(Network.of(graph, facts)), others)
    return facts


def _logits(screen: InjectionScreen, texts: Sequence[str]) -> NDArray[np.float64]:
    scores = np.array([found.score for found in screen.screen(texts)])
    scores = scores.clip(1e-9, 1 - 1e-9)
    return np.log(scores / (1 - scores))


def _calibration(attacks: NDArray[np.float64], clean: NDArray[np.float64]) -> tuple[float, float]:
    """Platt's line, as if one passage in two held an attack."""
    logits = np.concatenate([attacks, clean])[:, None]
    truth = np.repeat([1, 0], [len(attacks), len(clean)])
    model = LogisticRegression(class_weight="balanced").fit(logits, truth)
    return round(float(model.coef_[0, 0]), 4), round(float(model.intercept_[0]), 4)


def _joined(one: Material, other: Material) -> Material:
    """Both, but for clean texts that may only be measured."""
    # Web text that is left out is of sets that may only be measured.
    open_sources = [c for c in other.clean if c.carrier != "web"]
    return Material(
        clean=[*one.clean, *open_sources],
        attacks=[*one.attacks, *other.attacks],
        benign=[*one.benign, *other.benign],
    )


def _provenance(data: Path, material: Material, steps: int) -> dict[str, Any]:
    own = sorted(screen_data.OWN.glob("*.jsonl"))
    labelled = [*sorted((data / "injection").rglob("*.jsonl")), data / TASKS]
    return {
        "command": "python -m tools.train.screen --data DATA --minilm model.safetensors",
        "date": date.today().isoformat(),
        "seed": SEED,
        "steps": steps,
        "clean": len(material.clean),
        "attacks": len(material.attacks),
        "benign": len(material.benign),
        "own_sha256": _sha256_of(own),
        "labelled_sha256": _sha256_of(labelled),
        "licences": "BIPIA MIT; need/tasks Apache-2.0 or MIT; ours Apache-2.0; clean text: NOTICE",
    }


def _sha256_of(files: Sequence[Path]) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


if __name__ == "__main__":
    main()
