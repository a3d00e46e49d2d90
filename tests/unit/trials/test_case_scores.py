"""Scoring what rungs replied, with real passages."""

from __future__ import annotations

from typing import Any

import pytest

from agent_knowledge import KnowledgeConfig, load_router
from agent_knowledge.trials.cases import CaseSet, TrialCase
from agent_knowledge.trials.evaluate import TrialResult, measure
from agent_knowledge.trials.scoring import expect_labels
from agent_knowledge.trials.setup import TrialSettings, set_up
from agent_knowledge.types import Task
from tests.unit.fakes import Examples, unit
from tests.unit.trials.desk import Counting

ASKED = "How long is the return window?"


def answered(shop: KnowledgeConfig, text: str, case: TrialCase, **more: Any) -> TrialResult:
    """The retrieval rung of the shop's desk, whose model says `text`."""
    settings = TrialSettings(
        model=Counting(lambda _: text), rungs=("retrieval",), fresh=True, example_set=None, **more
    )
    return measure(set_up(shop, CaseSet(cases=(case,)), "desk", settings))


@pytest.fixture(scope="module")
def sentence(shop: KnowledgeConfig) -> str:
    """A sentence that the first passage says."""
    passage = load_router(shop, "desk").prepare_rung(ASKED, "retrieval").passages[0]
    return passage.text.split(". ")[0].rpartition("\n")[2].rstrip(".")


def test_citation_marks_are_no_part_of_what_is_said(shop: KnowledgeConfig, sentence: str) -> None:
    case = TrialCase(id="1", task=Task(ASKED), expected=(sentence,))
    found = answered(shop, f"{sentence} [1].", case, metric="exact")
    assert found.trial.rungs[0].score == 0  # the full stop is, though
    found = answered(shop, f"{sentence} [1].", case, metric="normalised")
    assert found.trial.rungs[0].score == 1


def test_support_is_the_share_of_claims_that_the_passages_say(
    shop: KnowledgeConfig, sentence: str
) -> None:
    case = TrialCase(id="1", task=Task(ASKED), expected=("x",))
    text = f"{sentence} [1]. Cheese is free in all shops [2]. So are the 77 dwarves [99]."
    row = answered(shop, text, case, metric="citations").trial.rungs[0]
    assert row.score == pytest.approx(1 / 3)
    row = answered(shop, "Thirty days.", case, metric="citations").trial.rungs[0]
    assert row.score == 0


def test_a_quotation_is_looked_up_in_the_store_as_in_production(shop: KnowledgeConfig) -> None:
    router = load_router(shop, "desk")
    passage = router.prepare_rung(ASKED, "retrieval").passages[0]
    stored = router.document_text(passage)
    assert stored is not None
    outside = stored[: passage.start].split() or stored[passage.end :].split()
    case = TrialCase(id="1", task=Task(ASKED), expected=("x",))
    text = f"It says “{' '.join(outside[:5])}” [1]."
    settings = TrialSettings(model=Counting(lambda _: text), rungs=("retrieval",), fresh=True)
    made = set_up(shop, CaseSet(cases=(case,)), "desk", settings)
    (reply,) = made.asker.ask_all(made.arms, made.cases.cases, 1)["retrieval"]
    assert reply.finished
    assert [q.verbatim for q in reply.finished.claims[0].quotations] == [True]


def test_recall_is_told_where_the_relevant_documents_are_known(shop: KnowledgeConfig) -> None:
    known = frozenset({"refunds-and-returns.md", "nowhere.md"})
    case = TrialCase(id="1", task=Task(ASKED), expected=("x",), relevant=known)
    assert answered(shop, "Thirty days.", case).trial.rungs[0].metrics["recall"] == 0.5


def test_the_metric_follows_from_the_cases(shop: KnowledgeConfig) -> None:
    case = TrialCase(id="1", task=Task(ASKED), expected=("thirty days after delivery",))
    found = answered(shop, "It is thirty days.", case).trial
    assert found.metric == "token_f1"
    assert found.rungs[0].score == pytest.approx(2 * 2 / (4 + 4))
    found = answered(shop, "It is 30 days.", case, metric="regex").trial
    assert found.rungs[0].score == 0


def test_macro_f1_may_be_the_metric(shop: KnowledgeConfig) -> None:
    made = [
        TrialCase(
            id=str(place), task=Task(f"{ASKED} {place}"), expected=("yes" if place % 4 else "no",)
        )
        for place in range(8)
    ]
    settings = TrialSettings(
        model=Counting(lambda _: "yes"), rungs=("prompt", "few_shot"), metric="macro_f1", fresh=True
    )
    trial = measure(set_up(shop, CaseSet(cases=tuple(made)), "desk", settings)).trial
    assert trial.rungs[0].score == pytest.approx((2 * 6 / 14) / 2)
    assert trial.comparisons[0].ci == (0, 0)


def test_labels_of_the_set_are_labels_though_few_cases_repeat_one() -> None:
    labels = [f"intent {number}" for number in range(20)]
    held = Examples.of(
        *((f"{label} {n}", label, unit(1, n + 1)) for label in labels for n in (0, 1))
    )
    cases = [TrialCase(id=label, task=Task("x"), expected=(label,)) for label in labels]
    assert expect_labels(cases, held)
    assert not expect_labels(cases)
    other = TrialCase(id="free", task=Task("x"), expected=("no intent of the set",))
    assert not expect_labels([*cases, other], held)
