"""Measuring rungs: figures, record, and never paying twice."""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage

from agent_knowledge import KnowledgeConfig, load_router
from agent_knowledge.errors import ConfigError, EndpointError, InputError
from agent_knowledge.ledger import Ledger
from agent_knowledge.trials.cases import CaseSet
from agent_knowledge.trials.evaluate import TrialResult, evaluate, measure, put_on_record
from agent_knowledge.trials.pool import Interrupted
from agent_knowledge.trials.setup import TrialSettings, set_up
from agent_knowledge.types import Rung, Task
from tests.scripted import filled
from tests.unit.trials.desk import Counting, by_examples, cases, right, write_desk


@pytest.fixture
def desk(tmp_path: Path) -> KnowledgeConfig:
    return write_desk(tmp_path)


def run(desk: KnowledgeConfig, made: CaseSet, agent: str = "desk", **settings: Any) -> TrialResult:
    return measure(set_up(desk, made, agent, TrialSettings(**settings)))


def test_each_rung_is_measured_on_the_same_cases(desk: KnowledgeConfig) -> None:
    measured = run(desk, cases(8), model=Counting(by_examples))
    trial = measured.trial
    prompt, few_shot = trial.rungs
    assert (prompt.rung, prompt.score, prompt.n) == ("prompt", 0.5, 8)
    assert (few_shot.rung, few_shot.score, few_shot.n) == ("few_shot", 1.0, 8)
    assert few_shot.ci[0] < 1 == few_shot.ci[1]
    assert prompt.metrics["macro_f1"] == pytest.approx(1 / 3, abs=1e-6)
    assert (trial.metric, trial.example_set) == ("normalised", "triage")
    found = trial.compared("few_shot", "prompt")
    assert found is not None
    assert (found.difference, found.n) == (0.5, 8)
    outcome = measured.outcomes[1]
    assert outcome.answers == {"prompt": "returns", "few_shot": "shipping"}
    assert outcome.scores == {"prompt": 0, "few_shot": 1}


def test_tokens_and_cost_are_those_of_an_average_task(desk: KnowledgeConfig) -> None:
    def counted(messages: Sequence[BaseMessage]) -> AIMessage:
        usage = {"input_tokens": 300, "output_tokens": 5, "total_tokens": 305}
        return AIMessage(right(messages), usage_metadata=usage)  # pyright: ignore[reportArgumentType]

    class ScriptedModel(Counting):
        """Under the name that has a price."""

    measured = run(desk, cases(4), model=ScriptedModel(counted))
    row = measured.trial.rungs[0]
    assert (row.tokens_in, row.tokens_out) == (300, 5)
    assert row.cost_usd_per_1k == pytest.approx(1000 * (300 * 1 + 5 * 10) / 1e6)
    assert not any("estimates" in note for note in measured.notes)


def test_without_a_price_the_cost_is_unknown_and_it_says_so(desk: KnowledgeConfig) -> None:
    measured = run(desk, cases(4), model=Counting())
    assert measured.trial.rungs[0].cost_usd_per_1k is None
    assert any(note.startswith("no price for Counting") for note in measured.notes)
    assert any("estimates" in note for note in measured.notes)


def test_nothing_is_paid_for_twice(desk: KnowledgeConfig) -> None:
    first, second, third = Counting(), Counting(), Counting()
    before = run(desk, cases(6), model=first).trial
    again = run(desk, cases(8), model=second)
    assert (first.calls, second.calls) == (12, 4)
    assert any(note.startswith("12 answers are from earlier runs") for note in again.notes)
    assert before.rungs[0].score == again.trial.rungs[0].score == 1
    run(desk, cases(6), model=third, fresh=True)
    assert third.calls == 12


def test_another_prompt_or_model_is_asked_anew(desk: KnowledgeConfig) -> None:
    run(desk, cases(4), model=Counting(), rungs=("few_shot",))
    more = desk.examples["triage"].model_copy(update={"k": 3})
    changed = desk.model_copy(update={"examples": {"triage": more}}).at(desk.folder)
    model = Counting()
    run(changed, cases(4), model=model, rungs=("few_shot",))
    assert model.calls == 4

    class Other(Counting):
        """Another model by its name."""

    other = Other()
    run(changed, cases(4), model=other, rungs=("few_shot",))
    assert other.calls == 4


