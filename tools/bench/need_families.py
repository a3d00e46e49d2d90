"""What prompts need, judged by nets that have seen no prompt of their families. Needs torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from agent_knowledge.errors import InputError
from agent_knowledge.models.minilm import TUNED_LAYERS, MiniLM
from agent_knowledge.routing.text_heads import FILE as HEADS_FILE
from agent_knowledge.routing.text_heads import TextHeads
from agent_knowledge.types import NEEDS
from tools.bench.need import Likely
from tools.bench.peers.classifiers import Fit, vectors_logistic, words_svm
from tools.data.embedding import RememberingMiniLM
from tools.data.split import Part
from tools.train import text, text_data, text_fit
from tools.train.prompts_data import Row, family_of, read_shared, read_trainable

GROUPS = (
    ("metatool", "vicuna", "simpleqa"),
    ("promptsource", "koala"),
    ("seed", "arenahard"),
    ("t0", "induction"),
)
"""Families that are left out together: a net for each family would take twice as long."""
_NET = "text model"


def judge_families(data: Path, minilm: Path, part: Part) -> dict[str, Likely]:
    """Tune a net for each group and have it judge the group's prompts, as the classifiers do.

    Args:
        data: The data folder.
        minilm: MiniLM's own weights, where the nets start.
        part: The shared prompts that are judged; the nets see those for development.

    Returns:
        By who judged: probabilities for each of the shared prompts of the part.

    Raises:
        InputError: A family is in no group.
    """
    text.check_weights(minilm)
    shared, trainable = read_shared(data, part), read_trainable(data, "development")
    if strange := set(map(family_of, shared)).difference(chain(*GROUPS)):
        msg = f"families of prompts that no group leaves out: {sorted(strange)}; add to GROUPS"
        raise InputError(msg)
    material = text.read_material(data, agents=(), seen=(), part="development")
    embedder = RememberingMiniLM()
    fits: dict[str, Fit] = {
        "TF-IDF, linear SVM": words_svm,
        "MiniLM, logistic regression": partial(vectors_logistic, embedder=embedder),
    }
    judged = {name: np.zeros((len(shared), len(NEEDS))) for name in (_NET, *fits)}
    for group in GROUPS:
        places = [place for place, row in enumerate(shared) if family_of(row) in group]
        asked = [str(shared[place]["task"]) for place in places]
        seen = [row for row in trainable if family_of(row) not in group]
        what = f"without {', '.join(group)}: {len(seen)} prompts"
        print(f"{what}, about ten minutes on one core", flush=True)
        prompts = text_data.read_prompts(seen, material.states)
        judged[_NET][places] = _by_net(replace(material, prompts=prompts), minilm, asked)
        for name, fit in fits.items():
            judged[name][places] = _by_classifier(fit, seen, asked)
    return judged


def _by_net(material: text_fit.Material, minilm: Path, asked: Sequence[str]) -> Likely:
    """Tune a net, and read it as the package would."""
    net = text_fit.tune(material, minilm, text.SEED)
    with TemporaryDirectory() as folder:
        text.write(net, Path(folder), {})
        heads = TextHeads.load(Path(folder) / HEADS_FILE)
        states = MiniLM(layers=Path(folder) / TUNED_LAYERS).read(asked).states
    return np.array([[reading.need[need] for need in NEEDS] for reading in heads.read(states)])


def _by_classifier(fit: Fit, seen: Sequence[Row], asked: Sequence[str]) -> Likely:
    judge = fit([str(row["task"]) for row in seen], [str(row["need"]) for row in seen])
    return judge(asked)[:, [sorted(NEEDS).index(need) for need in NEEDS]]
