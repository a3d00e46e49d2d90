"""What the text model is tuned on.

Prompts with the need that their text shows, turns of service dialogues, agents with labelled
tasks and example sets, and sets of utterances with intents, which are example sets too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import yaml
from numpy.typing import NDArray

from agent_knowledge.routing.queries import payload
from agent_knowledge.routing.text_heads import context_of
from agent_knowledge.types import NEEDS
from tools.data.agents import LabelledAgent
from tools.data.rows import read_rows
from tools.train.prompts_data import TURNS, Row
from tools.train.text_states import States

Places = NDArray[np.int64]
Targets = NDArray[np.float32]

_SURE = 0.95
"""Of a label without a second one; the rest is spread, so that no probability is driven to 1."""
_FIRST = 0.8
"""Of a label beside a second defensible one."""
_FIRST_OF_AGENT = 0.75
_INTENTS = {
    "intents/banking77/train.jsonl": "Label what the customer of the bank wants",
    "intents/clinc150/train_10.jsonl": "Tell the intent of a request to the assistant",
}
_INTENT_SETS = 6
_INTENT_LABELS = 8
_INTENT_INPUTS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompts:
    """Texts labelled by what they need of a model with nothing at hand, as columns."""

    places: Places
    need: Targets
    fresh: Targets
    multi_hop: Targets
    facts: Targets
    plain: Places
    """Texts that surely need nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentTexts:
    """One agent's tasks and sets, as places among the states.

    Attributes:
        name: The agent's.
        whole: The tasks.
        part: What each was given to work on, or the task again.
        need: What each needs, in the order of `NEEDS`, rows summing to 1.
        instance_of: The set that each is an instance of, by place; as many as there are sets for
            none.
        inputs: Per set, its inputs.
        descriptions: Per set, what the configuration says of it.
    """

    name: str
    whole: Places
    part: Places
    need: Targets
    instance_of: Places
    inputs: Sequence[Places]
    descriptions: Places


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentSet:
    """Utterances of some intents: an example set whose instances are known."""

    inputs: Places
    description: int


def read_prompts(rows: Sequence[Row], states: States) -> Prompts:
    """Prompts as columns."""
    places = np.array([states.add(str(row["task"])) for row in rows])
    plain = [row["need"] == "direct" and not row["second"] for row in rows]
    return Prompts(
        places=places,
        need=np.array([_need_of(row) for row in rows], np.float32),
        fresh=np.array([bool(row["fresh"]) for row in rows], np.float32),
        multi_hop=np.array([row["hops"] == "multi" for row in rows], np.float32),
        facts=np.array([row["need"] == "retrieval" for row in rows], np.float32),
        plain=places[np.array(plain)],
    )


def read_turns(states: States) -> tuple[Places, Targets]:
    """Our own turns of service dialogues, and what they need of an agent with a help page."""
    rows = read_rows(TURNS)
    places = np.array([states.add(str(row["task"])) for row in rows])
    lookup, other = _soft("retrieval"), _soft("direct")
    return places, np.array([lookup if row["knowledge"] else other for row in rows], np.float32)


def read_agent(agent: LabelledAgent, states: States) -> AgentTexts:
    """An agent's tasks and sets."""
    sets = sets_of(agent)
    names = list(sets)
    whole: list[int] = []
    part: list[int] = []
    for labelled in agent.tasks:
        task = labelled.task
        whole.append(states.add(task.text, context_of(task.history)))
        given = payload(task.text)
        part.append(states.add(given) if given else whole[-1])
    return AgentTexts(
        name=agent.name,
        whole=np.array(whole),
        part=np.array(part),
        need=np.array([_soft(t.expected, t.also) for t in agent.tasks], np.float32),
        instance_of=np.array(
            [names.index(t.example_set) if t.example_set else len(names) for t in agent.tasks]
        ),
        inputs=[np.array([states.add(text) for text in inputs]) for _, inputs in sets.values()],
        descriptions=np.array([states.add(text) for text, _ in sets.values()], np.int64),
    )


def read_intents(folder: Path, states: States, chance: np.random.Generator) -> list[IntentSet]:
    """Sets of utterances, each of a few intents drawn from the shared ones."""
    made: list[IntentSet] = []
    for name, description in _INTENTS.items():
        rows = read_rows(folder / name)
        labels = sorted({str(row["output"]) for row in rows})
        for _ in range(_INTENT_SETS):
            chosen = set(chance.choice(labels, _INTENT_LABELS, replace=False).tolist())
            texts = [str(row["input"]) for row in rows if row["output"] in chosen]
            drawn = chance.permutation(len(texts))[:_INTENT_INPUTS]
            inputs = np.array([states.add(texts[place]) for place in drawn])
            made.append(IntentSet(inputs=inputs, description=states.add(description)))
    return made


def sets_of(agent: LabelledAgent) -> Mapping[str, tuple[str, list[str]]]:
    """Per example set of an agent, its description and inputs."""
    file = agent.folder / "agent-knowledge.yaml"
    config = cast("dict[str, Any]", yaml.safe_load(file.read_text(encoding="utf-8")))
    return {
        name: (
            str(spec.get("description") or name),
            [str(row["input"]) for row in read_rows(agent.folder / spec["file"])],
        )
        for name, spec in (config.get("examples") or {}).items()
    }


def _need_of(row: Row) -> list[float]:
    first, second = NEEDS.index(row["need"]), row["second"]
    if not second:
        return _spread({first: _SURE})
    return _spread({first: _FIRST, NEEDS.index(second): 1 - _FIRST})


def _soft(expected: str, also: Sequence[str] = ()) -> list[float]:
    """A label and what a careful person would accept as well, as shares."""
    first = NEEDS.index(expected)  # pyright: ignore[reportArgumentType]
    others = [NEEDS.index(name) for name in also if name in NEEDS]
    if not others:
        return _spread({first: _SURE})
    share = (1 - _FIRST_OF_AGENT) / len(others)
    return _spread({first: _FIRST_OF_AGENT, **dict.fromkeys(others, share)})


def _spread(shares: Mapping[int, float]) -> list[float]:
    rest = (1 - sum(shares.values())) / max(len(NEEDS) - len(shares), 1)
    return [shares.get(place, rest) for place in range(len(NEEDS))]
