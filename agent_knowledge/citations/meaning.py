"""What the meaning of words says: a claim's words beside those of a passage, by their vectors."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

import numpy as np

from agent_knowledge.citations.measures import FACTS, Beside
from agent_knowledge.citations.tokens import Token
from agent_knowledge.ports import TokenEmbedder
from agent_knowledge.types import Matrix, Vector
from agent_knowledge.types.measured import TokenVectors

_SENTENCES = 4096
"""Remembered; a sentence of 40 words takes 60 kB."""
_MOST_SENTENCES = 10
"""Of a passage, looked at for one claim: those that share most words with it."""
_WEAKEST = 0.2
"""Share of a claim's words, those least found, of which the mean is measured."""
_BESIDE, _WITHIN = 3, 8
"""Content words on either side of a number in the claim, and words around it in the passage, among
which they should be found."""

T = TypeVar("T")


class Memory(Generic[T]):
    """The values made last, by key. Two threads may both make one; either serves."""

    def __init__(self, most: int) -> None:
        """Keep at most so many."""
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, T] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of a key, made if it is not kept."""
        found = self.find(key)
        return self.keep(key, make()) if found is None else found

    def find(self, key: Hashable) -> T | None:
        """The value of a key; None if it is not kept."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def keep(self, key: Hashable, value: T) -> T:
        """Keep a value."""
        with self._lock:
            self._kept[key] = value
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return value


class Meaning:
    """Measures claims by the vectors of their words; each sentence is embedded once."""

    def __init__(self, embedder: TokenEmbedder) -> None:
        """Prepare without embedding anything."""
        self._embedder = embedder
        self._sentences = Memory[TokenVectors](_SENTENCES)
        self._words = Memory[Matrix](_SENTENCES)

    def embed(self, texts: Sequence[str]) -> list[TokenVectors]:
        """Embed sentences, those that are new in one batch."""
        known = {text: self._sentences.find(text) for text in texts}
        new = [text for text, found in known.items() if found is None]
        for text, made in zip(new, self._embedder.embed_tokens(new), strict=True):
            known[text] = self._sentences.keep(text, made)
        return [found for text in texts if (found := known[text]) is not None]

    def ahead(self, besides: Sequence[Beside]) -> None:
        """Embed in one batch all that `measure` will read of several claims."""
        texts = [b.reading.text[slice(*b.reading.spans[n])] for b in besides for n in _near(b)]
        self.embed([*(beside.claim for beside in besides), *texts])

    def measure(self, beside: Beside) -> dict[str, float]:
        """What the vectors of the words say; each measurement is a cosine or a difference of two.

        `cos_win`: of the sentence with the window. `min`, `min_name`, `min_number`, `fifth`: of
        the claim's words, each with the closest of the passage: the least of all, of names, of
        numbers, and the mean of the weakest fifth. `ex_name`, `ex_number`: the least of names and
        numbers with the same one there. `bind_number`: how much better a number's neighbours are
        found elsewhere in these sentences than near the number.
        """
        reading, numbers = beside.reading, _near(beside)
        texts = [reading.text[slice(*reading.spans[n])] for n in numbers]
        own, *theirs = self.embed([beside.claim, *texts])
        parts: list[Matrix] = []
        for n, text, vectors in zip(numbers, texts, theirs, strict=True):
            key = f"{len(reading.sentences[n])} {text}"  # also with the words above its list
            words = self._words.find(key)
            if words is None:
                made = _of_words(vectors, reading.sentences[n], reading.spans[n][0])
                words = self._words.keep(key, made)
            parts.append(words)
        tokens = [token for n in numbers for token in reading.sentences[n]]
        content = np.array([token.is_content for token in tokens])
        ours = _of_words(own, beside.content, 0)
        alike = np.where(content, ours @ np.concatenate(parts).T, -1.0)
        near = [
            v.mean for n, v in zip(numbers, theirs, strict=True) if n in beside.window.sentences
        ]
        window = np.sum(near, axis=0)
        cosine = float(window @ own.mean / max(float(np.linalg.norm(window)), 1e-6))
        return {
            "cos_win": cosine,
            **_alignment(beside.content, tokens, alike),
            "bind_number": _binding(beside.content, tokens, alike),
        }


def _near(beside: Beside) -> list[int]:
    """The numbers of the sentences that a claim is compared with, in order."""
    found = sorted(
        {n for w in (beside.window, *beside.windows) for n in w.sentences},
        key=lambda n: (n not in beside.window.sentences, -beside.held[:, n].sum()),
    )
    return sorted(found[:_MOST_SENTENCES])


def _of_words(vectors: TokenVectors, tokens: Sequence[Token], base: int) -> Matrix:
    """A row per word: the mean of its pieces' vectors, of length 1; zero for one cut off."""
    starts = np.array([token.start - base for token in tokens])[:, None]
    ends = np.array([token.end - base for token in tokens])[:, None]
    within = (vectors.starts < ends) & (vectors.ends > starts) & (vectors.ends > vectors.starts)
    words = within.astype(np.float32) @ vectors.rows
    return words / np.maximum(np.linalg.norm(words, axis=1, keepdims=True), 1e-6)


def _alignment(
    content: Sequence[Token], tokens: Sequence[Token], alike: Matrix
) -> dict[str, float]:
    """How well each word of a claim is found."""
    best = alike.max(axis=1)
    weakest = np.sort(best)
    number = {stem: i for i, stem in enumerate({t.stem for t in (*content, *tokens)})}
    stems = np.array([number[t.stem] for t in tokens])
    same = np.array([number[t.stem] for t in content])[:, None] == stems
    has, exact = same.any(axis=1), np.where(same, alike, -1.0).max(axis=1)
    kinds = np.array([t.kind for t in content])
    found = {
        "min": float(weakest[0]),
        "fifth": float(weakest[: max(1, round(len(best) * _WEAKEST))].mean()),
    }
    for kind in FACTS:
        own = kinds == kind
        found |= {f"min_{kind}": _least(best[own]), f"ex_{kind}": _least(exact[own & has])}
    return found


def _least(values: Vector) -> float:
    return float(values.min()) if len(values) else 1.0


def _binding(content: Sequence[Token], tokens: Sequence[Token], alike: Matrix) -> float:
    """Whether a number's neighbours in the claim are found near it in the passage."""
    most, best = 0.0, alike.max(axis=1)
    for row, token in enumerate(content):
        at = [place for place, other in enumerate(tokens) if other.stem == token.stem]
        around = range(max(0, row - _BESIDE), min(len(content), row + _BESIDE + 1))
        rows = [r for r in around if r != row]
        if token.kind != "number" or not at or not rows:
            continue
        near = max(
            float(alike[rows, max(0, p - _WITHIN) : p + _WITHIN + 1].max(axis=1).mean()) for p in at
        )
        most = max(most, float(best[rows].mean()) - near)
    return most