def test_a_failed_case_is_no_score_and_is_tried_again_next_time(desk: KnowledgeConfig) -> None:
    def flaky(messages: Sequence[BaseMessage]) -> Any:
        bad = "chair" in messages[-1].text
        return RuntimeError("sk-secret") if bad else right(messages)

    measured = run(desk, cases(8), model=Counting(flaky), rungs=("prompt",))
    row = measured.trial.rungs[0]
    assert (row.n, row.errors, row.score) == (6, 2, 1)
    errors = [outcome.errors["prompt"] for outcome in measured.outcomes if outcome.errors]
    assert len(errors) == 2
    assert "sk-secret" not in str(errors)
    mended = Counting()
    assert run(desk, cases(8), model=mended, rungs=("prompt",)).trial.rungs[0].errors == 0
    assert mended.calls == 2


def failing_on_lamps(messages: Sequence[BaseMessage]) -> Any:
    """A model that knows nothing, and whose calls about lamps fail without examples."""
    return OSError("500") if len(messages) == 1 and "lamp" in messages[-1].text else "returns"


def test_rungs_are_compared_on_what_both_answered(desk: KnowledgeConfig) -> None:
    measured = run(desk, cases(60), model=Counting(failing_on_lamps), concurrency=1)
    found = measured.trial.compared("few_shot", "prompt")
    assert found is not None
    assert (found.n, found.difference) == (60 - measured.trial.rungs[0].errors, 0)


def test_an_outage_of_the_base_model_opens_no_gate(desk: KnowledgeConfig) -> None:
    settings = TrialSettings(model=Counting(failing_on_lamps), endpoint=Counting(), target=0.1)
    measured = measure(set_up(desk, cases(60), "tuned-desk", settings))
    trial = measured.trial
    assert (trial.recommended, measured.met) == (None, False)
    assert "prompt failed on" in trial.why
    assert "at most 2% may" in trial.why
    put_on_record(set_up(desk, cases(60), "tuned-desk", settings), measured)
    decision = load_router(desk, "tuned-desk").route("Hello: where is the parcel with my lamp?")
    assert decision.strategy == "few_shot"


def test_cases_that_are_repeated_shown_or_trained_on_are_left_out(desk: KnowledgeConfig) -> None:
    made = cases(12).cases
    seen = json.loads((desk.folder / "triage.jsonl").read_text().splitlines()[0])["input"]
    trained = {"role": "user", "content": made[1].task.text.upper()}
    (desk.folder / "rows.jsonl").write_text(json.dumps({"messages": [trained]}) + "\n")
    known = desk.endpoints["tuned"].training.model_copy(update={"file": "rows.jsonl"})
    tuned = desk.endpoints["tuned"].model_copy(update={"training": known})
    desk = desk.model_copy(update={"endpoints": {"tuned": tuned}}).at(desk.folder)
    near = replace(made[0], id="near", task=Task(f"{seen}!"))
    given = CaseSet(cases=(*made, *made, near))
    measured = run(desk, given, "tuned-desk", model=Counting(), endpoint=Counting())
    assert measured.trial.n == 11
    assert measured.trial.excluded == {"repeated": 12, "examples": 1, "training": 1}
    notes = " ".join(measured.notes)
    assert "12 of 25 cases ask what another asks" in notes
    assert "1 of 13 cases are among what tuned was trained on" in notes
    shown = CaseSet(cases=(near,))
    with pytest.raises(InputError, match="nothing is left to measure"):
        run(desk, shown, model=Counting())


def test_a_prompt_without_its_labels_is_no_real_try_and_the_trial_says_so(
    desk: KnowledgeConfig,
) -> None:
    told = "the prompt names 0 of the 2 labels of triage: prompting was not really tried"
    assert any(told in note for note in run(desk, cases(2), model=Counting()).notes)
    (desk.folder / "form.md").write_text("One of:\n{{labels}}\n---\n{{input}}")
    triage = desk.examples["triage"].model_copy(update={"template": "form.md"})
    named = desk.model_copy(update={"examples": {"triage": triage}}).at(desk.folder)
    assert not any("really tried" in n for n in run(named, cases(2), model=Counting()).notes)


