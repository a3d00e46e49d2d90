"""What else could route an agent's tasks, told what our router is told: utterances per route.

Of retrieval: the sources' descriptions, and the titles and headings of their documents. Of
few_shot: the sets' descriptions, and the examples' inputs. Of direct: the agent's description, and
general requests that are the same for every agent. Peers read a task's text alone.

Two choices favour the peers: how many general requests they are told, and how many neighbours vote.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import cast

from agent_knowledge.ports import Embedder
from agent_knowledge.retrieval.reading.documents import Document
from agent_knowledge.retrieval.reading.headings import headings
from agent_knowledge.retrieval.reading.loading import read_source
from agent_knowledge.types import NEEDS, Strategy
from tools.bench.agents_table import Judged
from tools.bench.peers.classifiers import Fit, nearest, vectors_svm
from tools.bench.peers.semantic_router_client import SemanticRouter
from tools.data.agent_folders import IndexedAgent
from tools.data.agents import LabelledTask
from tools.data.rows import read_rows
from tools.train.prompts_data import TASKS, read_shared

Lesson = tuple[str, Strategy]
"""An utterance and its route."""
Peer = Callable[[Sequence[Lesson], Sequence[LabelledTask]], Judged]
"""Given what it is told of an agent, and that agent's tasks."""

GENERAL = 200
"""So many general requests. Told 48 of them instead, about what an agent's example sets hold, the
peers lose 0.03 of accuracy on the shared agents; told all, they gain no more."""
NEIGHBOURS = 5
"""Of 1, 3, 5, 10 and 30, what did best on the shared agents' tasks themselves: chosen in the peer's
favour."""
_UNDERLINED = re.compile(r"""^(\S.*)\n([=\-~^"'`#*+.:_])\2{2,}[ \t]*$""", re.MULTILINE)
"""A title of reStructuredText."""
_REST = (".rst", ".txt")


def general_requests(data: Path) -> tuple[str, ...]:
    """The first requests of the need set that clearly need nothing; none where it is absent."""
    rows = read_shared(data) if (data / TASKS).is_file() else []
    clear = (str(row["task"]) for row in rows if row["need"] == "direct" and not row["second"])
    return tuple(islice(clear, GENERAL))


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
        f"{NEIGHBOURS} nearest neighbours": partial(
            nearest, embedder=embedder, neighbours=NEIGHBOURS
        ),
        "MiniLM, linear SVM": partial(vectors_svm, embedder=embedder),
    }
    made: dict[str, Peer] = {name: partial(_by_classifier, fit) for name, fit in fits.items()}
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


def _by_classifier(fit: Fit, told: Sequence[Lesson], tasks: Sequence[LabelledTask]) -> Judged:
    judge = fit([text for text, _ in told], [route for _, route in told])
    table = judge([task.task.text for task in tasks])
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
    judged = worker.judge(told, [task.task.text for task in tasks])
    named = (name if name in NEEDS else "direct" for name, _ in judged)
    return Judged(
        tasks=tuple(tasks),
        named=tuple(cast("Iterator[Strategy]", named)),
        confidence=tuple(confidence for _, confidence in judged),
    )
