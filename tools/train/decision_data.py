"""What the decision is fitted to: the agents' tasks, measured by the package's own reader.

Each agent is read by a text model that has not seen it (`tools.train.text --left-out`), as a user's
agent will be.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agent_knowledge.errors import ConfigError
from agent_knowledge.models.minilm import TUNED_LAYERS
from agent_knowledge.routing.measuring import TaskFeatures
from agent_knowledge.routing.need import FILE as FITS_FILE
from agent_knowledge.routing.need import DecisionFit, Fits, LogisticFit, Weights, load_fits
from agent_knowledge.routing.text_heads import FILE as HEADS_FILE
from agent_knowledge.routing.text_heads import TextHeads
from agent_knowledge.types import Task
from tools.data.agent_folders import IndexedAgent, indexed
from tools.data.agents import LabelledAgent, LabelledTask
from tools.data.embedding import RememberingMiniLM
from tools.data.rows import read_rows
from tools.train import folds
from tools.train.prompts_data import PROMPTS

COURTESIES = "turns.jsonl"
_COURTESIES = 4
"""After so many conversations of an agent. With eleven the left-out share of follow-ups that are
retrieved falls from 0.86 to 0.80, with none "thanks" is a toss-up."""
VECTORS = "vectors.npz"
"""Beside the tuned layers of a fold: vectors of its agents, embedded once."""
_NOTHING = LogisticFit(weights={}, centers={}, bias=0.0)
NO_DECISION = DecisionFit(retrieval=_NOTHING, few_shot=_NOTHING)
"""Weighs nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredTask:
    """A labelled task and what was measured of it.

    Attributes:
        agent: Name of the agent.
        labelled: The task and its labels.
        measured: What was measured.
        covers: Of each source, whether it holds a document that answers the task.
        added: It is a courtesy of ours after a conversation of the agent's, to fit to alone: an
            agent's own tasks have too few of them.
    """

    agent: str
    labelled: LabelledTask
    measured: TaskFeatures
    covers: Mapping[str, bool]
    added: bool = False


def left_out_text(agent: str, background: Mapping[str, float]) -> tuple[Path, Weights]:
    """The tuned layers and heads that have not seen an agent, with fits that weigh nothing."""
    folder = folds.fold_folder(folds.fold_of(agent))
    heads = TextHeads.load(folder / HEADS_FILE)
    fits = Fits(coverage=_NOTHING, pattern=_NOTHING, decision=NO_DECISION, background=background)
    return folder / TUNED_LAYERS, Weights(heads=heads, fits=fits)


def left_out_fits(agent: str) -> Path:
    """The file of the fits that have not seen an agent, which `tools.train.decision` writes."""
    return folds.CACHE / "left-out" / agent / FITS_FILE


def left_out_weights(agent: str) -> tuple[Path, Weights]:
    """The tuned layers, and all that was fitted without an agent: heads and fits.

    Raises:
        ConfigError: It was not fitted on this machine.
    """
    folder = folds.fold_folder(folds.fold_of(agent))
    heads = TextHeads.load(folder / HEADS_FILE)
    fits = load_fits(RememberingMiniLM.name, left_out_fits(agent))
    return folder / TUNED_LAYERS, Weights(heads=heads, fits=fits)


def packaged_agents() -> frozenset[str]:
    """Names of the agents that the packaged weights were fitted to, as these record it.

    Raises:
        ConfigError: They are missing, or record nothing.
    """
    file = folds.PACKAGE / HEADS_FILE
    try:
        return frozenset(
            json.loads(file.read_text(encoding="utf-8"))["provenance"]["tuned_on"]["agents"]
        )
    except (OSError, KeyError, ValueError) as error:
        msg = f"{str(file)!r} names no agents ({error!r}); run: python -m tools.train.text"
        raise ConfigError(msg) from error


def measure_agent(
    agent: LabelledAgent, encoder: RememberingMiniLM, weights: Weights
) -> list[MeasuredTask]:
    """Index an agent and measure its tasks."""
    tasks = [*agent.tasks, *courtesies(agent)]
    with indexed(agent, encoder) as here:
        reader = here.router(weights).reader
        measured = list(reader.measure([labelled.task for labelled in tasks]))
    return [
        MeasuredTask(
            agent=agent.name,
            labelled=labelled,
            measured=one,
            covers=covers_of(here, labelled),
            added=place >= len(agent.tasks),
        )
        for place, (labelled, one) in enumerate(zip(tasks, measured, strict=True))
    ]


def courtesies(agent: LabelledAgent) -> list[LabelledTask]:
    """Thanks and the like of ours, each after one of the agent's conversations."""
    rows = [row for row in read_rows(PROMPTS / COURTESIES) if row["need"] == "direct"]
    told = [labelled for labelled in agent.tasks if labelled.kind == "followup"][:_COURTESIES]
    start = int.from_bytes(agent.name.encode()[-2:])  # other ones for each agent, not by chance
    return [
        LabelledTask(
            id=f"{agent.name}-added{place}",
            kind="followup-chat",
            task=Task(str(rows[(start + place) % len(rows)]["task"]), history=before.task.history),
            expected="direct",
        )
        for place, before in enumerate(told)
    ]


def covers_of(here: IndexedAgent, labelled: LabelledTask) -> dict[str, bool]:
    """Whether each source holds a relevant document; rows' ids have no folder in front."""
    own = {name: str(spec.path) for name, spec in here.config.sources.items() if spec.path}
    if len(own) == 1:
        return dict.fromkeys(own, bool(labelled.relevant))
    rows = {name for name, path in own.items() if path.endswith(".jsonl")}
    files = {name for name in own if name not in rows}
    in_files = any((here.agent.folder / name).is_file() for name in labelled.relevant)
    in_rows = any(not (here.agent.folder / name).is_file() for name in labelled.relevant)
    return {**dict.fromkeys(rows, in_rows), **dict.fromkeys(files, in_files)}
