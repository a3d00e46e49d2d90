"""How many examples to show: the fewest that are not proven worse than the best."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from langchain_core.messages import BaseMessage

from agent_knowledge.errors import InputError
from agent_knowledge.trials.setup import TrialSettings, set_up
from agent_knowledge.trials.tune_k import COUNTS, TunedK, tune_k
from tests.unit.trials.desk import Counting, by_examples, cases, right, write_desk


def tuned(
    folder: Path, model: Counting, count: int = 50, counts: Sequence[int] = (0, 1, 2)
) -> TunedK:
    setup = set_up(write_desk(folder), cases(count), "desk", TrialSettings(model=model))
    return tune_k(setup, counts=counts)


def wants_two(messages: Sequence[BaseMessage]) -> str:
    """The right queue where two examples are shown."""
    return right(messages) if len(messages) >= 5 else "returns"


def test_every_number_is_tried_in_both_orders_and_paid_for_once(tmp_path: Path) -> None:
    model = Counting(wants_two)
    found = tuned(tmp_path, model, count=2, counts=COUNTS)
    orders, selections = ("best_last", "best_first"), ("balanced", "weighted")
    assert [(row.way.k, row.way.order, row.way.selection) for row in found.variants] == [
        (0, "best_last", "balanced"),
        (1, "best_last", "balanced"),
        *((2, order, "balanced") for order in orders),
        *((k, order, chosen) for k in (4, 8, 16) for order in orders for chosen in selections),
    ]
    asked = model.calls
    assert asked <= 2 * len(found.variants)  # ways that come to the same prompt cost it once
    assert tuned(tmp_path, model, count=2, counts=COUNTS) == found
    assert model.calls == asked


@pytest.mark.slow
def test_the_fewest_that_do_as_well_are_chosen(tmp_path: Path) -> None:
    found = tuned(tmp_path, Counting(wants_two), counts=(0, 1, 2, 4))
    assert [row.result.score for row in found.variants] == [0.5, 0.5, 1, 1, 1, 1, 1, 1]
    assert found.variants[1].worse
    assert found.chosen is not None
    assert found.chosen.way.k == 2
    settings = "    k: 2\n    order: best_last\n    selection: balanced\n"
    assert found.yaml == f"examples:\n  triage:\n{settings}"
    assert "confirm it on others" in found.why


def test_the_order_reaches_the_prompt(tmp_path: Path) -> None:
    def wants_best_first(messages: Sequence[BaseMessage]) -> str:
        shown = [m.text for m in messages if m.name == "example_user"]
        nearest_first = len(shown) > 1 and _alike(shown[0], messages) > _alike(shown[-1], messages)
        return right(messages) if nearest_first else "neither"

    found = tuned(tmp_path, Counting(wants_best_first))
    assert found.best.way.order == "best_first"
    assert found.chosen is not None
    assert found.chosen.way.order == "best_first"


def test_examples_that_buy_nothing_are_left_out(tmp_path: Path) -> None:
    found = tuned(tmp_path, Counting())
    assert found.chosen is not None
    assert (found.chosen.way.k, found.yaml) == (0, "")
    assert "leave few-shot out" in found.why


def test_fewer_that_lie_further_behind_than_the_margin_are_not_chosen(tmp_path: Path) -> None:
    def misses_lamps(messages: Sequence[BaseMessage]) -> str:
        unshown = len(messages) == 1 and "send the lamp" in messages[-1].text
        return "neither" if unshown else right(messages)

    found = tuned(tmp_path, Counting(misses_lamps), counts=(0, 1))
    none, one = found.variants
    assert none.behind[0] < 0  # too few cases differ to prove anything
    assert (none.lag, none.worse) == (0.06, True)
    assert found.chosen is one


def test_where_much_failed_nothing_is_chosen(tmp_path: Path) -> None:
    def flaky(messages: Sequence[BaseMessage]) -> object:
        bad = len(messages) == 1 and "lamp" in messages[-1].text
        return OSError("500") if bad else right(messages)

    found = tuned(tmp_path, Counting(flaky), counts=(0, 1))
    assert (found.chosen, found.yaml) == (None, "")
    assert found.why.startswith("more than 2% of the cases failed")


def test_too_few_cases_choose_nothing(tmp_path: Path) -> None:
    found = tuned(tmp_path, Counting(by_examples), count=10)
    assert (found.chosen, found.yaml) == (None, "")
    assert found.why == "10 cases tell no winner; at least 50 would do"


def test_without_a_set_there_is_nothing_to_tune(tmp_path: Path) -> None:
    desk = write_desk(tmp_path, "  bare: {}\n")
    with pytest.raises(InputError, match="needs an example set"):
        tune_k(set_up(desk, cases(4), "bare", TrialSettings(model=Counting())))


def _alike(shown: str, messages: Sequence[BaseMessage]) -> int:
    return len(set(shown.split()) & set(messages[-1].text.split()))
