"""The bench of answers: what counts as answered, as cited and as admitted."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from agent_knowledge.models.extractive import NOT_COVERED
from tests.unit.tools.conftest import Serve
from tools.bench.peers.endpoint import open_chat
from tools.data.embedding import RememberingMiniLM

pytest.importorskip("langchain_classic", reason="the peers are in the extra 'bench'")

from tools.bench import answers as bench
from tools.bench.answers import (
    Case,
    Said,
    admitted,
    measure,
    opened,
    print_model,
    read_set,
    through_product,
    without,
)
from tools.bench.answers_given import Given
from tools.data.questions import PARTS
from tools.train.answers_data import AnswerCase

BIRDS = {
    "heron": "Grey herons of the delta nest in alder trees and lay four eggs in March.",
    "osprey": "Ospreys of the northern lakes eat nothing but fish, mostly perch.",
    "swift": "Common swifts sleep in the air and weigh about forty grams.",
}
CORPUS: list[dict[str, Any]] = [
    {"id": name, "title": name.capitalize(), "text": f"{text} They are seen by many walkers."}
    for name, text in BIRDS.items()
]
CASES = [
    Case(question=question, answer=answer, relevant=frozenset({name}))
    for name, question, answer in (
        ("heron", "In which trees do grey herons of the delta nest?", "alder trees"),
        ("osprey", "What do ospreys of the northern lakes eat?", "fish"),
        ("swift", "How much do common swifts weigh?", "about forty grams"),
    )
]


@pytest.fixture(scope="module")
def embedder() -> RememberingMiniLM:
    return RememberingMiniLM()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "retrieval" / "hotpot"
    folder.mkdir(parents=True)
    rows = [
        {"id": str(n), "query": c.question, "answer": c.answer, "relevant": sorted(c.relevant)}
        for n, c in enumerate(CASES)
    ]
    for file, lines in (("corpus", CORPUS), ("queries", rows)):
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / f"{file}.jsonl").write_text(text, encoding="utf-8")
    return tmp_path


def test_words_citations_and_silence_are_scored_apart() -> None:
    said = {
        CASES[0].question: Said(text="alder trees", cited=frozenset({"heron", "swift"})),
        CASES[1].question: Said(text=NOT_COVERED, cited=frozenset()),
        CASES[2].question: Said(text="about forty stones", cited=frozenset({"swift"})),
    }
    score = measure(said.__getitem__, CASES)
    assert score.token_f1 == pytest.approx((1 + 0 + 2 / 3) / 3)
    assert score.precision == pytest.approx((0.5 + 1) / 2)
    assert score.recall == pytest.approx(2 / 3)
    assert score.answered == pytest.approx(2 / 3)
    assert measure(lambda _: Said(text="x", cited=frozenset()), CASES).precision is None


def test_each_question_loses_its_documents_once_and_others_stay() -> None:
    parts = list(without(CORPUS, CASES))
    assert len(parts) == PARTS
    assert [case for _, asked in parts for case in asked] == CASES
    for rest, asked in parts:
        gone = {name for case in asked for name in case.relevant}
        assert {row["id"] for row in rest} == set(BIRDS) - gone


def test_the_product_answers_cites_and_admits(embedder: RememberingMiniLM) -> None:
    with opened(CORPUS, embedder) as router:
        answers = through_product(router, bench.extractive(embedder))
        said = answers(CASES[1].question)
        score = measure(answers, CASES)
    assert said.text.startswith("Ospreys of the northern lakes eat nothing but fish")
    assert "[" not in said.text
    assert said.cited == {"osprey"}
    assert (score.answered, score.recall) == (1, 1)
    assert admitted(CORPUS, CASES, embedder) == 1


def test_a_model_is_asked_in_our_way_and_in_langchains_own(
    serve: Serve, embedder: RememberingMiniLM, capsys: pytest.CaptureFixture[str]
) -> None:
    chat = serve(lambda text: "fish [1]" if "<passage-" in text else "perch")
    print_model(chat, "hotpot", CORPUS, CASES[1:2], embedder)
    head, ours, plain, extractive = capsys.readouterr().out.splitlines()
    assert head == "hotpot: scripted answers 1 questions"
    assert "our prompt" in ours
    assert "token-F1 1.000  citations: precision 1.000, recall 1.000" in ours
    assert "LangChain's retrieval chain" in plain
    assert "token-F1 0.000  citations: precision   -  , recall 0.000" in plain
    assert "extractive" in extractive


def test_an_empty_answer_is_a_bad_one_and_no_failure(
    serve: Serve, embedder: RememberingMiniLM, capsys: pytest.CaptureFixture[str]
) -> None:
    print_model(serve(lambda _: ""), "hotpot", CORPUS, CASES[1:2], embedder)
    ours = capsys.readouterr().out.splitlines()[1]
    assert "token-F1 0.000" in ours
    assert "answered 0.00" in ours


def test_a_model_that_fails_ends_the_run(
    embedder: RememberingMiniLM, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = open_chat("http://127.0.0.1:9/v1", "absent")
    nobody.max_retries = 0
    print_model(nobody, "hotpot", CORPUS, CASES[1:2], embedder)
    said = capsys.readouterr()
    assert said.out == "hotpot: absent answers 1 questions\n"
    assert said.err == "absent: EndpointError\n"


def test_sets_are_read_and_those_that_are_absent_left_out(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert read_set(data, "hotpot") == (CORPUS, CASES)
    monkeypatch.setattr(sys, "argv", ["answers", "--data", str(data)])
    bench.main()
    head, product, first = capsys.readouterr().out.splitlines()
    assert head == "hotpot: 3 questions, 3 documents"
    assert "answered 1.00  gaps admitted 1.00" in product
    assert "first sentence" in first
    monkeypatch.setattr(sys, "argv", ["answers", "--data", str(data / "elsewhere")])
    bench.main()
    assert "pass --data FOLDER" in capsys.readouterr().out


def test_what_cites_a_document_that_answers_and_what_leaves_half_a_fence() -> None:
    case = AnswerCase(
        group="a",
        id="1",
        kind="covered",
        question="How?",
        passages=(),
        relevant=(False, True),
        doubtful=False,
    )
    whole = Given(case=case, text="Run [2]:\n\n```\na\n```", cited=frozenset({2}))
    assert whole.answers
    assert whole.right
    assert "```" not in whole.plain
    other = Given(case=case, text="Run. [1] ```", cited=frozenset({1}))
    assert not other.right
    assert "```" in other.plain
    assert not Given(case=case, text=NOT_COVERED, cited=frozenset()).answers
