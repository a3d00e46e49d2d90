"""The screen for injected instructions on kinds and sources that its fit did not see.

    python -m tools.bench.screen --data ../shared/data

Judges the weights of `tools.train.screen --left-out` (in `.cache`), beside word lists, which are
what most people start with. Without them it judges the packaged weights, and says that those were
fitted to all of it. The kinds and sources that are left out are those of
`tools.train.screen_data`; of each set, every other text is for development: the threshold was
found on these.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agent_knowledge.screening.network import FACTS, WEIGHTS, Network
from agent_knowledge.screening.screen import InjectionScreen
from tools.data.rows import read_rows
from tools.data.split import add_option
from tools.train.folds import CACHE
from tools.train.screen_data import CARRIERS, SEED, Material, place, read_material

_EACH = 400
"""Texts a set."""
_TRIGGERS = re.compile(
    r"ignore|disregard|previous instructions|system prompt|you are now|as an ai|assistant|override"
    r"|jailbreak|reveal|do not tell|new instructions|forget",
    re.IGNORECASE,
)


def main() -> None:
    """Judge and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    add_option(parser)
    args = parser.parse_args()
    if not args.data.is_dir():
        print(f"{args.data} is not there: give the shared data with --data")
        return
    _, unseen = read_material(args.data)
    chosen = {"development": slice(0, None, 2), "test": slice(1, None, 2), "all": slice(None)}
    drawn = judged(unseen, args.data, random.Random(SEED))
    sets = {name: texts[chosen[args.part]] for name, texts in drawn.items()}
    if (CACHE / FACTS).is_file():
        facts = json.loads((CACHE / FACTS).read_text())
        screen = InjectionScreen(Network.of((CACHE / WEIGHTS).read_bytes(), facts))
    else:
        print("no weights of tools.train.screen --left-out: the packaged ones saw all of this")
        screen = InjectionScreen()
    ours = table(screen, sets)
    print(f"{'texts flagged':36s} {'screen':>8s} {'words':>8s}   part: {args.part}")
    for name, texts in sets.items():
        words = sum(bool(_TRIGGERS.search(text)) for text in texts) / len(texts)
        print(f"{name:36s} {ours[name]:8.3f} {words:8.3f}")
    clean = [text for name, texts in sets.items() if name.startswith("clean") for text in texts]
    started = time.perf_counter()
    screen.screen(clean)
    print(f"{(time.perf_counter() - started) / len(clean) * 1000:.2f} ms a passage")


def judged(unseen: Material, data: Path, rng: random.Random) -> dict[str, list[str]]:
    """Sets of texts: clean ones a carrier, attacks a group put into every carrier, look-alikes."""
    sets: dict[str, list[str]] = {}
    carriers = {c: [x.text for x in unseen.clean if x.carrier == c] for c in CARRIERS}
    for carrier, texts in carriers.items():
        sets[f"clean {carrier}"] = rng.sample(texts, min(_EACH, len(texts)))
    groups = {
        "attack: BIPIA, requests": [a for a in unseen.attacks if a.family.startswith("bipia-text")],
        "attack: BIPIA, code": [a for a in unseen.attacks if a.family.startswith("bipia-code")],
        "attack: our own": [a for a in unseen.attacks if not a.family.startswith("bipia")],
    }
    for name, attacks in groups.items():
        sets[name] = [
            place(rng.choice(carriers[carrier])[:1000], carrier, rng.choice(attacks), rng).text
            for carrier in rng.choices(CARRIERS, k=_EACH)
        ]
    sets["look-alikes: our own"] = [piece.text for piece in unseen.benign]
    rows = read_rows(data / "injection/notinject.jsonl")
    sets["look-alikes: NotInject"] = [row["text"] for row in rows]
    return sets


def table(screen: InjectionScreen, sets: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Share of each set that is flagged."""
    return {
        name: round(float(np.mean([found.suspicious for found in screen.screen(texts)])), 3)
        for name, texts in sets.items()
    }


if __name__ == "__main__":
    main()
