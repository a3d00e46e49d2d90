"""Whether a task is one more instance of an agent's own example set, by nearness and by form.

Inputs of one example set look alike, whatever they are about: every one starts with "PR #", or is a
title and a line below it, or is all small letters without an end. `SetForm` says how much likelier
a text's form is among a set's inputs than among tasks at large (naive Bayes over marks of form,
smoothed towards the background, which `tools/train/decision.py` counts).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agent_knowledge.ports import ExampleSet
from agent_knowledge.retrieval.labels import Classes
from agent_knowledge.types import Matrix, Vector

_READ_CHARACTERS = 2_000
"""A limit."""
_SHAPED_CHARACTERS = 80
"""Read for the shape of the beginning: a limit, halved or doubled nothing moves (`tools.ablate`,
routing)."""
_SHAPE_MARKS = 12
"""Triples of signs at the beginning, as the fits were made with. Halved, accuracy rises by 0.002;
doubled, by 0.004, at a calibration worse by 0.008 (`tools.ablate`, routing; fits not made anew)."""
_SMOOTHING = 4
"""A set's own inputs count against as many of the background. Halved, accuracy rises by 0.004;
doubled, it falls by 0.004 (`tools.ablate`, routing)."""
_RARE = 5e-4
"""The share of the background that has a mark which too few of it had to be kept.
Halved nothing moves, doubled accuracy rises by 0.001 (`tools.ablate`, routing)."""
_SIGNS = ':`#@=|;()[]{}"/\\<>_*-?'
_UPPER = re.compile(r"[^\W\d_a-zß-öø-ÿ]")
_LOWER = re.compile(r"[^\W\d_A-ZÀ-ÖØ-Þ]")
_RUN = re.compile(r"(.)\1+")
_WORD = re.compile(r"[\w#']+")
_ASKING = frozenset(
    ("who", "what", "when", "where", "which", "why", "how", "is", "are", "do", "does", "did")
).union(("can", "could", "may", "will", "would", "should", "has", "have"))
_OF_US = re.compile(r"\b(?:i|we|my|our)\b")
_OF_YOU = re.compile(r"\b(?:you|your|please|pls)\b")
_DIGIT = re.compile(r"\d")


def marks(text: str) -> frozenset[str]:
    """The marks of a text's form, as short names.

    Args:
        text: Any text; what is read of it is bounded.
    """
    text = text[:_READ_CHARACTERS].strip()
    start = text[:_SHAPED_CHARACTERS]
    shape = "^" + _shape(start)
    low = text.lower()
    word = _WORD.search(start.lower())
    found = {f"s{shape[i : i + 3]}" for i in range(min(len(shape) - 2, _SHAPE_MARKS))}
    found |= {f"{sign}{sign in text}" for sign in _SIGNS}
    found |= {
        f"word {word[0] if word else ''}",
        f"asks {bool(word) and word[0] in _ASKING}",
        f"end {'a' if text[-1:].isalnum() else text[-1:]}",
        f"length {min(int(math.log2(len(text) + 1)), 10)}",
        f"lines {min(text.count(chr(10)), 3)}",
        f"us {bool(_OF_US.search(low))}",
        f"you {bool(_OF_YOU.search(low))}",
        f"digit {bool(_DIGIT.search(low))}",
        f"small {text[:1].islower()}",
    }
    return frozenset(found)


def _shape(text: str) -> str:
    """Letters as their case, digits as 0, runs as one sign: "PR #33: Add" is "A #0: Aa"."""
    cased = _LOWER.sub("a", _UPPER.sub("A", text))
    return _RUN.sub(r"\1", _DIGIT.sub("0", cased))


def count_marks(texts: Iterable[str]) -> Counter[str]:
    """In how many texts each mark is found."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(marks(text))
    return counts


@dataclass(frozen=True, slots=True, kw_only=True)
class SetForm:
    """The form of a set's inputs.

    Attributes:
        counts: In how many inputs each mark is found.
        inputs: How many inputs there are.
        background: Share of tasks at large that has each mark, 0..1; without those that few have.
    """

    counts: Mapping[str, int]
    inputs: int
    background: Mapping[str, float]

    @classmethod
    def of(cls, inputs: Sequence[str], background: Mapping[str, float]) -> SetForm:
        """Read a set's inputs."""
        return cls(counts=count_marks(inputs), inputs=len(inputs), background=background)

    def likeness(self, text: str) -> float:
        """How much likelier the text's form is among the inputs than at large.

        Returns:
            The log-likelihood ratio of its marks over the root of their number, which takes out
            most of what they say twice; above 0 is likelier.
        """
        found = marks(text)
        total = 0.0
        for mark in found:
            usual = self.background.get(mark, _RARE)
            own = (self.counts.get(mark, 0) + _SMOOTHING * usual) / (self.inputs + _SMOOTHING)
            total += math.log(own / usual)
        return total / math.sqrt(len(found))


_SAMPLE = 512
"""Examples looked at to learn how near a set's own members are to each other: a limit."""
_NEAREST = 3
"""Of a set's kinds, whose mean nearness says whether a task is one more of them, as the text model
was tuned to (`tools/train/text_net.py`). With 2 accuracy falls by 0.003, with 6 it rises by 0.004
(`tools.ablate`, routing; fits not made anew)."""
_USUAL_NEAR, _USUAL_SPREAD, _LEAST_SPREAD = 0.7, 0.15, 0.05
"""For a set of one, and for a set of copies: limits, as no set that the fits know is either."""


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
