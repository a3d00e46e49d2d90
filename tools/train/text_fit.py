"""Tuning the text model: one step a batch of prompts, of turns, or an episode of an agent.

An episode shows the net some of a set's inputs, as an agent's set would be at hand, and has it tell
which of the agent's tasks, and which of the set's further inputs, are instances of which set.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from numpy.typing import NDArray
from torch import Tensor  # pyright: ignore[reportMissingImports]
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy  # pyright: ignore[reportMissingImports]

from agent_knowledge.types import NEEDS
from tools.train.text_data import AgentTexts, IntentSet, Places, Prompts, Targets
from tools.train.text_net import TextNet
from tools.train.text_states import States

EPOCHS = 3
RATE = 1e-4
HEAD_RATE = 1e-3
DECAY = 0.01
BATCH = 32
_WARM_UP = 60
_CLIPPED = 1.0
_PROMPT_SHARE = 0.6
"""Of the prompts an epoch sees: there are many times more of them than of agents' tasks."""
_TURN_SHARE = 0.5
_EPISODES = 3
"""Parts that an agent's tasks are cut into an epoch."""
_SHOWN = 14
"""Inputs of a set that an episode shows at most."""
_FURTHER = 5
_FURTHER_WEIGHT = 0.4
_SIDE_WEIGHT = 0.3
_TURN_WEIGHT = 0.5
_INTENT_WEIGHT = 0.5
_INSTANCE_WEIGHT = 0.2
_INTENT_ASKED = 12
_INTENT_OTHERS = 14

Step = Callable[[], Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """All that a net is tuned on."""

    states: States
    prompts: Prompts
    turns: tuple[Places, Targets]
    agents: Sequence[AgentTexts]
    intents: Sequence[IntentSet]


def tune(material: Material, weights: Path, seed: int = 0) -> TextNet:
    """Tune a net.

    Args:
        material: What to tune it on.
        weights: MiniLM's own weights, where it starts.
        seed: Of the order of steps and of what an episode shows.
    """
    torch.manual_seed(seed)
    chance = np.random.default_rng(seed)
    net = TextNet(weights).train()
    trainer = _Trainer(net, material, chance)
    layers = list(net.layers.parameters())
    known = {id(parameter) for parameter in layers}
    heads = [parameter for parameter in net.parameters() if id(parameter) not in known]
    groups = [{"params": layers, "lr": RATE}, {"params": heads, "lr": HEAD_RATE}]
    optimizer = torch.optim.AdamW(groups, weight_decay=DECAY)
    total = EPOCHS * len(trainer.steps())
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / _WARM_UP) * max(0.02, 1 - step / total)
    )
    started = time.monotonic()
    for epoch in range(EPOCHS):
        losses: list[float] = []
        for step in trainer.steps():
            loss = step()
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), _CLIPPED)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        mean = np.mean(losses)
        print(
            f"  epoch {epoch + 1}: loss {mean:.3f}, {time.monotonic() - started:.0f} s", flush=True
        )
    return net.eval()


