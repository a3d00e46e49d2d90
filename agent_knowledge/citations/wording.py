"""How much of a claim's wording a passage holds: measurements, and the probability they give."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from agent_knowledge.citations.alignment import Alignment
from agent_knowledge.citations.reading import TokenizedText
from agent_knowledge.citations.tokens import Token
from agent_knowledge.types import Matrix, Vector

_LONGEST_WINDOW = 3
_PER_SIZE = 2
_PER_SENTENCE = 0.02
"""What a window must gain for each further sentence."""
_BEFORE, _BEHIND = 2, 1
"""How many sentences on either side of a window are its neighbours."""
_FACT = 2.0
"""What a name or number counts where windows are compared; another word counts 1."""


@dataclass(frozen=True, slots=True)
class Window:
    """Consecutive sentences of a passage that a claim may have been taken from.

    Attributes:
        sentences: Their numbers.
        held: Per content word of the claim, whether they or the title have it.
    """

    sentences: range
    held: tuple[bool, ...]

    def of(self, reading: TokenizedText) -> Sequence[Sequence[Token]]:
        """The tokens of each of its sentences."""
        return reading.sentences[self.sentences.start : self.sentences.stop]

    def stems(self, reading: TokenizedText) -> frozenset[str]:
        """The stems of all their words."""
        parts = reading.stems[self.sentences.start : self.sentences.stop]
        return parts[0].union(*parts[1:])

    def tokens(self, reading: TokenizedText) -> tuple[Token, ...]:
        """The same in one."""
        return tuple(token for number in self.sentences for token in reading.sentences[number])

    @property
    def neighbours(self) -> range:
        """The sentences where what a pronoun stands for may be named."""
        return range(max(0, self.sentences.start - _BEFORE), self.sentences.stop + _BEHIND)

    def around(self, reading: TokenizedText) -> tuple[Token, ...]:
        """The tokens of the neighbours and of the title."""
        near = reading.sentences[self.neighbours.start : self.neighbours.stop]
        return (*reading.heading, *(token for sentence in near for token in sentence))

    def span(self, reading: TokenizedText) -> tuple[int, int]:
        """Their characters in the passage's text."""
        return (
            reading.spans[self.sentences.start][0],
            reading.spans[self.sentences.stop - 1][1],
        )


def best_windows(content: Sequence[Token], reading: TokenizedText) -> list[Window]:
    """The two windows of each size, one to three sentences, that hold most of a claim, best first.

    Args:
        content: The content words of the claim.
        reading: The passage.
    """
    count = len(reading.spans)
    single = np.zeros((len(content), count), dtype=bool)
    for row, token in enumerate(content):
        single[row, list(reading.places.get(token.stem, ()))] = True
    heading = np.array([token.stem in reading.in_heading for token in content], dtype=bool)
    weights = np.array([1.0 if t.kind == "word" else _FACT for t in content])
    weights /= weights.sum()
    found: list[tuple[float, range, np.ndarray]] = []
    held = single
    for size in range(1, min(_LONGEST_WINDOW, count) + 1):
        if size > 1:
            held = held[:, :-1] | single[:, size - 1 :]
        scores = weights @ (held | heading[:, None]) - _PER_SENTENCE * size
        for first in np.argsort(-scores, kind="stable")[:_PER_SIZE].tolist():
            item = float(scores[first]), range(first, first + size), held[:, first]
            found.append(item)
    found = [item for item in found if item[2].any()]
    found.sort(key=lambda item: -item[0])
    return [Window(sentences, tuple((column | heading).tolist())) for _, sentences, column in found]


def measure(
    content: Sequence[Token], window: Window, reading: TokenizedText, beside: Alignment
) -> dict[str, float]:
    """What the words say about a claim in a writer's own words.

    Args:
        content: The content words of the claim.
        window: The sentences that come closest.
        reading: The passage.
        beside: The claim aligned with these sentences.

    Returns:
        `cover`: share of the content words that the window has; `run`: share of the longest run
        of them that it lacks; `order`: share of the words that it has in the same order;
        `lost_names`, `lost_numbers`: shares of the names and numbers that the passage lacks;
        `far_names`, `far_numbers`: shares that it has, but not near the window. Each within 0..1.
    """
    measured = {
        "cover": sum(window.held) / len(content),
        "run": len(longest_gap(content, window)) / len(content),
        "order": beside.order,
    }
    near = window.neighbours
    for kind in ("name", "number"):
        own = [(t.stem, has) for t, has in zip(content, window.held, strict=True) if t.kind == kind]
        absent = [reading.places.get(stem, ()) for stem, has in own if not has]
        far = sum(bool(places) and not any(place in near for place in places) for places in absent)
        measured[f"lost_{kind}s"] = sum(not places for places in absent) / max(len(own), 1)
        measured[f"far_{kind}s"] = far / max(len(own), 1)
    return measured


def longest_gap(content: Sequence[Token], window: Window) -> Sequence[Token]:
    """The longest run of a claim's content words that a window lacks."""
    first = longest = end = 0
    for place, has in enumerate([*window.held, True]):
        if has:
            if place - first > longest:
                longest, end = place - first, place
            first = place + 1
    return content[end - longest : end]


def cosine(claim: Vector, sentences: Matrix) -> float:
    """The closest that one to three consecutive sentences of a passage come to a claim.

    Args:
        claim: Its vector, of length 1.
        sentences: A row per sentence, each of length 1.
    """
    best, summed = float((sentences @ claim).max()), sentences
    for size in range(2, min(_LONGEST_WINDOW, len(sentences)) + 1):
        summed = summed[:-1] + sentences[size - 1 :]
        lengths = np.maximum(np.linalg.norm(summed, axis=1), 1e-9)
        best = max(best, float((summed @ claim / lengths).max()))
    return best


@dataclass(frozen=True, slots=True, kw_only=True)
class EntailmentFit:
    """A logistic function of measurements, fitted by `tools/train/support.py`.

    Attributes:
        weights: Per measurement.
        bias: The log-odds when every measurement is 0.
    """

    weights: Mapping[str, float]
    bias: float

    def probability(self, measured: Mapping[str, float]) -> float:
        """The probability, 0..1, that a passage says what a claim says."""
        score = self.bias + sum(w * measured[name] for name, w in self.weights.items())
        return 1 / (1 + math.exp(-min(max(score, -30.0), 30.0)))


def has_fit(name: str) -> bool:
    """Whether a fit is packaged for the vectors of an embedding."""
    return name in _file()["fits"]


@cache
def load_fit(name: str) -> EntailmentFit:
    """A packaged fit: `words`, or that of an embedding whose cosine it reads as well."""
    fit = _file()["fits"][name]
    return EntailmentFit(weights=fit["weights"], bias=fit["bias"])


@cache
def undecided() -> tuple[float, float]:
    """Probabilities by words between which an embedder is asked."""
    low, high = _file()["undecided"]
    return low, high


@cache
def _file() -> dict[str, Any]:
    file = resources.files("agent_knowledge.data") / "support.json"
    return json.loads(file.read_text(encoding="utf-8"))
