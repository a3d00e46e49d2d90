"""Our router in the bench, which asks a scripted server about what it is not sure of."""

from __future__ import annotations

import json
import sys
from typing import cast

import numpy as np
import pytest
from pytest_httpserver import HTTPServer

from agent_knowledge import KnowledgeConfig, load_router
from agent_knowledge.embedding.minilm import MiniLM
from agent_knowledge.types import NEEDS, Task
from tests.unit.tools.conftest import Serve
from tools.bench import routing
from tools.bench.peers.verdict import Verdict
from tools.bench.routing_asking import Asking, shares
from tools.bench.routing_ours import Ours
from tools.bench.routing_sets import Fold, RoutingSet
from tools.train.need_data import Tasks

CLEAR, OPEN, ALSO_OPEN = "Write a haiku about rain.", "Hm.", "How long is the return window?"
NO_ROWS = cast("Tasks", None)
"""Where no row is held out nothing is fitted, and no row of the need set is read."""


def routing_set(*texts: str, agent: str | None = None) -> RoutingSet:
    return RoutingSet(
        name="scripted",
        tasks=tuple(map(Task, texts)),
        gold=("direct",) * len(texts),
        classes=tuple(sorted(NEEDS)),
        folds=(Fold(train=np.zeros(0, np.bool_), held_out=False, judged=np.arange(len(texts))),),
        agent=agent,
    )


def saying(need: str) -> str:
    return json.dumps({"reason": "as it seems", "need": need})


def asked_about(httpserver: HTTPServer) -> str:
    return " ".join(request.get_json()["messages"][-1]["content"] for request, _ in httpserver.log)


def answer(verdict: Verdict, place: int) -> tuple[str, float]:
    return verdict.named[place], float(verdict.confidence[place])


@pytest.fixture
def made() -> Ours:
    return Ours(NO_ROWS, MiniLM())


@pytest.mark.parametrize("agent", [None, "writer"])
def test_only_what_is_less_sure_than_the_limit_is_asked_about(
    shop: KnowledgeConfig, serve: Serve, httpserver: HTTPServer, made: Ours, agent: str | None
):
    one = routing_set(CLEAR, OPEN, ALSO_OPEN, agent=agent)
    alone = (
        made.route(one, load_router(shop, agent), history=True) if agent else made.structure(one)
    )
    asking = Asking.opened(made, shop, serve(lambda _: saying("direct")), 0.6)
    assert alone.confidence[0] > asking.below > max(alone.confidence[1:])
    verdict = asking.decide(one)
    assert answer(verdict, 0) == answer(alone, 0)
    assert verdict.named[1:] == ["direct", "direct"]
    assert shares(one, verdict) == "67% asked"
    assert CLEAR not in asked_about(httpserver)
    assert verdict.ms > 0


def test_the_need_that_is_named_gains_ten_to_one_over_the_heads(serve: Serve, made: Ours):
    one = routing_set(OPEN)
    alone = made.structure(one)
    asking = Asking.opened(made, KnowledgeConfig(), serve(lambda _: saying("direct")), 1)
    odds = alone.confidence / (1 - alone.confidence)
    assert alone.named == ["direct"]
    assert np.allclose(asking.decide(one).confidence, 10 * odds / (1 + 10 * odds))


@pytest.mark.parametrize("agent", [None, "writer"])
def test_an_answer_of_another_form_changes_no_row_and_is_counted(
    shop: KnowledgeConfig, serve: Serve, made: Ours, agent: str | None
):
    one = routing_set(CLEAR, OPEN, agent=agent)
    alone = (
        made.route(one, load_router(shop, agent), history=True) if agent else made.structure(one)
    )
    verdict = Asking.opened(made, shop, serve(lambda _: "I would say direct."), 0.6).decide(one)
    assert verdict.named == alone.named
    assert verdict.confidence.tolist() == alone.confidence.tolist()
    assert shares(one, verdict) == "50% asked, 50% in vain"


def test_nobody_is_asked_where_all_is_sure_enough(
    shop: KnowledgeConfig, serve: Serve, httpserver: HTTPServer, made: Ours
):
    asking = Asking.opened(made, shop, serve(lambda _: saying("direct")), 0)
    for agent in (None, "desk"):
        one = routing_set(CLEAR, OPEN, agent=agent)
        assert shares(one, asking.decide(one)) == "0% asked"
    assert httpserver.log == []


@pytest.mark.parametrize("limit", ["1.5", "often", "nan"])
def test_a_limit_that_is_no_probability_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], limit: str
):
    monkeypatch.setattr(sys, "argv", ["routing", "--ask-below", limit])
    with pytest.raises(SystemExit):
        routing.main()
    assert f"{limit!r} is no number from 0 to 1" in capsys.readouterr().err
