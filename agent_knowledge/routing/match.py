"""Whether a task is one more instance of an agent's own example set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent_knowledge.ports import ExampleSet
from agent_knowledge.retrieval.labels import Classes
from agent_knowledge.routing.form import SetForm
from agent_knowledge.types import Matrix, Vector

_SAMPLE = 512
"""Examples looked at to learn how near a set's own members are to each other."""
_NEAREST = 3
"""Of a set's kinds, whose mean nearness says whether a task is one more of them, as the text model
was tuned to (`tools/train/text_net.py`)."""
_USUAL_NEAR, _USUAL_SPREAD, _LEAST_SPREAD = 0.7, 0.15, 0.05
"""For a set of one, and for a set of copies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A text that a set is compared with: the task, or what the task was given to work on.

    Attributes:
        text: The text.
        vector: In the embedding space of the examples.
        kind: Of the text, from the text model.
    """

    text: str
    vector: Vector
    kind: Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternMatcher:
    """Matches tasks against one set.

    Attributes:
        examples: The set.
        classes: Its classes.
        kinds: The kind of each input, rows of length 1.
        form: The form of the inputs.
        description: Vector of what the configuration says of the set.
        described: The kind of that text.
        near: Mean cosine of an example with its nearest neighbour in the set.
        spread: Standard deviation of that cosine.
        typical: Mean cosine of two kinds of the set.
    """

    examples: ExampleSet
    classes: Classes
    kinds: Matrix
    form: SetForm
    description: Vector
    described: Vector
    near: float
    spread: float
    typical: float

    @classmethod
    def of(
        cls,
        examples: ExampleSet,
        *,
        kinds: Matrix,
        form: SetForm,
        description: Vector,
        described: Vector,
    ) -> PatternMatcher:
        """Measure how near the members of a set are to each other, once."""
        near, spread = _neighbourhood(examples.vectors)
        return cls(
            examples=examples,
            classes=Classes.of(examples),
            kinds=kinds,
            form=form,
            description=description,
            described=described,
            near=near,
            spread=spread,
            typical=_between(kinds),
        )

    def measure(self, views: Sequence[View]) -> dict[str, float]:
        """How near a task comes to the set.

        Args:
            views: The task as a whole, first, and, where it has one, the text that it works on (a
                message to classify often follows an instruction); the nearer one counts.

        Returns:
            `kind`: mean cosine with the nearest kinds of the set, `kind_typical`: with all of them,
            above what two of the set have, `kind_described`: of the whole with the description's;
            `cosine` with the nearest example, `relative`: the same in standard deviations of what
            the set's own members have with theirs; `fit`: how far the cosine with the centroid of
            the class that it fits best is above what is usual there; `described`: cosine of the
            whole with the description; `form`: see `SetForm.likeness`.
        """
        whole = views[0]
        kinds = [self.kinds @ view.kind for view in views]
        cosines = [self.examples.vectors @ view.vector for view in views]
        nearest = max(range(len(views)), key=lambda place: float(cosines[place].max()))
        scores, fits = self.classes.fits(cosines[nearest], views[nearest].vector)
        cosine = float(cosines[nearest].max())
        return {
            "kind": max(_mean_of_nearest(found) for found in kinds),
            "kind_typical": max(float(found.mean()) for found in kinds) - self.typical,
            "kind_described": float(self.described @ whole.kind),
            "cosine": cosine,
            "relative": (cosine - self.near) / self.spread,
            "fit": float(fits[scores.argmax()]),
            "described": float(self.description @ whole.vector),
            "form": max(self.form.likeness(view.text) for view in views),
        }


def _mean_of_nearest(cosines: Vector) -> float:
    if len(cosines) > _NEAREST:
        cosines = np.partition(cosines, -_NEAREST)[-_NEAREST:]
    return float(cosines.mean())


def _neighbourhood(vectors: Matrix) -> tuple[float, float]:
    """Mean and standard deviation of an example's cosine with its nearest neighbour."""
    if len(vectors) < 2:
        return _USUAL_NEAR, _USUAL_SPREAD
    step = max(1, len(vectors) // _SAMPLE)
    sample = np.arange(0, len(vectors), step)
    cosines = vectors[sample] @ vectors.T
    cosines[np.arange(len(sample)), sample] = -1.0
    nearest = cosines.max(axis=1)
    return float(nearest.mean()), max(float(nearest.std()), _LEAST_SPREAD)


def _between(kinds: Matrix) -> float:
    """Mean cosine of two different rows: that of their sum with itself, less each with itself."""
    n = len(kinds)
    if n < 2:
        return _USUAL_NEAR
    total = kinds.sum(axis=0)
    return float((total @ total - n) / (n * (n - 1)))
