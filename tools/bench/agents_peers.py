"""What else could route an agent's tasks, told what our router is told: utterances per route.

Of retrieval: the sources' descriptions, and the titles and headings of their documents. Of
few_shot: the sets' descriptions, and the examples' inputs. Of direct: the agent's description, and
general requests that are the same for every agent. Peers read a task's text alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

from sklearn.calibration import CalibratedClassifierCV
from sklearn.svm import LinearSVC

from agent_knowledge.ports import Embedder
from agent_knowledge.sources.documents import Document
from agent_knowledge.sources.headings import headings
from agent_knowledge.sources.reading import read_source
from agent_knowledge.types import NEEDS, Strategy
from tools.bench.agents_table import Judged
from tools.bench.peers.classifiers import Fit, Judge, nearest
from tools.bench.peers.semantic_router_client import SemanticRouter
from tools.data.agent_folders import IndexedAgent
from tools.data.agents import LabelledTask
from tools.data.retrieval import read_rows
from tools.train import need_data

Lesson = tuple[str, Strategy]
"""An utterance and its route."""
Peer = Callable[[Sequence[Lesson], Sequence[LabelledTask]], Judged]
"""Given what it is told of an agent, and that agent's tasks."""

GENERAL = 48
"""So many general requests: about what an agent's example sets hold, so that no route is tiny. Told
200 of them instead, the peers gain 0.03 of accuracy on the shared agents, and no more with all."""
NEIGHBOURS = 5
"""Of 1, 3, 5, 10 and 30, what does best on the shared agents' tasks themselves."""
_UNDERLINED = re.compile(r"""^(\S.*)\n([=\-~^"'`#*+.:_])\2{2,}[ \t]*$""", re.MULTILINE)
"""A title of reStructuredText."""
_REST = (".rst", ".txt")


def general_requests(data: Path) -> tuple[str, ...]:
    """The first requests of the need set that clearly need nothing; none where it is absent."""
    file = data / need_data.TASKS
    rows = read_rows(file) if file.is_file() else []
    return tuple(str(row["task"]) for row in rows if row["need"] == "direct" and not row["second"])[
        :GENERAL
    ]


def lessons(here: IndexedAgent, general: Sequence[str]) -> list[Lesson]:
    """What peers are told of an agent: each utterance once, in a fixed order."""
    utterances: Mapping[Strategy, Iterator[str]] = {
        "retrieval": _of_sources(here),
        "few_shot": _of_examples(here),
        "direct": iter((here.profile.description, *general)),
    }
    told: dict[str, Strategy] = {}
    for route, texts in utterances.items():
        for text in texts:
            if text.strip():
                told.setdefault(text.strip(), route)
    return list(told.items())


def peers(embedder: Embedder, worker: SemanticRouter | None) -> dict[str, Peer]:
    """The peers by name; semantic-router where it runs."""
    fits: dict[str, Fit] = {
        "nearest neighbours": partial(nearest, neighbours=NEIGHBOURS),
        "MiniLM, linear SVM": linear_svm,
    }
    made: dict[str, Peer] = {
        name: partial(_by_classifier, fit, embedder) for name, fit in fits.items()
    }
    return {"semantic-router": partial(_by_semantic_router, worker), **made} if worker else made


def majority(tasks: Sequence[LabelledTask]) -> Judged:
    """Always the commonest label of the very tasks, as sure as it is common."""
    labels: Counter[Strategy] = Counter(task.expected for task in tasks)
    ((common, count),) = labels.most_common(1)
    return Judged(
        tasks=tuple(tasks),
        named=(common,) * len(tasks),
        confidence=(count / len(tasks),) * len(tasks),
    )


def linear_svm(texts: Sequence[str], classes: Sequence[str], embedder: Embedder) -> Judge:
    """MiniLM's vectors, linear support vector machine, Platt's probabilities."""
    machine: Any = LinearSVC(class_weight="balanced", random_state=0)
    model: Any = CalibratedClassifierCV(machine, ensemble=cast("Any", False))  # noqa: FBT003
    model.fit(embedder.embed(texts), classes)
    return lambda asked, embedder: model.predict_proba(embedder.embed(asked))


def _of_sources(here: IndexedAgent) -> Iterator[str]:
    for name, spec in here.profile.sources.items():
        yield spec.description
        path = here.config.resolve(spec.path or "", f"sources.{name}.path")
        for document in read_source(name, path):
            if isinstance(document, Document):
                yield document.title
                yield from _headings(document)


def _headings(document: Document) -> Iterator[str]:
    if document.origin.endswith(_REST):
        yield from (found[1] for found in _UNDERLINED.finditer(document.text))
    else:
        yield from (heading.title for heading in headings(document.text))


def _of_examples(here: IndexedAgent) -> Iterator[str]:
    for name, spec in here.profile.examples.items():
        yield spec.description
        file = here.config.resolve(spec.file, f"examples.{name}.file")
        yield from (str(row["input"]) for row in read_rows(file))


def _by_classifier(
    fit: Fit, embedder: Embedder, told: Sequence[Lesson], tasks: Sequence[LabelledTask]
) -> Judged:
    judge = fit([text for text, _ in told], [route for _, route in told], embedder)
    table = judge([task.task.text for task in tasks], embedder)
    routes = sorted({route for _, route in told})
    return Judged(
        tasks=tuple(tasks),
        named=tuple(routes[place] for place in table.argmax(axis=1)),
        confidence=tuple(table.max(axis=1).tolist()),
    )


def _by_semantic_router(
    worker: SemanticRouter, told: Sequence[Lesson], tasks: Sequence[LabelledTask]
) -> Judged:
    """A task that it gives no route to needs nothing, as an agent would read it."""
    verdict = worker.judge_texts(told, [task.task.text for task in tasks])
    named = (name if name in NEEDS else "direct" for name in verdict.named)
    return Judged(
        tasks=tuple(tasks),
        named=tuple(cast("Iterator[Strategy]", named)),
        confidence=tuple(verdict.confidence.tolist()),
    )