def test_a_model_that_always_fails_stops_the_trial_early(desk: KnowledgeConfig) -> None:
    model = Counting(lambda _: PermissionError("sk-secret"))
    with pytest.raises(EndpointError, match="5 calls one after another failed") as raised:
        run(desk, cases(40), model=model, concurrency=2)
    assert model.calls <= 7
    assert "sk-secret" not in str(raised.value)


def test_ctrl_c_keeps_what_is_done(desk: KnowledgeConfig) -> None:
    def stopping(messages: Sequence[BaseMessage]) -> str:
        if "chair" in messages[-1].text:
            signal.raise_signal(signal.SIGINT)
        return right(messages)

    stopped = Counting(stopping)
    with pytest.raises(Interrupted) as raised:
        run(desk, cases(12), model=stopped, rungs=("prompt",), concurrency=1)
    assert 0 < raised.value.done < 12
    on = Counting()
    assert run(desk, cases(12), model=on, rungs=("prompt",)).trial.rungs[0].n == 12
    assert on.calls == 12 - stopped.calls


def test_a_trial_goes_on_record_with_what_it_rests_on(desk: KnowledgeConfig) -> None:
    report = desk.folder / "out" / "report.html"
    settings = TrialSettings(model=Counting(by_examples), endpoint=Counting(), target=0.9)
    trial = evaluate(desk, cases(8), "tuned-desk", settings, report=report)
    assert Ledger(desk.store_path).trials("tuned-desk") == (trial,)
    assert (trial.endpoint, trial.endpoint_model) == ("tuned", "openai:tuned")
    assert (trial.model, trial.target) == ("Counting", 0.9)
    assert trial.cases == cases(8).digest
    router = load_router(desk, "tuned-desk")
    assert trial.examples == router.record.examples
    assert trial.versions == router.agent.versions_for("triage")
    assert "<html" in report.read_text(encoding="utf-8")
    evaluate(desk, cases(8), "tuned-desk", settings, on_record=False)
    assert len(Ledger(desk.store_path).trials()) == 1


def test_an_endpoint_that_beats_the_others_may_serve_from_then_on(desk: KnowledgeConfig) -> None:
    settings = TrialSettings(model=Counting(lambda _: "returns"), endpoint=Counting())
    trial = evaluate(desk, cases(60), "tuned-desk", settings)
    assert trial.recommended == "fine_tuned"
    assert "ladder-tried" in trial.why
    task = "Hello: where is the parcel with my lamp?"
    decision = load_router(desk, "tuned-desk").route(task)
    assert decision.strategy == "fine_tuned"


def test_the_endpoint_is_told_how_to_be_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOT_SET", raising=False)
    desk = write_desk(tmp_path)
    endpoint = desk.endpoints["tuned"].model_copy(update={"model": "openai:${NOT_SET}"})
    desk = desk.model_copy(update={"endpoints": {"tuned": endpoint}}).at(tmp_path)
    with pytest.raises(ConfigError, match=r"NOT_SET is not set.*--rungs prompt,few_shot"):
        run(desk, cases(4), "tuned-desk", model=Counting())
    left_out = run(desk, cases(4), "tuned-desk", model=Counting(), rungs=("prompt", "few_shot"))
    rungs: list[Rung] = [row.rung for row in left_out.trial.rungs]
    assert rungs == ["prompt", "few_shot"]


def test_a_judge_decides_and_is_asked_once_an_answer(desk: KnowledgeConfig) -> None:
    def judging(messages: Sequence[BaseMessage]) -> AIMessage:
        passes = "returns" in messages[-1].text.rpartition("<answer")[2]
        return filled("AnswerGrade", reason="told", verdict="pass" if passes else "fail")

    judge = Counting(judging)
    settings = {"model": Counting(), "judge": judge, "rungs": ("prompt",), "metric": "judge"}
    assert run(desk, cases(8), **settings).trial.rungs[0].score == 0.5
    asked = judge.calls
    assert asked == 8
    assert run(desk, cases(8), **settings).trial.rungs[0].score == 0.5
    assert judge.calls == asked


