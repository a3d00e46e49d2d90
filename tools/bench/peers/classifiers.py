"""Classifiers of texts that one would try first, fitted with scikit-learn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, cast

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from agent_knowledge.embedding.minilm import MiniLM
from agent_knowledge.ports import Embedder
from tools.bench.peers.verdict import Table, Verdict, median_ms
from tools.bench.routing_sets import Fold, RoutingSet, lessons
from tools.train.need_data import Tasks

Judge = Callable[[Sequence[str], Embedder], Table]
"""Given texts and what embeds them: probabilities, a row per text, a column per class, sorted."""
Fit = Callable[[Sequence[str], Sequence[str], Embedder], Judge]
"""Given texts, their classes and what embeds them."""

NEIGHBOURS = 30
"""Of 1, 5, 10, 15 and 30, weighted by nearness or not, what does best on the need set itself."""
_SAME_TEXT = 1e-6
"""A distance that rounding alone makes."""


def majority(_texts: Sequence[str], classes: Sequence[str], _embedder: Embedder) -> Judge:
    """Always the commonest class, as sure as it is common."""
    counts = Counter(classes)
    shares = np.array([counts[name] for name in sorted(counts)]) / len(classes)
    return lambda texts, _: np.tile(shares, (len(texts), 1))


def nearest(
    texts: Sequence[str],
    classes: Sequence[str],
    embedder: Embedder,
    neighbours: int = NEIGHBOURS,
) -> Judge:
    """The vote of the nearest texts by MiniLM's cosine, each weighing one over its distance.

    Written out: scikit-learn's own spends most of a single text's time on its threads.
    """
    stored, one_hot = embedder.embed(texts), _one_hot(classes)

    def judge(asked: Sequence[str], embedder: Embedder) -> Table:
        distances = 1 - embedder.embed(asked) @ stored.T
        near = np.argpartition(distances, neighbours, axis=1)[:, :neighbours]
        weights = 1 / np.maximum(np.take_along_axis(distances, near, axis=1), _SAME_TEXT)
        votes = (one_hot[near] * weights[:, :, None]).sum(axis=1)
        return votes / votes.sum(axis=1, keepdims=True)

    return judge


def words(texts: Sequence[str], classes: Sequence[str], _embedder: Embedder) -> Judge:
    """TF-IDF of words and word pairs, linear support vector machine, Platt's probabilities."""
    machine: Any = LinearSVC(class_weight="balanced", random_state=0)
    one_machine: Any = {"ensemble": False}
    model: Any = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        CalibratedClassifierCV(machine, **one_machine),
    )
    model.fit(texts, classes)
    return lambda asked, _: cast("Table", model.predict_proba(asked))


def _one_hot(classes: Sequence[str]) -> Table:
    names = sorted(set(classes))
    return np.eye(len(names))[[names.index(name) for name in classes]]


CLASSIFIERS: Mapping[str, Fit] = MappingProxyType(
    {"majority": majority, "nearest neighbours": nearest, "TF-IDF, linear SVM": words}
)


def judge_folds(one: RoutingSet, fit: Callable[[Fold], Judge], embedder: Embedder) -> Verdict:
    """Judge a set fold by fold, and time what the last fold was judged by.

    Args:
        one: The set.
        fit: What judges a fold.
        embedder: What embeds the texts that are not timed; the others have MiniLM itself.
    """
    table = np.zeros((len(one.tasks), len(one.classes)))
    asked, plain = one.texts, MiniLM()
    judges = [fit(fold) for fold in one.folds]
    for fold, judge in zip(one.folds, judges, strict=True):
        table[fold.judged] = judge([asked[place] for place in fold.judged], embedder)
    ms = median_ms(lambda task: judges[-1]([task.text], plain), one.timed)
    return Verdict.of_table(table, one.classes, ms)


def judge_texts(
    one: RoutingSet, tasks: Tasks, fit: Fit, embedder: Embedder, examples: Sequence[str] = ()
) -> Verdict:
    """Judge a set by its tasks' texts alone.

    Args:
        one: The set.
        tasks: What the folds' rows are of.
        fit: The classifier.
        embedder: What embeds the texts that are not timed.
        examples: Texts to learn as tasks that need examples, besides the others.
    """

    def fitted(fold: Fold) -> Judge:
        learnt = [*lessons(one, tasks, fold), *((text, one.label("few_shot")) for text in examples)]
        return fit([text for text, _ in learnt], [name for _, name in learnt], embedder)

    return judge_folds(one, fitted, embedder)
