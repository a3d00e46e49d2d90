"""Sets whose outputs are labels: their classes, and how near a task comes to each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from agent_knowledge.types import Matrix, Vector

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from agent_knowledge.ports import ExampleSet

_LABEL_CHARACTERS = 60
_EXAMPLES_A_LABEL = 2.0
"""A set whose outputs repeat at least this often, and are short, is a set of labels: limits."""
_USUAL_WEIGHT = 0.5
"""Halved, the right label is among five shown more often by 0.002 in banking77 and less often by
0.004 in clinc150; doubled, more often by 0.004 and 0.002, and among ten less often by 0.004 and
0.006 (`tools.ablate`, examples)."""
_USUAL_ELSEWHERE = 0.65
"""Of a class of banking77 or clinc150, on average, by MiniLM. It tells only classes of different
size apart: with as many examples of each, halved or doubled nothing moves (`tools.ablate`,
examples)."""
_WEIGHT_ELSEWHERE = 5
"""Examples that what is usual elsewhere counts for. With 2 or 10 the right label of banking77 is
among five shown more often by 0.002, that of clinc150 among ten less often by 0.004 or 0.002
(`tools.ablate`, examples)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Classes:
    """The classes of a set: one per label, or one per example where outputs are no labels.

    Attributes:
        members: Per class, the places of its examples in the set.
        centroids: Per class, the mean of its vectors, at length 1.
        usual: Per class, the mean cosine of a member with the centroid of the others: how near
            one more of the class would come.
    """

    members: Sequence[NDArray[np.intp]]
    centroids: Matrix
    usual: NDArray[np.float32]

    @classmethod
    def of(cls, examples: ExampleSet) -> Classes:
        """Group a set, which must not be empty."""
        vectors = examples.vectors
        if has_labels(examples):
            places: dict[str, list[int]] = {}
            for place, example in enumerate(examples.examples):
                places.setdefault(example.output, []).append(place)
            members = [np.array(group) for group in places.values()]
        else:
            members = [np.array([place]) for place in range(len(vectors))]
        return cls(
            members=members,
            centroids=np.array([_unit(vectors[group].sum(axis=0)) for group in members]),
            usual=np.array([_usual(vectors[group]) for group in members], np.float32),
        )

    def fits(self, cosines: Vector, vector: Vector) -> tuple[NDArray[np.float32], Vector]:
        """How well a task fits each class.

        Args:
            cosines: Of the task with each example.
            vector: The task's.

        Returns:
            Per class: cosine with its nearest example, plus cosine with its centroid, less half of
            what is usual there, so that a class of one narrow wording gains nothing by it (right
            label among five: 0.989 of 150 labels, 0.970 of 77); and how far the cosine with the
            centroid is above what is usual.
        """
        to_centroid = self.centroids @ vector
        nearest = np.array([cosines[group].max() for group in self.members], dtype=np.float32)
        scores = nearest + to_centroid - _USUAL_WEIGHT * self.usual
        return scores.astype(np.float32), (to_centroid - self.usual).astype(np.float32)


def has_labels(examples: ExampleSet) -> bool:
    """Whether the outputs of a set are labels."""
    return are_labels([example.output for example in examples.examples])


def are_labels(outputs: Sequence[str]) -> bool:
    """Whether outputs are labels: short, and repeated."""
    distinct = set(outputs)
    short = all(len(output) <= _LABEL_CHARACTERS for output in distinct)
    return short and len(outputs) >= _EXAMPLES_A_LABEL * len(distinct)


def _usual(vectors: Matrix) -> float:
    """The mean, drawn towards what is usual elsewhere: a few examples do not tell it."""
    n = len(vectors)
    others = vectors.sum(axis=0) - vectors
    lengths: Vector = np.linalg.norm(others, axis=1)
    found = (others * vectors).sum(axis=1) / np.maximum(lengths, 1e-9) if n > 1 else np.zeros(0)
    return float(
        (found.sum() + _USUAL_ELSEWHERE * _WEIGHT_ELSEWHERE) / (len(found) + _WEIGHT_ELSEWHERE)
    )


def _unit(vector: Vector) -> Vector:
    return (vector / max(float(np.linalg.norm(vector)), 1e-9)).astype(np.float32)
