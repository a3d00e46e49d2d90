"""Tunes the text model and writes it: agent_knowledge/data/text_layers.onnx and text_heads.json.

    python -m tools.train.text --data ../shared/data --minilm model.safetensors
    python -m tools.train.text --data ../shared/data --minilm model.safetensors --left-out 0

The first form is what the package ships. The second tunes one of `FOLDS` nets that have not seen
some of the agents, into the cache: the decision is fitted, and every left-out figure measured, on
what such nets say of the agents that they have not seen. Of the published sets both read the
development part; with `--part all`, as the packaged net of 2026-11-26, all.

Needs the `train` extra (torch, transformers). MiniLM's own weights are those of
sentence-transformers/all-MiniLM-L6-v2, `model.safetensors`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]

from agent_knowledge.models.minilm import TUNED_LAYERS, TUNED_OUTPUT, WEIGHTS_SHA256, MiniLM
from agent_knowledge.routing.text_heads import FILE, OUTPUTS
from tools.bench.need import fresh_and_hops
from tools.data.agents import LabelledAgent
from tools.data.split import Part, add_option
from tools.train import text_data, text_fit, text_net
from tools.train.folds import CACHE, FOLDS, PACKAGE, all_agents, fold_folder, fold_of
from tools.train.prompts_data import PROMPTS, TASKS, TURNS, own_files, read_trainable
from tools.train.text_export import ATTACHED_TO, TUNED, fragment
from tools.train.text_states import States

WEIGHTS_OF_MINILM = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
SEED = 20261126


def main() -> None:
    """Tune, export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--minilm", type=Path, required=True, help="its model.safetensors")
    parser.add_argument("--left-out", type=int, choices=range(FOLDS), help="a fold")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    add_option(parser, "development")
    args = parser.parse_args()
    check_weights(args.minilm)
    torch.set_num_threads(args.threads)
    agents = all_agents(args.data, args.part)
    seen = [agent for agent in agents if fold_of(agent.name) != args.left_out]
    material = read_material(args.data, agents, seen, args.part)
    print(f"{len(seen)} of {len(agents)} agents, {len(material.prompts.places)} prompts")
    net = text_fit.tune(material, args.minilm, SEED)
    output = PACKAGE if args.left_out is None else fold_folder(args.left_out)
    write(net, output, _provenance(args.data, args.part, seen, material))
    if args.left_out is None:
        record_figures(args.data)


def read_material(
    data: Path, agents: Sequence[LabelledAgent], seen: Sequence[LabelledAgent], part: Part
) -> text_fit.Material:
    """Read everything; the states of all agents' texts are kept, whichever are left out."""
    states = States()
    prompts = text_data.read_prompts(read_trainable(data, part), states)
    turns = text_data.read_turns(states)
    texts = {agent.name: text_data.read_agent(agent, states) for agent in agents}
    intents = text_data.read_intents(data, states, np.random.default_rng(SEED))
    states.compute(CACHE)
    return text_fit.Material(
        states=states,
        prompts=prompts,
        turns=turns,
        agents=[texts[agent.name] for agent in seen],
        intents=intents,
    )


def write(net: text_net.TextNet, folder: Path, provenance: dict[str, Any]) -> None:
    """Write layers and heads as the package reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    layers = fragment(text_net.layer_weights(net), ATTACHED_TO, TUNED_OUTPUT)
    (folder / TUNED_LAYERS).write_bytes(layers)
    weights = torch.cat([h.weight for h in (net.need, net.fresh, net.multi_hop, net.agent)])
    bias = torch.cat([h.bias for h in (net.need, net.fresh, net.multi_hop, net.agent)])
    stored = {
        "provenance": {**provenance, "layers_sha256": hashlib.sha256(layers).hexdigest()},
        "heads": {
            name: {"bias": _digits(bias[row : row + 1])[0], "weights": _digits(weights[row])}
            for row, name in enumerate(OUTPUTS)
        },
        "kind": [_digits(row) for row in net.kind.weight],
    }
    _write_heads(stored, folder / FILE)
    print(f"wrote {folder / TUNED_LAYERS}, {len(layers):,} bytes, and {folder / FILE}")


def record_figures(data: Path) -> None:
    """Add to the packaged heads what they tell apart on sets that they were not tuned on."""
    stored = json.loads((PACKAGE / FILE).read_text(encoding="utf-8"))
    found = {name: round(value, 3) for name, value in fresh_and_hops(data, "test")}
    stored["provenance"]["left_out"] = {"AUC": found, "needs of agents": "see decision.json"}
    _write_heads(stored, PACKAGE / FILE)


def _write_heads(stored: dict[str, Any], file: Path) -> None:
    text = json.dumps(stored, indent=1, ensure_ascii=False)
    lines = re.sub(r"\[[^\[\]{}]*\]", lambda m: re.sub(r"\s+", " ", m[0]), text)
    file.write_text(lines + "\n", encoding="utf-8")


def _digits(values: torch.Tensor) -> list[float]:
    return [float(f"{value:.4g}") for value in values.detach().tolist()]


def _provenance(
    data: Path, part: Part, seen: Sequence[LabelledAgent], material: text_fit.Material
) -> dict[str, Any]:
    files = [data / TASKS, TURNS, *own_files(), *(agent.folder / "tasks.jsonl" for agent in seen)]
    digests = hashlib.sha256()
    for file in files:
        digests.update(file.read_bytes())
    return {
        "command": "python -m tools.train.text --data DATA --minilm model.safetensors "
        f"--part {part}",
        "part": part,
        "date": date.today().isoformat(),
        "seed": SEED,
        "torch": torch.__version__.partition("+")[0],
        "minilm": {"name": MiniLM.name, "onnx_sha256": WEIGHTS_SHA256},
        "starts_from_sha256": WEIGHTS_OF_MINILM,
        "tuned_layers": TUNED,
        "tuned_on": {
            "prompts": len(material.prompts.places),
            "turns": len(material.turns[0]),
            "intent_sets": len(material.intents),
            "agents": {agent.name: len(agent.tasks) for agent in seen},
            "sha256": digests.hexdigest(),
        },
        "licences": "need/tasks Apache-2.0 or MIT; banking77, clinc150 CC-BY; agents Apache-2.0",
        "settings": {
            "epochs": text_fit.EPOCHS,
            "rate": text_fit.RATE,
            "head_rate": text_fit.HEAD_RATE,
            "batch": text_fit.BATCH,
            "prompts_folder": PROMPTS.name,
        },
    }


def check_weights(path: Path) -> None:
    """Refuse a file that is not MiniLM's `model.safetensors`."""
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != WEIGHTS_OF_MINILM:
        raise SystemExit(f"{path} has sha256 {found}, expected {WEIGHTS_OF_MINILM}")


if __name__ == "__main__":
    main()
