"""Reranking of code by late interaction: each word of a question beside each word of a passage.

A passage's one vector cannot say what each of its words says. MaxSim takes for every token of the
question the most similar token of the passage (Khattab and Zaharia, "ColBERT", 2020); here it also
takes that of the title, where a function's signature stands. MiniLM was not trained for it, and
its token vectors bear it on code. Prose keeps the search's order: there it gained nothing on
docs_rag and lost up to 0.02 nDCG@10 on hotpot, whose second passage is unlike the question.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from itertools import accumulate
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from agent_knowledge.ports import TokenEmbedder
from agent_knowledge.retrieval import code
from agent_knowledge.retrieval.chunks import WINDOW, even_pieces
from agent_knowledge.types import Passage
from agent_knowledge.types.measured import TokenVectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

WEIGHT = 1.0
"""Of MaxSim beside the search's score, both in standard deviations. nDCG@10 on httpx and jsonschema
was 0.609 and 0.589 at half of it, 0.604 and 0.603 here, 0.610 and 0.618 at one and a half, 0.589
and 0.560 without."""
TITLE_WEIGHT = 0.5
"""Of the title's closest token beside the whole's. Without it nDCG@10 was 0.612 on httpx and 0.560
on jsonschema, instead of 0.604 and 0.603."""
KEPT_BYTES = 256 * 2**20
"""A limit, some 1,700 pieces of code."""
_BATCH = 64
"""Pieces embedded at once: a limit on memory, and what is done when the time is over stays kept."""
_LEAST_SPREAD = 1e-9
"""A limit: values that differ less are the same."""


class MaxSim:
    """Adds to the search's score of code what its words and the question's say of each other.

    Satisfies `ports.Reranker`; safe to share between threads.
    """

    name = "maxsim"

    def __init__(self, embedder: TokenEmbedder, *, kept_bytes: int = KEPT_BYTES) -> None:
        """Prepare without embedding anything.

        Args:
            embedder: Such as `MiniLM()`.
            kept_bytes: Memory for the vectors of what was read last, so that it is read once.
        """
        self._embedder = embedder
        self._kept = _Kept(kept_bytes)

    @property
    def kept_bytes(self) -> int:
        """What the kept vectors take now."""
        return self._kept.bytes

    def scores(self, query: str, passages: Sequence[Passage]) -> list[float]:
        """See `ports.Reranker`; in standard deviations among these passages."""
        scores = _z(np.array([passage.score for passage in passages], dtype=np.float64))
        which = [n for n, one in enumerate(passages) if _is_code(one)]
        if len(which) > 1:
            scores[which] += WEIGHT * _z(self._alike(query, [passages[n] for n in which]))
        return scores.tolist()

    def _alike(self, query: str, passages: Sequence[Passage]) -> NDArray[np.float64]:
        """How alike each passage and a query are, word by word: by the passage's best piece."""
        asked = _tokens(self._embedder.embed_tokens([query])[0], 0).rows.astype(np.float32)
        pieces = [[(one.title, text) for text in even_pieces(one.text, WINDOW)] for one in passages]
        read = self._read([piece for of_one in pieces for piece in of_one])
        alike = np.array([_closest(asked, tokens) for tokens in read], dtype=np.float64)
        # A word counts by its spread: what every passage has alike, such as "the", tells nothing.
        told = alike @ alike.std(axis=0)
        return np.maximum.reduceat(told, [0, *accumulate(map(len, pieces[:-1]))])

    def _read(self, pieces: Sequence[_Piece]) -> list[_Tokens]:
        """The tokens of pieces, each read if it is not kept."""
        found = {piece: self._kept.find(piece) for piece in pieces}
        new = [piece for piece, tokens in found.items() if tokens is None]
        for start in range(0, len(new), _BATCH):
            some = new[start : start + _BATCH]
            made = self._embedder.embed_tokens([_embedded(*piece) for piece in some])
            for piece, vectors in zip(some, made, strict=True):
                found[piece] = self._kept.keep(piece, _tokens(vectors, len(piece[0])))
        return [tokens for piece in pieces if (tokens := found[piece]) is not None]


_Piece: TypeAlias = tuple[str, str]
"""The title, and the piece's text."""


class _Tokens(NamedTuple):
    """Token vectors of length 1, in float16, and how many of them are the title's."""

    rows: NDArray[np.float16]
    titles: int


class _Kept:
    """The tokens of what was read last, within so many bytes."""

    def __init__(self, most: int) -> None:
        self.bytes = 0
        self._most = most
        self._lock = threading.Lock()
        self._tokens: OrderedDict[_Piece, _Tokens] = OrderedDict()

    def find(self, piece: _Piece) -> _Tokens | None:
        with self._lock:
            if piece in self._tokens:
                self._tokens.move_to_end(piece)
            return self._tokens.get(piece)

    def keep(self, piece: _Piece, tokens: _Tokens) -> _Tokens:
        with self._lock:
            before = self._tokens.pop(piece, None)  # of another thread
            self._tokens[piece] = tokens
            self.bytes += tokens.rows.nbytes - (before.rows.nbytes if before else 0)
            while self.bytes > self._most:
                self.bytes -= self._tokens.popitem(last=False)[1].rows.nbytes
        return tokens


def _is_code(passage: Passage) -> bool:
    return PurePosixPath(passage.document).suffix.lower() in code.SUFFIXES


def _embedded(title: str, text: str) -> str:
    return "\n".join(part for part in (title, code.spoken(title), text) if part)


def _tokens(made: TokenVectors, title: int) -> _Tokens:
    """The tokens of a text whose first `title` characters are its title."""
    own = made.starts < made.ends  # the others are the model's signs
    rows = made.rows[own] / np.linalg.norm(made.rows[own], axis=1, keepdims=True)
    return _Tokens(rows.astype(np.float16), int((made.ends[own] <= title).sum()))


def _closest(asked: NDArray[np.float32], tokens: _Tokens) -> NDArray[np.float32]:
    """How close each token of a query is to the closest of a piece, and of its title."""
    alike = asked @ tokens.rows.astype(np.float32).T
    return alike.max(axis=1, initial=0) + TITLE_WEIGHT * alike[:, : tokens.titles].max(
        axis=1, initial=0
    )


def _z(values: NDArray[np.float64]) -> NDArray[np.float64]:
    spread = values.std() if len(values) else 0.0
    return (values - values.mean()) / spread if spread > _LEAST_SPREAD else np.zeros(len(values))
