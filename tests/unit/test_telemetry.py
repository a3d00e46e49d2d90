"""Spans and metrics by the conventions' names; no text leaves unless it is asked for."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agent_knowledge import Answerer, KnowledgeRouter
from agent_knowledge.errors import EndpointError
from agent_knowledge.langchain import KnowledgeMiddleware
from agent_knowledge.models.chat import Chat
from agent_knowledge.observing import add_observer
from agent_knowledge.telemetry import CAPTURE, instrument
from agent_knowledge.types.stages import Stage
from tests.scripted import ScriptedModel
from tests.small import QUESTION, SAID, small_router

WRONG = "The notice period for a flat is nine months [1]."


class Told:
    """All spans and metrics of a test, with nothing set for the process."""

    def __init__(self) -> None:
        self._spans, self._reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracers, self.meters = TracerProvider(), MeterProvider([self._reader])
        self.tracers.add_span_processor(SimpleSpanProcessor(self._spans))

    @property
    def spans(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self._spans.get_finished_spans()}

    @property
    def whole(self) -> str:
        return "\n".join(span.to_json() for span in self._spans.get_finished_spans())

    @property
    def metrics(self) -> dict[str, list[Any]]:
        data = self._reader.get_metrics_data()
        scopes = (
            [scope for one in data.resource_metrics for scope in one.scope_metrics] if data else []
        )
        found = [metric for scope in scopes for metric in scope.metrics]
        return {metric.name: list(metric.data.data_points) for metric in found}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    monkeypatch.delenv(CAPTURE, raising=False)
    made = Told()
    yield made
    made.tracers.shutdown()
    made.meters.shutdown()


@pytest.fixture
def router() -> KnowledgeRouter:
    return small_router()


def answer(router: KnowledgeRouter, *replies: str) -> None:
    Answerer(router, Chat(model=ScriptedModel(replies=list(replies)), name="scripted")).answer(
        QUESTION
    )


def traced(told: Told, **wish: Any) -> Any:
    return instrument(tracer_provider=told.tracers, meter_provider=told.meters, **wish)


def test_names_are_the_conventions(told: Told, router: KnowledgeRouter) -> None:
    end = traced(told)
    answer(router, SAID)
    end()
    spans = told.spans
    assert set(spans) == {"invoke_agent agent", "route agent", "retrieval handbook", "verify agent"}
    whole, retrieval = spans["invoke_agent agent"], spans["retrieval handbook"]
    assert whole.parent is None
    for name, span in spans.items():
        assert span.attributes
        assert span.attributes["gen_ai.agent.name"] == "agent"
        if span is not whole:
            assert span.parent
            assert span.parent.span_id == whole.context.span_id, name
    assert retrieval.attributes
    assert retrieval.attributes["gen_ai.operation.name"] == "retrieval"
    assert retrieval.attributes["gen_ai.data_source.id"] == "handbook"
    assert retrieval.attributes["gen_ai.retrieval.top_k"] == 5
    assert retrieval.kind.name == "CLIENT"
    assert whole.attributes
    assert whole.attributes["gen_ai.operation.name"] == "invoke_agent"
    assert whole.attributes["agent_knowledge.strategy"] == "retrieval"
    assert whole.attributes["gen_ai.response.model"] == "scripted"
    (event,) = spans["verify agent"].events
    assert event.name == "gen_ai.evaluation.result"
    assert event.attributes
    assert event.attributes["gen_ai.evaluation.score.label"] == "supported"
    assert 0.5 <= float(str(event.attributes["gen_ai.evaluation.score.value"])) <= 1


def test_a_model_without_a_name_has_no_empty_one(told: Told, router: KnowledgeRouter) -> None:
    end = traced(told)
    agent = create_agent(ScriptedModel(replies=[SAID]), middleware=[KnowledgeMiddleware(router)])
    agent.invoke({"messages": [HumanMessage(QUESTION)]})
    end()
    assert "gen_ai.response.model" not in (told.spans["verify agent"].attributes or {})


def test_decisions_and_claims_are_counted(told: Told, router: KnowledgeRouter) -> None:
    end = traced(told)
    answer(router, SAID)
    answer(router, WRONG)
    router.route(QUESTION)
    end()
    router.route(QUESTION)
    (decisions,) = told.metrics["agent_knowledge.decisions"]
    assert decisions.value == 3
    assert decisions.attributes["agent_knowledge.strategy"] == "retrieval"
    (taken,) = told.metrics["agent_knowledge.decision.duration"]
    assert taken.count == 3
    assert 0 < taken.sum < 60
    claims = {
        point.attributes["agent_knowledge.verdict"]: point.value
        for point in told.metrics["agent_knowledge.claims"]
    }
    assert claims["supported"] == 1
    assert sum(claims.values()) == 2
    (answered,) = told.metrics["gen_ai.invoke_agent.duration"]
    assert answered.count == 2


def test_no_text_leaves_unless_asked(told: Told, router: KnowledgeRouter) -> None:
    end = traced(told)
    answer(router, SAID)
    end()
    for word in ("notice", "period", "flat", "months"):
        assert word not in told.whole


@pytest.mark.parametrize("by", ["argument", "variable"])
def test_queries_are_told_where_that_is_asked(
    told: Told, router: KnowledgeRouter, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    if by == "variable":
        monkeypatch.setenv(CAPTURE, "True")
    end = traced(told, texts=by == "argument")
    answer(router, SAID)
    end()
    attributes = told.spans["retrieval handbook"].attributes or {}
    assert attributes["gen_ai.retrieval.query.text"] == QUESTION
    documents = json.loads(str(attributes["gen_ai.retrieval.documents"]))
    assert documents
    assert set(documents[0]) == {"id", "score"}
    assert "three months" not in json.dumps(dict(told.spans["verify agent"].attributes or {}))


def test_an_error_is_told_by_its_kind(told: Told, router: KnowledgeRouter) -> None:
    end = traced(told)
    with pytest.raises(EndpointError):
        answer(router, "")
    end()
    whole = told.spans["invoke_agent agent"]
    assert (whole.attributes or {})["error.type"] == "EndpointError"
    assert whole.status.status_code.name == "ERROR"
    assert QUESTION not in told.whole
    (answered,) = told.metrics["gen_ai.invoke_agent.duration"]
    assert answered.attributes["error.type"] == "EndpointError"


def test_pieces_are_one_span_and_the_takers_spans_are_no_part_of_it(
    told: Told, router: KnowledgeRouter
) -> None:
    end = traced(told)
    answerer = Answerer(router, Chat(model=ScriptedModel(replies=[SAID]), name="scripted"))
    tracer = told.tracers.get_tracer("taker")
    for _ in answerer.stream(QUESTION):
        with tracer.start_as_current_span("taken"):
            pass
    end()
    spans = told.spans
    assert spans["taken"].parent is None
    assert spans["verify agent"].parent
    assert spans["verify agent"].parent.span_id == spans["invoke_agent agent"].context.span_id


class Recording:
    """Remembers whether a span was recorded while a stage was under way."""

    def __init__(self) -> None:
        self.seen: set[bool] = set()

    @contextmanager
    def watch(self, stage: Stage) -> Generator[None]:
        yield
        self.seen.add(trace.get_current_span().is_recording())


def test_without_a_provider_nothing_is_recorded(told: Told, router: KnowledgeRouter) -> None:
    seen = Recording()
    for end in (instrument(), traced(told)):
        remove = add_observer(seen)
        answer(router, SAID)
        remove()
        end()
        assert seen.seen.pop() is bool(told.spans)
