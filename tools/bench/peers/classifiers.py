"""Classifiers of texts that one would try first, fitted with scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from agent_knowledge.ports import Embedder

Table = NDArray[np.float64]
Judge = Callable[[Sequence[str]], Table]
"""Given texts: probabilities, a row per text, a column per class, sorted."""
Fit = Callable[[Sequence[str], Sequence[str]], Judge]
"""Given texts and their classes."""

_SAME_TEXT = 1e-6
"""A distance that rounding alone makes."""


def nearest(
    texts: Sequence[str], classes: Sequence[str], *, embedder: Embedder, neighbours: int
) -> Judge:
    """The vote of the nearest texts by MiniLM's cosine, each weighing one over its distance.

    Written out: scikit-learn's own spends most of a single text's time on its threads.
    """
    stored, one_hot = embedder.embed(texts), _one_hot(classes)

    def judge(asked: Sequence[str]) -> Table:
        distances = 1 - embedder.embed(asked) @ stored.T
        near = np.argpartition(distances, neighbours, axis=1)[:, :neighbours]
        weights = 1 / np.maximum(np.take_along_axis(distances, near, axis=1), _SAME_TEXT)
        votes = (one_hot[near] * weights[:, :, None]).sum(axis=1)
        return votes / votes.sum(axis=1, keepdims=True)

    return judge


def words_svm(texts: Sequence[str], classes: Sequence[str]) -> Judge:
    """TF-IDF of words and word pairs, linear support vector machine, Platt's probabilities."""
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), _machine())
    model.fit(texts, classes)
    return lambda asked: cast("Table", model.predict_proba(asked))


def vectors_svm(texts: Sequence[str], classes: Sequence[str], *, embedder: Embedder) -> Judge:
    """MiniLM's vectors, linear support vector machine, Platt's probabilities."""
    model = _machine().fit(embedder.embed(texts), classes)
    return lambda asked: model.predict_proba(embedder.embed(asked))


def vectors_logistic(texts: Sequence[str], classes: Sequence[str], *, embedder: Embedder) -> Judge:
    """MiniLM's vectors, logistic regression, each class of the same weight."""
    model: Any = LogisticRegression(class_weight="balanced", max_iter=1_000)
    model.fit(embedder.embed(texts), classes)
    return lambda asked: model.predict_proba(embedder.embed(asked))


def _machine() -> Any:
    machine: Any = LinearSVC(class_weight="balanced", random_state=0)
    return CalibratedClassifierCV(machine, ensemble=cast("Any", False))  # noqa: FBT003


def _one_hot(classes: Sequence[str]) -> Table:
    names = sorted(set(classes))
    return np.eye(len(names))[[names.index(name) for name in classes]]
