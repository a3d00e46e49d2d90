"""Fits what the decision weighs: agent_knowledge/data/decision.json.

    python -m tools.train.decision --data ../shared/data

First `tools.train.text --left-out FOLD` for every fold: each agent is read by a text model that has
not seen it. The figures that are printed, and recorded in the file, are of agents left out of both.
Of the published sets the development part is fitted to, and agents of the test part are judged by
that. With `--part all`, as for the packaged fit of 2026-11-26, all is fitted to.
The table of thresholds is where `policy.thresholds.confidence` and `.coverage` have their defaults
from.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from numpy.typing import NDArray

from agent_knowledge.routing.match import count_marks
from agent_knowledge.routing.measuring import signals_of
from agent_knowledge.routing.need import FILE, LogisticFit
from agent_knowledge.trials.decision_scores import calibration_error, codes
from agent_knowledge.types import NEEDS, Need, Signals
from tools.data.agents import KINDS, LabelledAgent, LabelledTask, truth_of
from tools.data.embedding import RememberingMiniLM
from tools.data.split import Part, add_option
from tools.train import decision_data, decision_fit
from tools.train.decision_data import MeasuredTask
from tools.train.folds import CACHE, PACKAGE, all_agents
from tools.train.made_agents import SETS, made_agents
from tools.train.prompts_data import read_own, read_shared

COSTS = {
    ("retrieval", "direct"): 5.0,
    ("retrieval", "few_shot"): 2.0,
    ("direct", "few_shot"): 2.0,
    ("few_shot", "direct"): 1.5,
}
"""What a wrong choice costs, by what was needed and what was chosen; to retrieve for nothing costs
1. A covered question that is not looked up is the worst outcome; wrong examples mislead."""
_RETRIEVED_FOR_NOTHING = 1.0
_FEW = 5
"""Prompts that have a mark of form at least, for its share to be kept."""
_TRIED = (0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75)


def main() -> None:
    """Measure, fit, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    add_option(parser, "development")
    args = parser.parse_args()
    background = read_background(args.data)
    made = made_agents(args.data, CACHE / "made-agents", args.part)
    tasks = measure_all([*all_agents(args.data), *made], background)
    known = {agent.name for agent in (*all_agents(args.data, args.part), *made)}
    left_out = dict(judge_left_out(tasks, background, known))
    figures = {name: figures_of(judged) for name, judged in by_agent(tasks, left_out).items()}
    print_figures(figures)
    print_thresholds(tasks, left_out)
    print_gaps(tasks, left_out)
    print_leanings(tasks, left_out)
    fitted = decision_fit.fit_all([t for t in tasks if t.agent in known], background)
    write(fitted, PACKAGE / FILE, provenance(args.data, args.part, tasks, known, figures))


def write(fitted: decision_fit.Fitted, file: Path, about: Mapping[str, Any]) -> None:
    """Write fits as the package reads them."""
    stored = {
        "provenance": about,
        "spaces": {
            "minilm": _space(fitted.minilm.coverage, fitted.minilm.pattern),
            "any": _space(fitted.any_space.coverage, fitted.any_space.pattern),
        },
        "decision": {
            "retrieval": _row(fitted.minilm.decision.retrieval),
            "few_shot": _row(fitted.minilm.decision.few_shot),
        },
        "background": fitted.minilm.background,
    }
    text = json.dumps(stored, indent=1, ensure_ascii=False)
    text = re.sub(r"\{[^{}]*\}", lambda m: re.sub(r"\s+", " ", m[0]), text)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text + "\n", encoding="utf-8")


def read_background(data: Path) -> dict[str, float]:
    """Share of prompts at large, of no agent, that have each mark of form."""
    texts = [str(row["task"]) for row in (*read_shared(data), *read_own())]
    counts = count_marks(texts)
    return {
        mark: float(f"{(count + 0.5) / (len(texts) + 1):.3g}")
        for mark, count in sorted(counts.items())
        if count >= _FEW
    }


