"""The bench of the text model: how needs are scored, and what is said where something lacks."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from tests.unit.tools.tiny_agent import write_rows
from tools.bench import need as bench
from tools.bench.need import figures

PROMPTS = [
    {"id": "koala:1", "need": "direct", "second": None},
    {"id": "koala:2", "need": "retrieval", "second": "direct"},
    {"id": "t0:1", "need": "few_shot", "second": None},
    {"id": "t0:2", "need": "direct", "second": None},
]


def test_needs_are_scored_by_the_first_label_with_the_second_beside():
    likely = np.array(
        [
            [0.9, 0.05, 0.05],
            [0.8, 0.1, 0.1],  # the second label
            [0.0, 0.0, 1.0],
            [0.1, 0.7, 0.2],  # wrong
        ]
    )
    of = figures(PROMPTS, likely)
    assert (of.accuracy, of.with_second) == (0.5, 0.75)
    # direct: one of two named, one of two found; retrieval: none; few_shot: all.
    assert of.macro_f1 == pytest.approx((0.5 + 0 + 1) / 3)
    assert of.ece == pytest.approx((0.1 + 0.8 + 0.0 + 0.7) / 4)
    assert of.by_family == {"koala": 0.5, "t0": 0.5}


def test_what_lacks_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["need", "--data", str(tmp_path), *arguments])
        bench.main()
        return capsys.readouterr().out

    assert run().startswith(f"no freshness/freshqa.jsonl in {str(tmp_path)!r}: pass --data FOLDER")
    weights = ("--families", "--minilm", "model.safetensors")
    assert run(*weights).startswith("no need/tasks.jsonl in ")
    with pytest.raises(SystemExit, match="2"):
        run("--families")
    assert "--families goes with --minilm FILE" in capsys.readouterr().err


def test_fresh_questions_and_several_look_ups_are_told_apart(tmp_path: Path):
    stays = ["Who wrote Faust?", "In which year did the Titanic sink?"]
    changes = ["What is the price of gold today?", "Who is the prime minister right now?"]
    write_rows(
        tmp_path / bench.FRESHQA,
        [
            {"task": text, "change": change, "false_premise": False, "hops": hops}
            for texts, change, hops in ((stays, "never", "single"), (changes, "fast", "multi"))
            for text in texts
        ],
    )
    for file in bench.TWICE:
        write_rows(
            tmp_path / file, [{"query": "Where was the director of the film Metropolis born?"}]
        )
    write_rows(tmp_path / bench.ONCE, [{"query": "How do I stream a response?"}])
    of = dict(bench.fresh_and_hops(tmp_path))
    assert of["fresh: slow or fast against never"] == 1.0
    assert of["fresh: the same without false premises"] == 1.0
    assert of["multi-hop: hotpot and musique against docs_rag"] == 1.0
    assert 0 <= of["multi-hop: freshqa's hops"] <= 1
