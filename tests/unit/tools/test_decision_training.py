"""Fitting the decision, to agents whose measurements are made up, and the figures of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agent_knowledge.routing.measuring import TaskFeatures, signals_of
from agent_knowledge.routing.need import load_fits
from agent_knowledge.routing.text_heads import TextReading
from agent_knowledge.types import NEEDS, Need, Signals, Strategy, Task
from agent_knowledge.types.search import Query
from tools.data.agents import Kind, LabelledTask, read_agents
from tools.train import decision, folds
from tools.train.decision_data import MeasuredTask, left_out_fits
from tools.train.decision_fit import fit_all

KIND_OF: dict[Need, Kind] = {
    "direct": "general",
    "retrieval": "covered",
    "few_shot": "instance-bare",
}
AGENTS = ("clinic", "harbour", "library", "museum", "orchard", "theatre", "tower", "zoo")
NOTHING = np.zeros(4, dtype=np.float32)


def labelled(name: str, expected: Need, *also: Strategy, kind: Kind | None = None) -> LabelledTask:
    return LabelledTask(
        id=name,
        kind=kind or KIND_OF[expected],
        task=Task(name),
        expected=expected,
        also=also,
        example_set="desk" if expected == "few_shot" else None,
    )


def measured(agent: str, place: int, chance: np.random.Generator) -> MeasuredTask:
    """A task whose text says nothing, of an agent whose knowledge tells."""
    need = NEEDS[place % len(NEEDS)]
    one = labelled(f"{agent}-{place}", need)
    unknown = dict.fromkeys(NEEDS, 1 / len(NEEDS))
    text = TextReading(need=unknown, agent=unknown, fresh=0.1, multi_hop=0.1, kind=NOTHING)

    def around(center: float) -> float:
        return float(chance.normal(center, 0.1))

    return MeasuredTask(
        agent=agent,
        labelled=one,
        measured=TaskFeatures(
            task=one.task,
            rewriting=None,
            meant=one.task,
            query=Query(text=one.task.text, vector=NOTHING),
            text=text,
            alone=None,
            views=(),
            results={},
            sources={
                "guide": {
                    "cosine": around(0.7 if need == "retrieval" else 0.3),
                    "terms": around(0.5),
                }
            },
            sets={"desk": {"kind": around(0.8 if need == "few_shot" else 0.2), "form": around(0)}},
        ),
        covers={"guide": need == "retrieval"},
    )


@pytest.fixture
def tasks() -> list[MeasuredTask]:
    chance = np.random.default_rng(7)
    return [measured(agent, place, chance) for agent in AGENTS for place in range(30)]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(folds, "CACHE", tmp_path)
    return tmp_path


def weighed(expected: Need, likely: tuple[float, float, float], *also: Strategy):
    """A task, and what each need was found likely to be, in the order of `NEEDS`."""
    task = measured("clinic", NEEDS.index(expected), np.random.default_rng(0))
    one = labelled("x", expected, *also)
    signals = Signals(need=dict.fromkeys(NEEDS, 0.0), likely=dict(zip(NEEDS, likely, strict=True)))
    return MeasuredTask(agent=task.agent, labelled=one, measured=task.measured, covers={}), signals


def test_agents_that_no_fit_has_seen_are_judged_by_what_the_others_showed(
    tasks: list[MeasuredTask], cache: Path
):
    signals = dict(decision.judge_left_out(tasks, {}, AGENTS))
    of = {
        name: decision.figures_of(rows) for name, rows in decision.by_agent(tasks, signals).items()
    }
    assert set(of) == {*AGENTS, "all"}
    for figures in of.values():
        assert figures["accuracy"] > 0.9  # by chance 0.33
        assert figures["ece"] < 0.15
    assert of["all"]["cost"] < 0.2


def test_agents_for_testing_are_judged_by_the_others_and_fitted_to_by_none(
    tasks: list[MeasuredTask], cache: Path
):
    held, known = AGENTS[0], AGENTS[1:]
    with_it = dict(decision.judge_left_out(tasks, {}, known))
    without = dict(decision.judge_left_out([t for t in tasks if t.agent != held], {}, known))
    assert without.items() < with_it.items()
    assert len(with_it) == len(tasks)


def test_what_was_fitted_without_an_agent_is_kept_for_the_benches(
    tasks: list[MeasuredTask], cache: Path
):
    signals = dict(decision.judge_left_out(tasks, {"asks True": 0.25}, AGENTS))
    for agent in AGENTS:
        fits = load_fits("minilm", left_out_fits(agent))
        assert fits.background == {"asks True": 0.25}
        one = next(task for task in tasks if task.agent == agent)
        assert signals_of(one.measured, fits) == signals[one.labelled.id]


def test_what_tells_is_weighed_and_what_does_not_is_not(tasks: list[MeasuredTask]):
    fitted = fit_all(tasks, {})
    pattern = fitted.minilm.pattern
    assert pattern.weights["kind"] > 5 * abs(pattern.weights["form"])
    to_retrieval, to_few_shot = (
        fitted.minilm.decision.retrieval.weights,
        fitted.minilm.decision.few_shot.weights,
    )
    assert to_retrieval["coverage"] > 0
    assert to_few_shot["pattern"] > 0
    # In another embedding space a cosine means something else.
    assert "cosine" not in fitted.any_space.coverage.weights


def test_a_label_that_is_accepted_as_well_is_right_and_costs_nothing():
    figures = decision.figures_of(
        [
            weighed("retrieval", (0.1, 0.2, 0.7), "few_shot"),
            weighed("retrieval", (0.0, 1.0, 0.0)),
            weighed("direct", (0.6, 0.3, 0.1)),
        ]
    )
    assert (figures["accuracy"], figures["macro_f1"], figures["cost"]) == (1.0, 1.0, 0.0)
    assert figures["ece"] == pytest.approx((0.3 + 0.4 + 0.0) / 3, abs=1e-3)
    assert (figures["covered"], figures["general"]) == (1.0, 1.0)
    assert "gap" not in figures  # none was judged


@pytest.mark.parametrize(
    ("expected", "likely", "cost"),
    [
        ("retrieval", (0.9, 0.1, 0.0), 5.0),  # a covered question that is not looked up
        ("direct", (0.0, 0.0, 1.0), 2.0),  # examples that mislead
        ("direct", (0.2, 0.8, 0.0), 1.0),  # a look-up for nothing
    ],
)
def test_what_a_wrong_choice_costs_rests_on_what_it_was(
    expected: Need, likely: tuple[float, float, float], cost: float
):
    figures = decision.figures_of([weighed(expected, likely)])
    assert (figures["accuracy"], figures["cost"]) == (0.0, cost)


def test_what_is_less_likely_than_the_threshold_is_looked_up():
    rows = [weighed("retrieval", (0.5, 0.4, 0.1)), weighed("direct", (0.8, 0.1, 0.1))]
    assert decision.figures_of(rows)["accuracy"] == 0.5
    above = decision.figures_of(rows, threshold=0.6)
    assert above["accuracy"] == 1.0
    assert above["ece"] == pytest.approx((0.6 + 0.2) / 2, abs=1e-3)


def test_an_agent_stays_in_its_fold_whichever_others_there_are():
    of = {agent.name: folds.fold_of(agent.name) for agent in read_agents(folds.OWN_AGENTS)}
    assert set(of.values()) == set(range(folds.FOLDS))
    # Nets that are kept on a machine were tuned without these: other folds would ask for new nets.
    assert {name: of[name] for name in ("click", "hotel", "vetclinic")} == {
        "click": 1,
        "hotel": 0,
        "vetclinic": 1,
    }