def test_a_judge_that_fails_leaves_no_trial(desk: KnowledgeConfig) -> None:
    def flaky(messages: Sequence[BaseMessage]) -> Any:
        bad = "chair" in messages[-1].text
        return "no form" if bad else filled("AnswerGrade", reason="told", verdict="pass")

    with pytest.raises(EndpointError, match="failed on 2 of 8 answers"):
        run(desk, cases(8), model=Counting(), judge=Counting(flaky), rungs=("prompt",))


def test_a_broken_schema_is_asked_for_once_more_as_in_production(tmp_path: Path) -> None:
    desk = write_desk(tmp_path)
    (tmp_path / "schema.json").write_text(json.dumps({"enum": ["returns", "shipping"]}))
    triage = desk.examples["triage"].model_copy(update={"output_schema": "schema.json"})
    desk = desk.model_copy(update={"examples": {"triage": triage}}).at(tmp_path)

    def mending(messages: Sequence[BaseMessage]) -> str:
        again = messages[-2].text == "no json"
        return '"returns"' if again else "no json"

    model = Counting(mending)
    made = cases(4)
    quoted = [replace(case, expected=(json.dumps(case.expected[0]),)) for case in made.cases]
    measured = run(desk, CaseSet(cases=tuple(quoted)), model=model, rungs=("prompt",))
    assert model.calls == 8
    row = measured.trial.rungs[0]
    assert (measured.trial.metric, row.score) == ("json_schema", 0.5)
    assert row.metrics["json_valid"] == 1


def test_an_endpoint_that_never_keeps_to_its_form_answers_nothing_as_in_production(
    tmp_path: Path,
) -> None:
    desk = write_desk(tmp_path)
    (tmp_path / "schema.json").write_text(json.dumps({"enum": ["returns", "shipping"]}))
    triage = desk.examples["triage"].model_copy(update={"output_schema": "schema.json"})
    desk = desk.model_copy(update={"examples": {"triage": triage}}).at(tmp_path)
    tuned = Counting(lambda _: "no json")
    settings = {"model": Counting(), "endpoint": tuned, "rungs": ("prompt", "fine_tuned")}
    for _ in range(2):  # what was paid for is not asked again, and is told alike
        measured = run(desk, cases(8), "tuned-desk", **settings)
        row = measured.trial.rungs[-1]
        assert (row.score, row.n, row.errors, row.unusable, tuned.calls) == (0, 8, 0, 8, 16)
        assert row.tokens_out
        assert "output_schema" in measured.outcomes[0].errors["fine_tuned"]
    assert measured.trial.rungs[0].errors == 0  # below the model itself nobody would answer


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"rungs": ("few-shot",)}, "did you mean 'few_shot'"),
        ({"rungs": ("retrieval",)}, "only prompt, few_shot"),
        ({"example_set": "triag"}, "did you mean 'triage'"),
        ({"metric": "f1"}, "give one of: auto, exact"),
        ({"metric": "judge"}, "add --judge"),
        ({"metric": "regex", "model": None}, "is no regular expression"),
        ({"target": 90}, "from 0 to 1"),
        ({"concurrency": 0}, "at least 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    desk: KnowledgeConfig, settings: dict[str, Any], told: str
) -> None:
    made = cases(4)
    broken = [replace(case, expected=("(",)) for case in made.cases]
    with pytest.raises(InputError, match=told.replace("(", r"\(")):
        run(desk, CaseSet(cases=tuple(broken)), **settings)


def test_the_packaged_model_is_no_judge(desk: KnowledgeConfig) -> None:
    with pytest.raises(ConfigError, match="--judge 'extractive'"):
        run(desk, cases(4), judge="extractive")
    with pytest.raises(ConfigError, match=r"^--judge: 'nobody:x'"):
        run(desk, cases(4), judge="nobody:x")
