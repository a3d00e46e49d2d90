"""What a trial would cost, without calling anything."""

from __future__ import annotations

from pathlib import Path

from agent_knowledge.trials.evaluate import measure
from agent_knowledge.trials.forecast import forecast
from agent_knowledge.trials.setup import TrialSettings, set_up
from tests.unit.trials.desk import Counting, cases, write_desk


def test_calls_tokens_and_costs_are_told_and_nothing_is_called(tmp_path: Path) -> None:
    class ScriptedModel(Counting):
        """Under the name that has a price."""

    desk, model = write_desk(tmp_path), ScriptedModel()
    prompt, few_shot = forecast(desk, cases(8), "desk", TrialSettings(model=model))
    assert model.calls == 0
    assert (prompt.calls, prompt.kept) == (few_shot.calls, few_shot.kept) == (8, 0)
    assert few_shot.tokens_in > prompt.tokens_in > 0
    assert prompt.tokens_out == 8 * 2
    wanted = (few_shot.tokens_in * 1 + few_shot.tokens_out * 10) / 1e6
    assert few_shot.cost_usd == wanted


def test_what_was_answered_before_costs_nothing(tmp_path: Path) -> None:
    desk = write_desk(tmp_path)
    measure(set_up(desk, cases(6), "desk", TrialSettings(model=Counting(), rungs=("prompt",))))
    prompt, few_shot = forecast(desk, cases(8), "desk", TrialSettings(model=Counting()))
    assert (prompt.calls, prompt.kept) == (2, 6)
    assert (few_shot.calls, few_shot.kept) == (8, 0)
    anew = forecast(desk, cases(8), "desk", TrialSettings(model=Counting(), fresh=True))
    assert anew[0].calls == 8


def test_a_judge_has_a_row_of_its_own(tmp_path: Path) -> None:
    desk, judge = write_desk(tmp_path), Counting()
    rows = forecast(desk, cases(4), "desk", TrialSettings(model=Counting(), judge=judge))
    assert [row.rung for row in rows] == ["prompt", "few_shot", "judge"]
    assert (rows[-1].calls, rows[-1].cost_usd, judge.calls) == (8, None, 0)


def test_a_router_that_asks_a_model_is_kept_silent(tmp_path: Path) -> None:
    desk = write_desk(tmp_path)
    policy = desk.agents["desk"].policy.model_copy(update={"query_rewrite": "model"})
    agent = desk.agents["desk"].model_copy(update={"policy": policy})
    desk = desk.model_copy(update={"agents": {"desk": agent}}).at(tmp_path)
    model = Counting()
    assert forecast(desk, cases(4), "desk", TrialSettings(model=model))[0].calls == 4
    assert model.calls == 0