def measure_all(
    agents: Iterable[LabelledAgent], background: Mapping[str, float]
) -> list[MeasuredTask]:
    """Measure every agent, each by the text model that has not seen it."""
    encoders: dict[Path, RememberingMiniLM] = {}
    measured: list[MeasuredTask] = []
    for agent in agents:
        layers, weights = decision_data.left_out_text(agent.name, background)
        if layers not in encoders:
            encoders[layers] = RememberingMiniLM(layers, layers.parent / decision_data.VECTORS)
        measured += decision_data.measure_agent(agent, encoders[layers], weights)
        print(f"measured {agent.name}", flush=True)
        encoders[layers].keep()
    return measured


def judge_left_out(
    tasks: Sequence[MeasuredTask], background: Mapping[str, float], known: Collection[str]
) -> Iterable[tuple[str, Signals]]:
    """The signals of every task, weighed by fits that have not seen its agent; by task id.

    The fits are kept, for the benches to decide by.

    Args:
        tasks: Tasks of all agents.
        background: See `read_background`.
        known: Names of the agents that may be fitted to.
    """
    for name in sorted({task.agent for task in tasks}):
        seen = [task for task in tasks if task.agent in known and task.agent != name]
        fitted = decision_fit.fit_all(seen, background)
        write(fitted, decision_data.left_out_fits(name), {"left out": name})
        for task in tasks:
            if task.agent == name and not task.added:
                yield task.labelled.id, signals_of(task.measured, fitted.minilm)


Judged = Sequence[tuple[MeasuredTask, Signals]]


def by_agent(tasks: Sequence[MeasuredTask], signals: Mapping[str, Signals]) -> dict[str, Judged]:
    """Tasks with their signals, agent by agent, and all together."""
    pairs = [(task, signals[task.labelled.id]) for task in tasks if not task.added]
    names = sorted({task.agent for task in tasks})
    apart = {name: [pair for pair in pairs if pair[0].agent == name] for name in names}
    return {**apart, "all": pairs}


def figures_of(judged: Judged, threshold: float = 0.0) -> dict[str, float]:
    """Accuracy, macro-F1, calibration error, mean cost, and the share right of each kind.

    Args:
        judged: Tasks and what was weighed.
        threshold: The most likely need is taken from this probability on, else retrieval.
    """
    labelled = [task.labelled for task, _ in judged]
    chosen: list[Need] = [_choice(signals, threshold) for _, signals in judged]
    confidence = [signals.likely[need] for (_, signals), need in zip(judged, chosen, strict=True)]
    truth, made = truth_of(labelled), codes(chosen)
    right = truth.right(made)
    found = {
        "accuracy": float(right.mean()),
        "macro_f1": truth.macro_f1(made),
        "ece": calibration_error(np.array(confidence), right),
        "cost": float(np.mean([_cost(t, n) for t, n in zip(labelled, chosen, strict=True)])),
    }
    for kind in KINDS:
        of_kind = np.array([one.kind == kind for one in labelled])
        if of_kind.any():
            found[kind] = float(right[of_kind].mean())
    return {name: round(value, 3) for name, value in found.items()}


def print_figures(figures: Mapping[str, Mapping[str, float]]) -> None:
    """One row an agent; a shared one is marked."""
    print("\nleft out: text model and fits have not seen the agent")
    print(f"{'':12}" + "".join(f"{name:>15}" for name in figures["all"]))
    for agent, row in figures.items():
        cells = (f"{row[name]:15.3f}" if name in row else f"{'-':>15}" for name in figures["all"])
        print(f"{agent:12}" + "".join(cells))


def print_thresholds(tasks: Sequence[MeasuredTask], signals: Mapping[str, Signals]) -> None:
    """What each threshold of confidence would come to, below which an agent retrieves."""
    print("\nconfidence below which it is unsure, and retrieves")
    pairs = by_agent(tasks, signals)["all"]
    for threshold in _TRIED:
        row = figures_of(pairs, threshold)
        print(f"{threshold:5.2f}  " + "  ".join(f"{k} {v:.3f}" for k, v in row.items()))


