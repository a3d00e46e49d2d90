"""What the vectors of words add to the support check, and what is embedded for it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from agent_knowledge.citations.entailment import SupportCheck, check_by_words
from agent_knowledge.types import Matrix
from agent_knowledge.types.measured import TokenVectors

PASSAGE = "The kettle heats water in three minutes. Its lid locks while it boils."


class SameSpace:
    """Every word lies at the same place (`together`), or none near another."""

    def __init__(self, name: str = "minilm", *, together: bool) -> None:
        self.name = name
        self.asked: list[str] = []
        self._together = together
        self._words: dict[str, int] = {}

    def embed(self, texts: Sequence[str]) -> Matrix:
        return np.array([made.mean for made in self.embed_tokens(texts)])

    def embed_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        self.asked += texts
        return [self._embedded(text) for text in texts]

    def _embedded(self, text: str) -> TokenVectors:
        places = [match.span() for match in re.finditer(r"\w+", text)]
        rows = np.zeros((len(places), 256), dtype=np.float32)
        for row, (start, end) in enumerate(places):
            number = self._words.setdefault(text[start:end], len(self._words))
            rows[row, 0 if self._together else number] = 1.0
        mean = rows.mean(axis=0)
        starts, ends = np.array(places, dtype=np.int64).T
        return TokenVectors(rows=rows, starts=starts, ends=ends, mean=mean / np.linalg.norm(mean))


def _open_claim() -> str:
    """A claim that words leave open: one of those that keep fewer and fewer of the passage's."""
    kept = ("kettle", "heats", "water", "lid", "locks", "boils")
    other = ("device", "warms", "liquids", "cover", "closes", "bubbles")
    for count in range(len(kept), -1, -1):
        claim = " ".join((*reversed(kept[:count]), *other[count:], "before somebody watches"))
        embedder = SameSpace(together=True)
        SupportCheck(embedder)(claim, PASSAGE)
        if claim in embedder.asked:
            return claim
    raise AssertionError


OPEN = _open_claim()


def test_meaning_weighs_in_where_words_leave_it_open():
    near = SupportCheck(SameSpace(together=True))(OPEN, PASSAGE)
    far = SupportCheck(SameSpace(together=False))(OPEN, PASSAGE)
    assert near.score > far.score
    assert far.verdict == "unsupported"


def test_what_words_decide_is_not_embedded():
    embedder = SameSpace(together=True)
    check = SupportCheck(embedder)
    assert check("Its lid locks while it boils.", PASSAGE).supported
    assert not check("Whales sing at night near Iceland.", PASSAGE).supported
    assert not embedder.asked


def test_a_sentence_is_embedded_once():
    embedder = SameSpace(together=True)
    check = SupportCheck(embedder)
    check.prepare(PASSAGE)
    assert len(embedder.asked) == 2
    check.ahead([(OPEN, PASSAGE, "")])
    check(OPEN, PASSAGE)
    check(OPEN, PASSAGE)
    assert embedder.asked[2:] == [OPEN]


def test_of_a_long_passage_only_the_sentences_that_come_closest_are_embedded():
    embedder = SameSpace(together=True)
    check = SupportCheck(embedder)
    text = " ".join(f"Sentence number {n} speaks of whales and ships." for n in range(300))
    check.prepare(f"{text} {PASSAGE}")
    check(OPEN, f"{text} {PASSAGE}")
    assert len(embedder.asked) < 12


def test_vectors_that_no_fit_is_packaged_for_are_not_asked():
    embedder = SameSpace("something-else", together=True)
    check = SupportCheck(embedder)
    check.prepare(PASSAGE)
    assert check(OPEN, PASSAGE) == check_by_words(OPEN, PASSAGE)
    assert not embedder.asked
