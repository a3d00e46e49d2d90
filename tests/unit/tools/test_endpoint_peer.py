"""The bench's model peer, against a scripted server on the loopback address."""

from __future__ import annotations

import numpy as np
import pytest
from pytest_httpserver import HTTPServer

from agent_knowledge.types import Message, Task
from tests.unit.tools.conftest import Serve
from tools.bench.peers.endpoint import NOTHING, EndpointRouter
from tools.bench.routing_sets import TIMED, RoutingSet

TURNS = (Message("user", "we stay at the Pine Lodge"), Message("assistant", "a fine choice"))


def routing_set(*texts: str, classes: tuple[str, ...], history: tuple[Message, ...] = ()):
    return RoutingSet(
        name="scripted",
        tasks=tuple(Task(text, history=history) for text in texts),
        gold=("retrieval",) * len(texts),
        classes=classes,
        folds=(),
        holds="a FAQ about hotels",
    )


@pytest.fixture
def router(serve: Serve) -> EndpointRouter:
    """Asks a server that looks up what it says by the task's first word."""
    said = {
        "Who": '{"need": "retrieval", "confidence": 0.9}',
        "Hi": '{"need": "direct", "confidence": 0.8}',
        "Label": '{"need": "few_shot", "confidence": 0.7}',
        "Unsure": '{"need": "perhaps", "confidence": 2}',
        "Broken": "I would say retrieval.",
    }
    return EndpointRouter(
        serve(lambda asked: said[asked.rpartition("The newest task:\n")[2].split()[0]])
    )


def test_the_stated_need_and_confidence_are_taken(router: EndpointRouter):
    needs = routing_set(
        "Who won?", "Hi there", "Label this", classes=("direct", "few_shot", "retrieval")
    )
    verdict = router.judge(needs)
    assert verdict.named == ["retrieval", "direct", "few_shot"]
    assert np.allclose(verdict.confidence, [0.9, 0.8, 0.7])
    assert verdict.ms > 0


def test_where_a_set_tells_retrieval_alone_apart_the_other_needs_are_its_rest(
    router: EndpointRouter,
):
    verdict = router.judge(
        routing_set("Hi there", "Label this", "Who won?", classes=("rest", "retrieval"))
    )
    assert verdict.named == ["rest", "rest", "retrieval"]


def test_a_reply_of_another_form_is_wrong_and_does_not_end_the_bench(router: EndpointRouter):
    verdict = router.judge(
        routing_set("Unsure", "Broken", "Who won?", classes=("rest", "retrieval"))
    )
    assert verdict.named == [NOTHING, NOTHING, "retrieval"]
    assert verdict.confidence.tolist() == [0, 0, 0.9]


def test_tasks_beyond_those_timed_are_answered_in_their_own_places(router: EndpointRouter):
    texts = ["Who won?" if place % 3 else "Hi there" for place in range(TIMED + 5)]
    verdict = router.judge(routing_set(*texts, classes=("rest", "retrieval")))
    assert verdict.named == ["retrieval" if place % 3 else "rest" for place in range(TIMED + 5)]


def test_the_model_is_told_the_definitions_the_knowledge_and_the_conversation(
    router: EndpointRouter, httpserver: HTTPServer
):
    router.judge(routing_set("Who runs it?", classes=("rest", "retrieval"), history=TURNS))
    request = httpserver.log[0][0].get_json()
    system, user = (message["content"] for message in request["messages"])
    assert all(f"\n{need}: " in system for need in ("retrieval", "few_shot", "direct"))
    assert "a FAQ about hotels" in system
    assert user.index("we stay at the Pine Lodge") < user.index("Who runs it?")
    assert request["response_format"]["type"] == "json_schema"
    assert request["model"] == "scripted"