def print_gaps(tasks: Sequence[MeasuredTask], signals: Mapping[str, Signals]) -> None:
    """How many covered tasks and how many gaps each threshold of coverage calls a gap."""
    print("\ncoverage below which all sources are a gap: share of covered, of gaps, of follow-ups")
    kinds = ("covered", "gap", "followup")
    best = {
        kind: np.array(
            [
                max(p for p in signals[t.labelled.id].coverage.values() if p is not None)
                for t in tasks
                if t.labelled.kind == kind and not t.added
            ]
        )
        for kind in kinds
    }
    for threshold in (0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5):
        shares = "  ".join(f"{float((best[kind] < threshold).mean()):.3f}" for kind in kinds)
        print(f"{threshold:5.2f}  {shares}")


def print_leanings(tasks: Sequence[MeasuredTask], signals: Mapping[str, Signals]) -> None:
    """How far the offsets that suit each agent best lie apart: `tuning.SPREAD`."""
    steps = np.arange(-3, 3.01, 0.1)
    best: list[tuple[float, float]] = []
    for name, judged in by_agent(tasks, signals).items():
        if name == "all" or not all(found.pattern for _, found in judged):
            continue  # of an agent without sets the offset of few_shot means nothing
        likely = np.array([[max(s.likely[n], 1e-6) for n in NEEDS] for _, s in judged])
        truth = np.array([NEEDS.index(t.labelled.expected) for t, _ in judged])  # pyright: ignore[reportArgumentType]
        found = {
            (float(r), float(f)): _log_likelihood(likely, truth, r, f) for r in steps for f in steps
        }
        best.append(max(found, key=lambda pair: found[pair]))
    spread = np.std(np.array(best), axis=0)
    print(f"\nbest offsets of agents spread by {spread[0]:.2f} retrieval, {spread[1]:.2f} few_shot")


def _log_likelihood(
    likely: NDArray[Any], truth: NDArray[Any], retrieval: float, few_shot: float
) -> float:
    offsets = {"direct": 0.0, "retrieval": retrieval, "few_shot": few_shot}
    leaned = likely * np.exp([offsets[need] for need in NEEDS])
    leaned /= leaned.sum(axis=1, keepdims=True)
    return float(np.log(leaned[np.arange(len(truth)), truth]).sum())


def _choice(signals: Signals, threshold: float) -> Need:
    likeliest = max(NEEDS, key=lambda need: signals.likely[need])
    return likeliest if signals.likely[likeliest] >= threshold else "retrieval"


def _cost(task: LabelledTask, need: Need) -> float:
    if task.accepts(need):
        return 0.0
    return COSTS.get((task.expected, need), _RETRIEVED_FOR_NOTHING)


def _space(coverage: LogisticFit, pattern: LogisticFit) -> dict[str, Any]:
    return {"coverage": _row(coverage), "pattern": _row(pattern)}


def _row(fit: LogisticFit) -> dict[str, Any]:
    return {"weights": fit.weights, "centers": fit.centers, "bias": fit.bias}


def provenance(
    data: Path,
    part: Part,
    tasks: Sequence[MeasuredTask],
    known: Collection[str],
    figures: Mapping[str, Mapping[str, float]],
) -> dict[str, Any]:
    """What it was fitted to, and how well it does on what it was not fitted to."""
    agents = sorted(known)
    shared = {folder.name for folder in (data / "agents").iterdir()}
    digest = hashlib.sha256()
    for agent in all_agents(data, part):
        digest.update((agent.folder / "tasks.jsonl").read_bytes())
    return {
        "command": f"python -m tools.train.decision --data DATA --part {part}",
        "part": part,
        "date": date.today().isoformat(),
        "scikit-learn": sklearn.__version__,
        "agents": {
            "shared": [name for name in agents if name in shared],
            "own": [name for name in agents if name not in shared and name not in SETS],
            "of shared sets": [name for name in agents if name in SETS],
        },
        "tasks": sum(not task.added for task in tasks if task.agent in known),
        "courtesies": sum(task.added for task in tasks if task.agent in known),
        "tasks_sha256": digest.hexdigest(),
        "licences": "agents Apache-2.0; docs_rag MIT; hotpot, musique MIT (text of Wikipedia); "
        "dialogue Apache-2.0",
        "settings": {"C": decision_fit.STRENGTH, "inner_parts": decision_fit.INNER},
        "left_out": {name: dict(row) for name, row in figures.items()},
    }


if __name__ == "__main__":
    main()
