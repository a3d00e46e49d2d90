"""What is asked beside the rungs as they are, and by what measure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from langchain_core.messages import AIMessage, BaseMessage

from agent_knowledge import KnowledgeConfig
from agent_knowledge.errors import ConfigError, InputError
from agent_knowledge.ledger import Ledger
from agent_knowledge.trials.cases import CaseSet
from agent_knowledge.trials.compare import compare, find_trial
from agent_knowledge.trials.evaluate import TrialResult, measure, put_on_record
from agent_knowledge.trials.outputs import junit, to_csv
from agent_knowledge.trials.scores import read_scores
from agent_knowledge.trials.setup import TrialSettings, set_up
from tests.unit.trials.desk import Counting, by_examples, cases, right, write_desk

HOSTILE_TEXTS = (
    "</failure><error/>]]>&amp;<![CDATA[",
    "\x00\x1b[2J\ud800\ufffe",
    '=HYPERLINK("https://evil.example";"x")',
    '+1\n-2\r@SUM(1)\t","',
)


@pytest.fixture
def desk(tmp_path: Path) -> KnowledgeConfig:
    return write_desk(tmp_path)


def run(desk: KnowledgeConfig, made: CaseSet, **settings: Any) -> TrialResult:
    return measure(set_up(desk, made, "desk", TrialSettings(**settings)))


def by_prompt(messages: Sequence[BaseMessage]) -> str:
    """Right where the system prompt names the queues, else of one mind."""
    told = any("returns or shipping" in message.text for message in messages[:1])
    return right(messages) if told else "returns"


def test_other_prompts_are_measured_beside_the_configured_one(
    desk: KnowledgeConfig, tmp_path: Path
) -> None:
    better, same = tmp_path / "better.md", tmp_path / "same.md"
    better.write_text("Answer by returns or shipping.")
    same.write_text("Answer.")
    trial = run(desk, cases(8), model=Counting(by_prompt), prompts=(better, same)).trial
    assert [(one.prompt, one.result.score, one.difference, one.n) for one in trial.prompts] == [
        (str(better), 1.0, 0.5, 8),
        (str(same), 0.5, 0.0, 8),
    ]
    assert [row.rung for row in trial.rungs] == ["prompt", "few_shot"]
    assert trial.recommended is None, "a few cases prove nothing of a prompt either"
    with pytest.raises(InputError, match="leave that among the --rungs"):
        run(desk, cases(4), model=Counting(), prompts=(better,), rungs=("few_shot",))


def test_a_prompt_whose_file_is_called_as_a_rung_is_not_taken_for_it(
    desk: KnowledgeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    better = Path("prompt")
    better.write_text("Answer by returns or shipping.")
    trial = run(desk, cases(8), model=Counting(by_prompt), prompts=(better,)).trial
    assert [(one.prompt, one.difference) for one in trial.prompts] == [("./prompt", 0.5)]
    assert trial.rungs[0].score == 0.5


def test_repeats_narrow_no_interval_by_themselves(desk: KnowledgeConfig) -> None:
    model = Counting(by_examples)
    once = run(desk, cases(8), model=model)
    asked = model.calls
    thrice = run(desk, cases(8), model=model, repeats=3)
    assert model.calls == 3 * asked, "the first answers are those of before"
    for one, other in zip(once.trial.rungs, thrice.trial.rungs, strict=True):
        assert (one.score, one.ci, one.n) == (other.score, other.ci, other.n)
    with pytest.raises(InputError, match="macro_f1 is of all cases together"):
        run(desk, cases(4), model=model, repeats=2, metric="macro_f1")


def test_a_case_that_is_asked_again_scores_the_mean(desk: KnowledgeConfig) -> None:
    turns = iter(range(1000))
    model = Counting(lambda messages: right(messages) if next(turns) % 2 else "neither")
    measured = run(desk, cases(4), model=model, repeats=2, rungs=("prompt",), concurrency=1)
    assert measured.trial.rungs[0].score == 0.5
    assert {outcome.scores["prompt"] for outcome in measured.outcomes} == {0.5}


def test_a_metric_of_ones_own_counts(
    desk: KnowledgeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop_metrics.py").write_text(
        "def short(task, answer, expected):\n    return len(answer) < 8\n"
        "def much(task, answer, expected):\n    return 7\n"
        "def broken(task, answer, expected):\n    return answer['x']\n"
    )
    settings = {"model": Counting(by_examples), "imports": ("shop_metrics",)}
    measured = run(desk, cases(8), metric="shop_metrics:short", **settings)
    assert measured.trial.metric == "shop_metrics:short"
    assert [row.score for row in measured.trial.rungs] == [1.0, 0.5], "'shipping' is too long"
    with pytest.raises(ConfigError, match="only where the host allows it"):
        run(desk, cases(4), metric="shop_metrics:short", model=Counting())
    with pytest.raises(InputError, match="gave 7; it has to give a number from 0 to 1"):
        run(desk, cases(4), metric="shop_metrics:much", **settings)
    with pytest.raises(InputError, match=r"failed .TypeError.*what was answered is kept"):
        run(desk, cases(4), metric="shop_metrics:broken", **settings)


def test_figures_by_tag_and_by_label(desk: KnowledgeConfig) -> None:
    given = cases(8)
    tagged = [replace(case, tags=("all", case.expected[0][:4])) for case in given.cases]
    trial = run(desk, replace(given, cases=tuple(tagged)), model=Counting(by_examples)).trial
    assert trial.cases == given.digest, "tags are no part of what is asked"
    prompt, few_shot = trial.rungs
    assert prompt.slices == {"all": (8, 0.5), "retu": (4, 1.0), "ship": (4, 0.0)}
    assert few_shot.slices["ship"] == (4, 1.0)
    assert prompt.confusion == {"returns": {"returns": 4}, "shipping": {"returns": 4}}


def test_what_a_provider_had_read_already_costs_its_own_price(tmp_path: Path) -> None:
    def counted(messages: Sequence[BaseMessage]) -> AIMessage:
        usage = {
            "input_tokens": 300,
            "output_tokens": 5,
            "total_tokens": 305,
            "input_token_details": {"cache_read": 200},
        }
        return AIMessage(right(messages), usage_metadata=usage)  # pyright: ignore[reportArgumentType]

    class ScriptedModel(Counting):
        """Under the name that has a price."""

    desk = write_desk(tmp_path)
    priced = desk.prices["ScriptedModel"].model_copy(update={"cached_input": 0.25})
    desk = desk.model_copy(update={"prices": {"ScriptedModel": priced}}).at(tmp_path)
    row = run(desk, cases(4), model=ScriptedModel(counted)).trial.rungs[0]
    assert row.tokens_cached == 200
    assert row.cost_usd_per_1k == pytest.approx(1000 * (100 * 1 + 200 * 0.25 + 5 * 10) / 1e6)


def test_two_trials_are_paired_case_by_case(desk: KnowledgeConfig) -> None:
    for model in (Counting(by_examples), Counting(right)):
        setup = set_up(desk, cases(4), "desk", TrialSettings(model=model, fresh=True))
        put_on_record(setup, measure(setup))
    trials = Ledger(desk.store_path).trials()
    one, other = find_trial(trials, "-2"), find_trial(trials, trials[1].id)
    was, now = (read_scores(desk.store_path, trial.id) for trial in (one, other))
    assert sorted(row["prompt"] for row in was.values()) == [0, 0, 1, 1]
    found = compare(one, other, was, now)
    assert [(move.rung, move.difference, move.n) for move in found.moves] == [
        ("prompt", 0.5, 4),
        ("few_shot", 0.0, 4),
    ]
    assert found.changed == {}, "the same cases, examples, prompt and model"
    many = [
        {f"{key}{n}": row for n in range(20) for key, row in kept.items()} for kept in (was, now)
    ]
    assert compare(one, other, *many).moves[0].verdict == "better"
    assert compare(other, one, *many[::-1]).moves[0].verdict == "worse"
    assert compare(one, other, *many).moves[1].verdict == "no difference is proven"
    assert compare(one, other).moves[0].verdict == "not comparable"
    with pytest.raises(InputError, match="begins 2 of them"):
        find_trial(trials, "20")


def test_an_old_ledger_is_read(desk: KnowledgeConfig) -> None:
    setup = set_up(desk, cases(4), "desk", TrialSettings(model=Counting()))
    put_on_record(setup, measure(setup))
    ledger = Ledger(desk.store_path)
    row = json.loads(ledger.file.read_text())
    for key in ("prompts", "repeats", "checksum"):
        del row[key]
    for rung in row["rungs"]:
        for key in ("tokens_cached", "slices", "confusion"):
            del rung[key]
    ledger.file.write_text(json.dumps(row) + "\n")
    journal = setup.asker.journal.file
    kept = [json.loads(line) for line in journal.read_text().splitlines()]
    bare = [{k: v for k, v in e.items() if k not in ("tokens_cached", "checksum")} for e in kept]
    journal.write_text("".join(json.dumps(entry) + "\n" for entry in bare))
    (trial,) = Ledger(desk.store_path).trials()
    assert (trial.prompts, trial.repeats, trial.rungs[0].slices) == ((), 1, {})
    model = Counting()
    run(desk, cases(4), model=model)
    assert model.calls == 0, "an old journal still pays"


def test_junit_and_csv_are_read_with_hostile_text(desk: KnowledgeConfig) -> None:
    measured = run(desk, cases(4), model=Counting(by_examples))
    outcomes = [
        replace(
            measured.outcomes[n % 4],
            case=f"{n}{text}",
            task=text,
            answers={"prompt": text, "few_shot": f"={text}"},
            scores={"prompt": 0.0},
            errors={"few_shot": text},
        )
        for n, text in enumerate(HOSTILE_TEXTS)
    ]
    hostile = replace(measured, outcomes=tuple(outcomes))
    suites = ET.fromstring(junit(hostile))
    assert [(s.get("failures"), s.get("errors")) for s in suites] == [
        (str(len(outcomes)), "0"),
        ("0", str(len(outcomes))),
    ]
    rows = list(csv.DictReader(io.StringIO(to_csv(hostile))))
    assert len(rows) == 2 * len(outcomes)
    assert not [row for row in rows if row["answer"].startswith(("=", "+", "-", "@"))]
