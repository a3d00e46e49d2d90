"""MaxSim over code: what words inside a passage say counts, and what is read is kept in bounds."""

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
FILLER = "    log.debug('step %d of %d', step, steps)\n" * 40
BODIES = ["return socket.connect(host, port)", "return open(path).read()", "return x + y"]
TELLING = "return price * (1 - discount)"


class Counting:
    """MiniLM that tells what it was given."""

    name = "minilm"

    def __init__(self) -> None:
        self.read: list[str] = []

    def embed_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        self.read += texts
        return packaged_embedder().embed_tokens(texts)


def found(text: str, score: float = 0.0, document: str = "shop.py") -> Passage:
    title = f"{document} > def run()"
    return Passage(
        source="code",
        document=document,
        title=title,
        uri=document,
        text=text,
        start=0,
        end=len(text),
        score=score,
    )


def best(passages: Sequence[Passage]) -> str:
    scores = MaxSim(packaged_embedder()).scores(DISCOUNT, passages)
    return passages[int(np.argmax(scores))].text


def test_what_only_the_words_inside_tell_puts_a_passage_first():
    assert best([*map(found, BODIES), found(TELLING)]) == TELLING


def test_the_search_counts_beside_it():
    strong = found(BODIES[0], score=9.0)
    passages = [strong, *(found(f"{BODIES[1]}  # {n}") for n in range(8)), found(TELLING)]
    assert best(passages) == strong.text


def test_the_end_of_a_long_passage_counts():
    long = [f"{FILLER}    {body}" for body in (*BODIES, TELLING)]
    assert len(long[0]) > 1600  # more than the model reads at once
    assert best([*map(found, long)]) == long[-1]


def test_the_title_counts_more_than_the_same_words_elsewhere():
    named = Passage(
        source="code", document="a.py", title="a.py > def discount(price)", uri="a.py",
        text="return PRICES[0]", start=0, end=16,
    )  # fmt: skip
    plain = found("return PRICES[0]  # of shop")
    scores = MaxSim(packaged_embedder()).scores(DISCOUNT, [plain, named])
    assert scores[1] > scores[0]


def test_prose_keeps_its_order_and_costs_nothing():
    embedder = Counting()
    prose = [found(text, score, "guide.md") for score, text in enumerate([*BODIES, TELLING])]
    scores = MaxSim(embedder).scores(DISCOUNT, prose)
    assert scores == sorted(scores)
    assert embedder.read == []


def test_prose_among_code_stays_where_the_search_put_it():
    mixed = [found(BODIES[0]), found("Terms of sale.", document="guide.md"), found(TELLING)]
    ours = MaxSim(packaged_embedder()).scores(DISCOUNT, mixed)
    assert ours[0] < ours[1] == 0.0 < ours[2]


def test_what_was_read_is_kept():
    embedder = Counting()
    reranker = MaxSim(embedder)
    passages = [*map(found, BODIES)]
    first = reranker.scores(DISCOUNT, passages)
    assert len(embedder.read) == 1 + len(BODIES)
    assert reranker.scores(DISCOUNT, passages) == pytest.approx(first, abs=0.01)
    assert embedder.read[1 + len(BODIES) :] == [DISCOUNT]


def test_what_is_kept_stays_within_its_bytes_and_the_oldest_goes():
    embedder = Counting()
    a_passage = 40 * 384 * 2  # tokens, numbers, bytes: more than one of these takes
    reranker = MaxSim(embedder, kept_bytes=2 * a_passage)
    many = [found(f"{BODIES[0]}  # {n}") for n in range(40)]
    scores = reranker.scores(DISCOUNT, many)
    assert len(scores) == len(many)
    assert reranker.kept_bytes <= 2 * a_passage
    embedder.read.clear()
    reranker.scores(DISCOUNT, many[-2:])
    assert embedder.read == [DISCOUNT]
    embedder.read.clear()
    reranker.scores(DISCOUNT, many[:2])
    assert len(embedder.read) == 3


@pytest.mark.parametrize("text", ["", " \n", "\u200b", "ｆｕｎｃ 🙂", "x" * 20_000])
def test_any_text_and_any_question_give_numbers(text: str):
    passages = [found(text), found(TELLING)]
    for query in (DISCOUNT, "", "\ud800", text):
        scores = MaxSim(packaged_embedder()).scores(query, passages)
        assert np.isfinite(scores).all()
    assert MaxSim(packaged_embedder()).scores(DISCOUNT, []) == []
    assert MaxSim(packaged_embedder()).scores(DISCOUNT, passages[:1]) == [0.0]


def test_threads_share_one():
    reranker = MaxSim(packaged_embedder(), kept_bytes=100_000)
    passages = [found(f"{BODIES[n % 3]}  # {n}") for n in range(12)]
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
