"""Our router and what is left of it without some of its signals."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import numpy as np
from numpy.typing import NDArray

from agent_knowledge import KnowledgeConfig, KnowledgeRouter, index_sources, load_router
from agent_knowledge.embedding.minilm import MiniLM
from agent_knowledge.ports import Embedder
from agent_knowledge.search import Reading
from agent_knowledge.signals import need
from agent_knowledge.signals.need import NeedHeads, NeedReading
from agent_knowledge.types import NEEDS, Decision, Task
from tools.bench.peers.classifiers import Judge, judge_folds
from tools.bench.peers.verdict import Table, Verdict, median_ms
from tools.bench.routing_sets import DOCS, FAQ, Fold, RoutingSet, shown_examples
from tools.train import need_data, need_model
from tools.train.need_data import Tasks

Inputs = NDArray[np.float32]
"""What the need heads read, a row per text."""

CONFIG = """
sources:
  faq: {{path: "{data}/{faq}", description: questions about hotels and restaurants}}
  docs: {{path: "{data}/{docs}", description: product documentation}}
examples:
  intents: {{file: intents.jsonl, description: put a bank customer's request into its intent}}
agents:
  travel: {{sources: [faq]}}
  mixed: {{sources: [docs], examples: [intents]}}
"""


@contextmanager
def indexed(data: Path) -> Generator[KnowledgeConfig]:
    """The configuration of both agents, with their sources indexed."""
    with TemporaryDirectory() as folder:
        here = Path(folder)
        config = CONFIG.format(data=data.resolve(), faq=FAQ, docs=DOCS)
        (here / "agent-knowledge.yaml").write_text(config, encoding="utf-8")
        rows = "\n".join(json.dumps(row) for row in shown_examples(data))
        (here / "intents.jsonl").write_text(rows, encoding="utf-8")
        read = KnowledgeConfig.from_yaml(here / "agent-knowledge.yaml")
        index_sources(read)
        yield read


def open_routers(config: KnowledgeConfig) -> dict[str, KnowledgeRouter]:
    """The routers of all agents, by the agent's name."""
    return {name: load_router(config, name) for name in config.agents}


class Ours:
    """Judges sets with ever more signals."""

    def __init__(self, tasks: Tasks, embedder: Embedder) -> None:
        """Nothing is fitted yet.

        Args:
            tasks: What the folds' rows are of.
            embedder: MiniLM; embeds the texts that are not timed.
        """
        self._tasks = tasks
        self._embedder = embedder

    def text_only(self, one: RoutingSet) -> Verdict:
        """The need heads without the structure of the text, fitted anew for each fold."""
        bare = replace(self._tasks, inputs=_without_structure(self._tasks.inputs))

        def fit(fold: Fold) -> Judge:
            heads = need_model.fit_heads(bare, fold.train)
            return _judge(one, lambda rows: heads.probabilities(_without_structure(rows)))

        return judge_folds(one, fit, self._embedder)

    def structure(self, one: RoutingSet, around: Callable[[Judge], Judge] | None = None) -> Verdict:
        """The need heads: the packaged ones, or fitted anew where rows are held out.

        Args:
            one: The set.
            around: What stands around the heads and judges in their place, given them.
        """

        def fit(fold: Fold) -> Judge:
            judge = _judge(one, self._heads(fold).probabilities)
            return around(judge) if around else judge

        return judge_folds(one, fit, self._embedder)

    def route(
        self, one: RoutingSet, router: KnowledgeRouter, *, history: bool, gaps: bool = True
    ) -> Verdict:
        """The whole router.

        Args:
            one: A set of one fold.
            router: Of the set's agent.
            history: Whether it is told the history of a task.
            gaps: Whether a gap counts as a need for retrieval. If not, a decision with a gap is as
                sure that its task needs none as its sources are sure not to hold what is asked.
        """
        tasks = [task if history else replace(task, history=()) for task in one.tasks]
        decisions = self._decide(one.folds[0], router, tasks)
        named = [one.label(decision.strategy) for decision in decisions]
        confidence = np.array([decision.confidence for decision in decisions])
        if not gaps:
            for place, decision in enumerate(decisions):
                if decision.gap:
                    named[place] = one.label("direct")
                    covered = (p for p in decision.signals.coverage.values() if p is not None)
                    confidence[place] = 1 - max(covered, default=0.0)
        timed = one.timed if history else [replace(task, history=()) for task in one.timed]
        return Verdict(
            named=named,
            confidence=confidence,
            ms=median_ms(router.route, timed),
            asked=[said for decision in decisions if (said := decision.signals.asked)],
        )

    def _decide(self, fold: Fold, router: KnowledgeRouter, tasks: Sequence[Task]) -> list[Decision]:
        readings = router.read(tasks)
        if fold.held_out:
            heads, texts = self._heads(fold), [task.text for task in tasks]
            vectors = need_data.vectors_of(texts, _minilm(self._embedder))
            readings = [
                _with_need(reading, heads.read(reading.task.text, vectors)) for reading in readings
            ]
        return [router.decide(reading) for reading in readings]

    def _heads(self, fold: Fold) -> NeedHeads:
        if fold.held_out:
            return need_model.fit_heads(self._tasks, fold.train)
        return NeedHeads.load()


def _judge(one: RoutingSet, weigh: Callable[[Inputs], Table]) -> Judge:
    def judge(texts: Sequence[str], embedder: Embedder) -> Table:
        table = weigh(need_data.embed(texts, _minilm(embedder)))
        facts = table[:, NEEDS.index("retrieval")]
        return np.column_stack(
            [table[:, need.HEADS.index(c)] if c in NEEDS else 1 - facts for c in one.classes]
        )

    return judge


def _with_need(reading: Reading, of_heads: NeedReading) -> Reading:
    """The same reading by other heads."""
    measured = {field.name: getattr(of_heads, field.name) for field in fields(NeedReading)}
    return replace(reading, signals=replace(reading.signals, **measured))


def _without_structure(inputs: Inputs) -> Inputs:
    bare = inputs.copy()
    bare[:, 2 * need.DIMENSIONS :] = 0
    return bare


def _minilm(embedder: Embedder) -> MiniLM:
    return cast("MiniLM", embedder)  # what need_data names; it only embeds
