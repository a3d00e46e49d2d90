"""MaxSim over code: what a signature says counts, and what is read is kept in bounds."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import pytest

from agent_knowledge.build import packaged_embedder
from agent_knowledge.retrieval.maxsim import MaxSim
from agent_knowledge.types import Passage
from agent_knowledge.types.measured import TokenVectors

DISCOUNT = "How is the discount on a price worked out?"
NAMES = ["def connect(host, port)", "def read_file(path)", "def add(x, y)"]
TELLING = "def reduced(price, discount)"
BODY = "    return None"


class Counting:
    """MiniLM that tells what it was given."""

    name = "minilm"

    def __init__(self) -> None:
        self.read: list[str] = []

    def embed_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        self.read += texts
        return packaged_embedder().embed_tokens(texts)


def found(name: str, score: float = 0.0, document: str = "shop.py") -> Passage:
    """A passage of what goes by a name."""
    return Passage(
        source="code",
        document=document,
        title=f"{document} > {name}",
        uri=document,
        text=BODY,
        start=0,
        end=len(BODY),
        score=score,
    )


def best(passages: Sequence[Passage], query: str = DISCOUNT) -> str:
    scores = MaxSim(packaged_embedder()).scores(query, passages)
    return passages[int(np.argmax(scores))].title.partition(" > ")[2]


def test_what_a_signature_says_puts_a_title_first():
    assert best([*map(found, NAMES), found(TELLING)]) == TELLING


def test_names_are_read_in_words():
    passages = [*map(found, NAMES), found("def getOpenPort(s)")]
    assert best(passages, "the port that is open") == "def getOpenPort(s)"


def test_the_end_of_a_long_signature_counts():
    many = ", ".join(f"option_{n}" for n in range(20))
    long = [f"def run({many}, {last})" for last in ("host", "path", "y", "discounted_price")]
    assert best([*map(found, long)]) == long[-1]


def test_the_search_counts_beside_it():
    others = [found(f"def add_{n}(x, y)") for n in range(8)]
    assert best([found(NAMES[0], score=9.0), *others, found(TELLING)]) == NAMES[0]


def test_prose_keeps_its_order_and_costs_nothing():
    embedder = Counting()
    prose = [found(text, score, "guide.md") for score, text in enumerate([*NAMES, TELLING])]
    scores = MaxSim(embedder).scores(DISCOUNT, prose)
    assert scores == sorted(scores)
    assert embedder.read == []


def test_prose_among_code_stays_where_the_search_put_it():
    mixed = [found(NAMES[0]), found("Terms of sale", document="guide.md"), found(TELLING)]
    ours = MaxSim(packaged_embedder()).scores(DISCOUNT, mixed)
    assert ours[0] < ours[1] == 0.0 < ours[2]


def test_what_was_read_is_kept():
    embedder = Counting()
    reranker = MaxSim(embedder)
    passages = [*map(found, NAMES)]
    first = reranker.scores(DISCOUNT, passages)
    assert len(embedder.read) == 1 + len(NAMES)
    assert reranker.scores(DISCOUNT, passages) == pytest.approx(first, abs=0.01)
    assert embedder.read[1 + len(NAMES) :] == [DISCOUNT]


def test_what_is_kept_stays_within_its_bytes_and_the_oldest_goes():
    embedder = Counting()
    a_title = 40 * 384 * 2  # tokens, numbers, bytes: more than one of these takes
    reranker = MaxSim(embedder, kept_bytes=2 * a_title)
    many = [found(f"{NAMES[0]}_{n}") for n in range(40)]
    scores = reranker.scores(DISCOUNT, many)
    assert len(scores) == len(many)
    assert reranker.kept_bytes <= 2 * a_title
    embedder.read.clear()
    reranker.scores(DISCOUNT, many[-2:])
    assert embedder.read == [DISCOUNT]
    embedder.read.clear()
    reranker.scores(DISCOUNT, many[:2])
    assert len(embedder.read) == 3


@pytest.mark.parametrize("text", ["", " \n", "\u200b", "ｆｕｎｃ 🙂", "x" * 20_000])
def test_any_title_and_any_question_give_numbers(text: str):
    passages = [found(text), found(TELLING)]
    for query in (DISCOUNT, "", "\ud800", text):
        scores = MaxSim(packaged_embedder()).scores(query, passages)
        assert np.isfinite(scores).all()
    assert MaxSim(packaged_embedder()).scores(DISCOUNT, []) == []
    assert MaxSim(packaged_embedder()).scores(DISCOUNT, passages[:1]) == [0.0]


def test_threads_share_one():
    reranker = MaxSim(packaged_embedder(), kept_bytes=100_000)
    passages = [found(f"{NAMES[n % 3]}_{n}") for n in range(12)]
    alone = reranker.scores(DISCOUNT, passages)
    results: list[list[float]] = []
    threads = [
        threading.Thread(target=lambda: results.append(reranker.scores(DISCOUNT, passages)))
        for _ in range(4)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(results) == len(threads)
    for one in results:
        assert one == pytest.approx(alone, abs=0.05)
