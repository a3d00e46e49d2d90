"""What the meaning of words says: a claim's words beside those of a passage, by their vectors."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

import numpy as np

from agent_knowledge.citations.measures import FACTS, Beside, slots
from agent_knowledge.citations.reading import TokenizedText
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
"""Content words on either side of a fact in the claim, and words around it in the passage, among
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

        `cos1`, `cos_win`: of the sentence with the best one of the passage, and with the window.
        `mean`, `fifth`, `min`, `min_name`, `min_number`: of the claim's words, each with the
        closest of the passage. `exmin`, `ex_name`, `ex_number`: of words with the same word there.
        `missmin`, `misssum`: of words that the passage does not have. `flip`: the share whose
        closest word is denied, or denied in the claim alone. `sslot_*`, `bind_*`: how much better
        the rest of the claim is found where the word is not, in other sentences and near it.
        """
        reading = beside.reading
        numbers = _near(beside)
        texts = [reading.text[slice(*reading.spans[n])] for n in numbers]
        own, *theirs = self.embed([beside.claim, *texts])
        ours = _of_words(own, beside.content, 0)
        parts = [
            _of_words(vectors, reading.sentences[n], reading.spans[n][0])
            for n, vectors in zip(numbers, theirs, strict=True)
        ]
        tokens = [token for n in numbers for token in reading.sentences[n]]
        edges = np.cumsum([0, *(len(part) for part in parts)])
        content = np.array([token.is_content for token in tokens])
        alike = np.where(content, ours @ np.concatenate(parts).T, -1.0)
        means = np.array([vectors.mean for vectors in theirs])
        cosines = means @ own.mean
        window = means[[n in beside.window.sentences for n in numbers]].sum(axis=0)
        found = {
            "cos1": float(cosines.max()),
            "cos_win": float(window @ own.mean / max(float(np.linalg.norm(window)), 1e-6)),
        }
        per_sentence = np.stack(
            [alike[:, a:b].max(axis=1, initial=-1.0) for a, b in zip(edges, edges[1:], strict=False)]
        ).T
        bound = slots(beside, per_sentence.clip(0), numbers)
        found |= {f"sslot_{kind}": drop for kind, drop in bound.items()}
        return found | _alignment(beside.content, tokens, alike) | _binding(beside, tokens, alike)


def _near(beside: Beside) -> list[int]:
    """The numbers of the sentences that a claim is compared with, in order."""
    found = sorted(
        {n for w in (beside.window, *beside.windows) for n in w.sentences},
        key=lambda n: (n not in beside.window.sentences, -beside.held[:, n].sum()),
    )
    return sorted(found[:_MOST_SENTENCES])


def _of_words(vectors: TokenVectors, tokens: Sequence[Token], base: int) -> Matrix:
    """A row per word: the mean of its pieces' vectors, of length 1; zero for one cut off."""
    starts, ends = vectors.starts, vectors.ends
    rows = np.zeros((len(tokens), len(vectors.rows)), dtype=np.float32)
    for row, token in enumerate(tokens):
        rows[row] = (starts < token.end - base) & (ends > token.start - base) & (ends > starts)
    words = rows @ vectors.rows
    return words / np.maximum(np.linalg.norm(words, axis=1, keepdims=True), 1e-6)


def _alignment(
    content: Sequence[Token], tokens: Sequence[Token], alike: Matrix
) -> dict[str, float]:
    """How well each word of a claim is found."""
    best, at = alike.max(axis=1), alike.argmax(axis=1)
    weakest = np.sort(best)
    number = {stem: i for i, stem in enumerate({t.stem for t in (*content, *tokens)})}
    stems = np.array([number[t.stem] for t in tokens])
    same = np.array([number[t.stem] for t in content])[:, None] == stems
    has = same.any(axis=1)
    exact = np.where(same, alike, -1.0).max(axis=1)
    kinds = np.array([t.kind for t in content])
    denied = np.array([t.denied for t in content]) != np.array([tokens[i].denied for i in at])
    found = {
        "mean": float(best.mean()),
        "fifth": float(weakest[: max(1, round(len(best) * _WEAKEST))].mean()),
        "min": float(weakest[0]),
        "missmin": _least(best[~has]),
        "misssum": float((1 - best[~has]).sum()),
        "exmin": _least(exact[has]),
        "flip": float(denied.mean()),
        "cont": float((np.abs(np.diff(at)) <= _BESIDE + 1).mean()) if len(at) > 1 else 1.0,
    }
    for kind in FACTS:
        own = kinds == kind
        found |= {f"min_{kind}": _least(best[own]), f"ex_{kind}": _least(exact[own & has])}
    return found


def _least(values: Vector) -> float:
    return float(values.min()) if len(values) else 1.0


def _binding(beside: Beside, tokens: Sequence[Token], alike: Matrix) -> dict[str, float]:
    """Whether a fact's neighbours in the claim are found near it in the passage."""
    found = dict.fromkeys((f"bind_{kind}" for kind in FACTS), 0.0)
    best = alike.max(axis=1)
    places: dict[str, list[int]] = {}
    for place, token in enumerate(tokens):
        places.setdefault(token.stem, []).append(place)
    for row, token in enumerate(beside.content):
        at = places.get(token.stem, ())
        around = range(max(0, row - _BESIDE), min(len(beside.content), row + _BESIDE + 1))
        rows = [r for r in around if r != row]
        if token.kind not in FACTS or not at or not rows:
            continue
        near = max(
            float(alike[rows, max(0, p - _WITHIN) : p + _WITHIN + 1].max(axis=1).mean()) for p in at
        )
        key = f"bind_{token.kind}"
        found[key] = max(found[key], float(best[rows].mean()) - near)
    return found
