"""Our router where it asks a chat model about what its evidence leaves open: `ask_model_below`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from langchain_core.language_models import BaseChatModel

from agent_knowledge import KnowledgeConfig, KnowledgeRouter, load_router
from agent_knowledge.decision.consult import verdicts
from agent_knowledge.decision.evidence import with_verdict
from agent_knowledge.models.advice import ModelJudge
from agent_knowledge.models.chat import Chat
from agent_knowledge.ports import Embedder, NeedJudge
from agent_knowledge.types import Need, NeedVerdict, Signals, Task
from tools.bench.peers.classifiers import Judge
from tools.bench.peers.verdict import Table, Verdict
from tools.bench.routing_ours import Ours
from tools.bench.routing_sets import RoutingSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Judges sets, and asks a model about the tasks that are less sure than a limit.

    Attributes:
        made: What judges without a model.
        routers: By the agent's name, each with the limit in its policy.
        judge: Who is asked about tasks of no agent.
        below: The limit, 0..1.
    """

    made: Ours
    routers: Mapping[str, KnowledgeRouter]
    judge: NeedJudge
    below: float

    @classmethod
    def opened(
        cls, made: Ours, config: KnowledgeConfig, model: BaseChatModel, below: float
    ) -> Asking:
        """Open a router for each agent of an indexed configuration; nothing is asked yet.

        Args:
            made: What judges without a model.
            config: The configuration; its own policies stay as they are.
            model: The model to ask.
            below: A decision less sure than this is asked about, 0..1.
        """
        asking = _with_limit(config, below)
        return cls(
            made=made,
            routers={name: load_router(asking, name, model=model) for name in asking.agents},
            judge=ModelJudge(chat=Chat(model=model, name="the model")),
            below=below,
        )

    def decide(self, one: RoutingSet) -> Verdict:
        """Judge a set: by its agent's whole router, or by the need heads where it has none.

        The heads' probabilities are pooled with what the model says as the router pools them. A
        model that fails ends nothing: the task stays as it was judged without it.
        """
        if one.agent is not None:
            return self.made.route(one, self.routers[one.agent], history=True)
        said: dict[str, NeedVerdict] = {}
        verdict = self.made.structure(one, lambda judge: self._second(judge, one.classes, said))
        return replace(verdict, asked=[said[text] for text in one.texts if text in said])

    def _second(self, first: Judge, classes: Sequence[str], said: dict[str, NeedVerdict]) -> Judge:
        """Judge as `first` does, then ask; what is said of each text is put into `said`."""

        def judge(texts: Sequence[str], embedder: Embedder) -> Table:
            table = first(texts, embedder)
            weak: list[int] = np.flatnonzero(table.max(axis=1) < self.below).tolist()
            given = verdicts(self.judge, [Task(texts[place]) for place in weak])
            for place, verdict in zip(weak, given, strict=True):
                table[place] = _pooled(table[place], classes, verdict)
                said.setdefault(texts[place], verdict)
            return table

        return judge


def shares(one: RoutingSet, verdict: Verdict) -> str:
    """What share of a set's tasks was asked about, and about what share in vain, in words."""
    asked = len(verdict.asked) / len(one.tasks)
    in_vain = sum(said.need is None for said in verdict.asked) / len(one.tasks)
    return f"{asked:.0%} asked" + (f", {in_vain:.0%} in vain" if in_vain else "")


def _pooled(row: Table, classes: Sequence[str], verdict: NeedVerdict) -> list[float]:
    """A row of the table, whose columns are the classes, with what a model said."""
    need = dict(zip(cast("Sequence[Need]", classes), row.tolist(), strict=True))
    pooled = with_verdict(Signals(need=need), verdict).need
    return [pooled[name] for name in need]


def _with_limit(config: KnowledgeConfig, below: float) -> KnowledgeConfig:
    asks = {"ask_model_below": below}
    agents = {
        name: agent.model_copy(update={"policy": agent.policy.model_copy(update=asks)})
        for name, agent in config.agents.items()
    }
    return config.model_copy(update={"agents": agents})
