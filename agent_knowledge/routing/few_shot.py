"""Few-shot: which worked examples to show for a task.

Where a set's outputs are labels, each label is scored by its nearest example and its centroid
together (`retrieval.labels`), and the nearest example of each of the k best labels is shown: with
ten examples a label, the right one is then among five more often (0.97 of 77 labels, 0.99 of 150)
than among the nearest five examples (0.92, 0.95). A small model may need to see a label more than
once before it trusts it: `selection: weighted` gives the likeliest label half of the places
(`evaluate --tune-k` tells whether that helps yours). Elsewhere examples are chosen by maximal
marginal relevance (Carbonell and Goldstein 1998): near to the task, and unlike each other.

An example that is the task itself is treated as if the set did not have it: shown, it would give
the answer away, and whatever is measured on such cases would mean nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Literal

import numpy as np
from langchain_core.vectorstores.utils import maximal_marginal_relevance

from agent_knowledge.ports import ExampleSet
from agent_knowledge.retrieval.labels import Classes, has_labels
from agent_knowledge.text import words
from agent_knowledge.types import Example, Matrix, Vector

Selection = Literal["balanced", "weighted"]

_FEW = 2
"""So few examples are always of as many labels."""
_NEARNESS = 0.7
"""Weight of nearness against diversity, 0..1, where outputs are no labels. Not ablated: no set at
hand says which choice of such examples is right; a choice, not a finding."""
_CANDIDATES = 10
"""Candidates looked at per example shown: a limit."""
_LOOKED_AT = 100
"""Nearest examples that are compared with the task word by word: a limit, halved or doubled nothing
moves (`tools.ablate`, examples)."""
_SAME = 0.98
"""Cosine from which two examples of one output say the same: a limit. Halved or doubled nothing
moves where each label is shown once (`tools.ablate`, examples)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExampleChooser:
    """Chooses from one set; what does not hang on the task is worked out once.

    Attributes:
        held: The set.
        classes: Its labels, where its outputs are some.
    """

    held: ExampleSet
    classes: Classes | None

    @classmethod
    def of(cls, held: ExampleSet) -> ExampleChooser:
        """Look at a set."""
        labelled = bool(held.examples) and has_labels(held)
        return cls(held=held, classes=Classes.of(held) if labelled else None)

    def choose(
        self, vector: Vector, k: int, task: str = "", selection: Selection = "balanced"
    ) -> tuple[Example, ...]:
        """Choose the examples to show.

        Args:
            vector: The task, in the set's embedding space.
            k: How many at most.
            task: The task's text; an example with the same words in the same order is not shown.
            selection: Of labels: one example each, or half of them for the likeliest label.

        Returns:
            Up to `k` examples, each with its cosine as `score`, best first, none of them twice.
        """
        own = _words_of(task)
        cosines = self.held.vectors @ vector
        rest = _without(self.held, cosines, own)
        if rest is not self.held:
            return ExampleChooser.of(rest).choose(vector, k, selection=selection)
        nearest = _nearest_first(cosines)
        if self.classes:
            first = (k + 1) // 2 if selection == "weighted" and k > _FEW else 1
            ranked = _best_labels_first(self.classes, vector, cosines, first)
            chosen = list(islice(_distinct(self.held, chain(ranked, nearest), own), k))
        else:
            near = list(islice(_distinct(self.held, nearest, own), k * _CANDIDATES))
            chosen = _diverse(self.held, vector, near, k)
        rows = self.held.examples
        return tuple(replace(rows[i], score=float(cosines[i])) for i in chosen)


def nearest_view(examples: ExampleSet, views: Sequence[Vector]) -> Vector:
    """The view of a task that comes nearest to a set: the whole, or what the task works on."""
    return max(views, key=lambda view: float((examples.vectors @ view).max()))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rest:
    """A set without some of its examples."""

    examples: Sequence[Example]
    vectors: Matrix


def _without(examples: ExampleSet, cosines: Vector, own: str) -> ExampleSet:
    """The set without the task itself, so that it lends its label no weight either."""
    nearest = _nearest_first(cosines)[:_LOOKED_AT] if own else []
    same = [place for place in nearest if _words_of(examples.examples[place].input) == own]
    if not same:
        return examples
    kept = [example for i, example in enumerate(examples.examples) if i not in same]
    return _Rest(examples=kept, vectors=np.delete(examples.vectors, same, axis=0))


def _distinct(examples: ExampleSet, ranked: Iterable[int], own: str) -> Iterator[int]:
    """Of examples in their order, those that say something that none before them says."""
    seen, taken = {own} if own else set[str](), list[int]()
    for place in ranked:
        example = examples.examples[place]
        text = _words_of(example.input)
        alike = examples.vectors[taken] @ examples.vectors[place] if taken else ()
        repeats = any(
            cosine >= _SAME and examples.examples[other].output == example.output
            for other, cosine in zip(taken, alike, strict=True)
        )
        if text not in seen and not repeats:
            seen.add(text)
            taken.append(place)
            yield place


def _nearest_first(scores: Vector) -> list[int]:
    order: list[int] = np.argsort(-scores, kind="stable").tolist()
    return order


def _words_of(text: str) -> str:
    """A text as its words: case, punctuation and white space make no difference."""
    return " ".join(words(text.casefold())) or text.strip()


def _best_labels_first(
    classes: Classes, vector: Vector, cosines: Vector, first: int
) -> Iterator[int]:
    """The nearest examples of the best label, then the nearest one of each other, best first."""
    scores, _ = classes.fits(cosines, vector)
    for rank, label in enumerate(_nearest_first(scores)):
        rows = classes.members[label]
        near = rows[np.argsort(-cosines[rows], kind="stable")]
        yield from (int(row) for row in near[: 1 if rank else first])


def _diverse(examples: ExampleSet, vector: Vector, near: Sequence[int], k: int) -> list[int]:
    """Those of the nearest that are near to the task and unlike each other, nearest first."""
    candidates = list(examples.vectors[list(near)]) if near else []
    picked = maximal_marginal_relevance(vector, candidates, lambda_mult=_NEARNESS, k=k)
    return [near[i] for i in sorted(picked)]
