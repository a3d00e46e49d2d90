"""The second look of the support check: an embedder, asked about what words leave open."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agent_knowledge.citations.entailment import SupportCheck, check_by_words
from agent_knowledge.types import Matrix

PASSAGE = "The kettle heats water in three minutes. Its lid locks while it boils."


class SameSpace:
    """Every text lies at the same place (`together`), or none near another."""

    def __init__(self, name: str = "minilm", *, together: bool) -> None:
        self.name = name
        self.asked: list[str] = []
        self._together = together

    def embed(self, texts: Sequence[str]) -> Matrix:
        rows = np.zeros((len(texts), 64), dtype=np.float32)
        for row, text in enumerate(texts):
            self.asked.append(text)
            rows[row, 0 if self._together else len(self.asked) % 64] = 1.0
        return rows


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


def test_meaning_decides_what_words_leave_open():
    claim = _open_claim()
    near = SupportCheck(SameSpace(together=True))(claim, PASSAGE)
    far = SupportCheck(SameSpace(together=False))(claim, PASSAGE)
    assert near.supported
    assert far.verdict == "unsupported"


def test_what_words_decide_is_not_embedded():
    embedder = SameSpace(together=True)
    check = SupportCheck(embedder)
    assert check("Its lid locks while it boils.", PASSAGE).supported
    assert not check("Its lid locks in 20 minutes.", PASSAGE).supported
    assert not check("Whales sing at night near Iceland.", PASSAGE).supported
    assert not embedder.asked


def test_a_passage_and_a_claim_are_embedded_once():
    claim, embedder = _open_claim(), SameSpace(together=True)
    check = SupportCheck(embedder)
    check.prepare(PASSAGE)
    assert len(embedder.asked) == 2
    check(claim, PASSAGE)
    check(claim, PASSAGE)
    assert len(embedder.asked) == 3


def test_vectors_that_no_fit_is_packaged_for_are_not_asked():
    claim, embedder = _open_claim(), SameSpace("something-else", together=True)
    check = SupportCheck(embedder)
    check.prepare(PASSAGE)
    assert check(claim, PASSAGE) == check_by_words(claim, PASSAGE)
    assert not embedder.asked