@dataclass(frozen=True, slots=True)
class _Trainer:
    net: TextNet
    material: Material
    chance: np.random.Generator

    def steps(self) -> list[Step]:
        """One epoch's steps, in an order of chance."""
        steps = [*self._prompts(), *self._turns(), *self._agents(), *self._intents()]
        return [steps[place] for place in self.chance.permutation(len(steps))]

    def _prompts(self) -> list[Step]:
        prompts = self.material.prompts
        count = int(len(prompts.places) * _PROMPT_SHARE)
        drawn = self.chance.permutation(len(prompts.places))[:count]
        lengths = self.material.states.lengths[prompts.places[drawn]]
        order = drawn[np.argsort(lengths + self.chance.normal(0, 4, count))]
        return [
            lambda rows=order[start : start + BATCH]: self._prompt_loss(rows)
            for start in range(0, count, BATCH)
        ]

    def _prompt_loss(self, rows: NDArray[np.int64]) -> Tensor:
        net, prompts = self.net, self.material.prompts
        states = net.dropout(net.states(*self.material.states.batch(prompts.places[rows])))
        need = _cross_entropy(net.need(states), prompts.need[rows])
        fresh = binary_cross_entropy_with_logits(
            net.fresh(states)[:, 0], torch.from_numpy(prompts.fresh[rows])
        )
        hops = binary_cross_entropy_with_logits(
            net.multi_hop(states)[:, 0], torch.from_numpy(prompts.multi_hop[rows]), reduction="none"
        )
        facts = torch.from_numpy(prompts.facts[rows])  # elsewhere the question does not arise
        return need + _SIDE_WEIGHT * (fresh + (hops * facts).sum() / facts.sum().clamp(min=1))

    def _turns(self) -> list[Step]:
        places, targets = self.material.turns
        plain = self.material.prompts.plain
        direct = np.full((len(plain), 3), 0.05, np.float32)
        direct[:, NEEDS.index("direct")] = 0.9
        places, targets = np.concatenate([places, plain]), np.concatenate([targets, direct])
        count = int(len(places) * _TURN_SHARE)
        drawn = self.chance.permutation(len(places))[:count]
        return [
            lambda rows=drawn[start : start + BATCH]: (
                _TURN_WEIGHT * self._agent_loss(places[rows], targets[rows])
            )
            for start in range(0, count, BATCH)
        ]

    def _agent_loss(self, places: Places, targets: Targets) -> Tensor:
        states = self.net.dropout(self.net.states(*self.material.states.batch(places)))
        return _cross_entropy(self.net.agent(states), targets)

    def _agents(self) -> list[Step]:
        return [
            lambda agent=agent, rows=rows: self._episode(agent, rows)
            for agent in self.material.agents
            for rows in np.array_split(self.chance.permutation(len(agent.whole)), _EPISODES)
        ]

    def _episode(self, agent: AgentTexts, rows: NDArray[np.int64]) -> Tensor:
        net = self.net
        shown, further, further_of = self._show(agent.inputs)
        whole = [*agent.whole[rows], *further]
        part = [*agent.part[rows], *further]
        states = net.dropout(
            net.encode(
                self.material.states,
                [
                    *whole,
                    *part,
                    *(place for group in shown for place in group),
                    *agent.descriptions,
                ],
            )
        )
        n, tasks = len(whole), len(rows)
        kinds = net.kinds(states)
        ends = np.cumsum([2 * n, *map(len, shown)])
        groups = [kinds[start:end] for start, end in pairwise(ends.tolist())]
        agents = net.agent(states[:n])
        loss = _cross_entropy(agents[:tasks], agent.need[rows])
        if n > tasks:
            instance = torch.full((n - tasks,), NEEDS.index("few_shot"))
            loss = loss + _INSTANCE_WEIGHT * cross_entropy(agents[tasks:], instance)
        if groups:
            scores = net.set_scores(kinds[:n], kinds[n : 2 * n], groups, kinds[ends[-1] :])
            truth = torch.from_numpy(np.array([*agent.instance_of[rows], *further_of]))
            weight = torch.ones(n)
            weight[tasks:] = _FURTHER_WEIGHT
            each = cross_entropy(scores, truth, reduction="none")
            loss = loss + (each * weight).sum() / weight.sum()
        return loss

    def _show(self, sets: Sequence[Places]) -> tuple[list[Places], list[int], list[int]]:
        """Of each set some inputs to show, and some further ones to tell."""
        shown: list[Places] = []
        further: list[int] = []
        further_of: list[int] = []
        for place, inputs in enumerate(sets):
            drawn = self.chance.permutation(inputs)
            least, most = max(3, len(drawn) // 3), max(4, 2 * len(drawn) // 3)
            count = min(int(self.chance.integers(least, most + 1)), _SHOWN)
            shown.append(drawn[:count])
            rest = drawn[count : count + _FURTHER].tolist()
            further += rest
            further_of += [place] * len(rest)
        return shown, further, further_of

    def _intents(self) -> list[Step]:
        return [lambda one=one: self._intent_loss(one) for one in self.material.intents]

    def _intent_loss(self, one: IntentSet) -> Tensor:
        net, chance = self.net, self.chance
        drawn = chance.permutation(one.inputs)
        others = chance.choice(self.material.prompts.plain, _INTENT_OTHERS)
        asked = [*drawn[:_INTENT_ASKED], *others]
        rest = drawn[_INTENT_ASKED:]
        states = net.encode(self.material.states, [*asked, *rest, one.description])
        kinds = net.kinds(net.dropout(states))
        n = len(asked)
        scores = net.set_scores(kinds[:n], kinds[:n], [kinds[n:-1]], kinds[-1:])
        truth = torch.tensor([0] * _INTENT_ASKED + [1] * _INTENT_OTHERS)
        return _INTENT_WEIGHT * cross_entropy(scores, truth)


def _cross_entropy(logits: Tensor, shares: Targets) -> Tensor:
    return -(torch.from_numpy(shares) * logits.log_softmax(-1)).sum(-1).mean()
