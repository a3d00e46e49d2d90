"""The sentences of a passage that a claim may have been taken from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent_knowledge.citations.alignment import Alignment, align, bound
from agent_knowledge.citations.reading import TokenizedText
from agent_knowledge.citations.tokens import Token
from agent_knowledge.types import Matrix

NEAR = 0.6
"""Share of a claim's words that a passage has in the same order, from which a window is chosen by
that order; a search for better ones costs more than it finds below."""
_LONGEST_WINDOW = 3
_PER_SIZE = 2
_PER_SENTENCE = 0.02
"""What a window must gain for each further sentence: of equal ones the shortest is the best."""
_PER_DIFFERENCE = 0.2
_BEFORE, _BEHIND = 2, 1
"""How many sentences on either side of a window are its neighbours."""
FACT = 2.0
"""What a name or number counts where windows are compared; another word counts 1."""


@dataclass(frozen=True, slots=True)
class Window:
    """Consecutive sentences of a passage.

    Attributes:
        sentences: Their numbers.
        held: Per content word of the claim, whether they or the title have it.
    """

    sentences: range
    held: tuple[bool, ...]

    def of(self, reading: TokenizedText) -> Sequence[Sequence[Token]]:
        """The tokens of each of its sentences."""
        return reading.sentences[self.sentences.start : self.sentences.stop]

    def tokens(self, reading: TokenizedText) -> tuple[Token, ...]:
        """The same in one."""
        return tuple(token for sentence in self.of(reading) for token in sentence)

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


def held_by(content: Sequence[Token], reading: TokenizedText) -> Matrix:
    """A row per content word of a claim, a column per sentence: 1 where the sentence has it."""
    single = np.zeros((len(content), len(reading.spans)), dtype=np.float32)
    for row, token in enumerate(content):
        single[row, list(reading.places.get(token.stem, ()))] = 1
    return single


def best_windows(content: Sequence[Token], held: Matrix, reading: TokenizedText) -> list[Window]:
    """The two windows of each size, one to three sentences, that hold most of a claim, best first.

    Args:
        content: The content words of the claim.
        held: Which sentence has them, from `held_by`.
        reading: The passage.
    """
    heading = np.array([token.stem in reading.in_heading for token in content], dtype=bool)
    weights = np.array([1.0 if t.kind == "word" else FACT for t in content])
    weights /= weights.sum()
    found: list[tuple[float, Window]] = []
    single = together = held.astype(bool)
    for size in range(1, min(_LONGEST_WINDOW, len(reading.spans)) + 1):
        if size > 1:
            together = together[:, :-1] | single[:, size - 1 :]
        scores = weights @ (together | heading[:, None]) - _PER_SENTENCE * size
        for first in np.argsort(-scores, kind="stable")[:_PER_SIZE].tolist():
            if together[:, first].any():
                has = tuple((together[:, first] | heading).tolist())
                found.append((float(scores[first]), Window(range(first, first + size), has)))
    found.sort(key=lambda item: -item[0])
    return [window for _, window in found]


def closest(
    tokens: Sequence[Token], windows: Sequence[Window], reading: TokenizedText
) -> tuple[Window, Alignment]:
    """The window to judge by, with the claim aligned.

    A single sentence that has the claim word by word goes before several that do: among more
    words another name or number is soon found behind the place where it should stand.
    """
    for size in sorted({len(window.sentences) for window in windows}):
        best: tuple[float, Window, Alignment] | None = None
        for window in windows:
            stems = {token.stem for token in window.tokens(reading)}
            if len(window.sentences) == size and bound(tokens, stems) >= NEAR:
                beside = align(tokens, window.of(reading))
                score = beside.order - _PER_DIFFERENCE * len(beside.differences)
                if beside.order >= NEAR and (best is None or score > best[0]):
                    best = score, window, beside
        if best:
            return best[1], best[2]
    return windows[0], align(tokens, windows[0].of(reading))
