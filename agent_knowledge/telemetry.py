"""Spans and metrics of the stages, for OpenTelemetry (extra `otel`).

Names are those of OpenTelemetry's conventions for generative AI, version 0.1.0, as far as those
have one, and `agent_knowledge.*` otherwise. The conventions are in development: the names stand
here, once, rather than in a package that may rename them. Only the API is used; where spans go is
the host's to say, and where it says nothing they go nowhere.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib import metadata

from agent_knowledge.errors import DISTRIBUTION, MissingExtraError, as_written
from agent_knowledge.observing import add_observer
from agent_knowledge.types import Decision
from agent_knowledge.types.answers import Answer
from agent_knowledge.types.stages import Stage, StageKind

try:
    from opentelemetry import metrics, trace
    from opentelemetry.util.types import AttributeValue
except ImportError as error:
    _MSG = f"telemetry needs OpenTelemetry's API: pip install '{DISTRIBUTION}[otel]'"
    raise MissingExtraError(_MSG) from error

CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""The conventions' own switch for texts in spans."""
_CAPTURING = frozenset({"true", "span_only", "span_and_event"})
_OPERATIONS: dict[StageKind, str] = {"retrieve": "retrieval", "answer": "invoke_agent"}
"""Stages that the conventions know; others are spans of ours."""
_Attributes = dict[str, AttributeValue]


def instrument(
    *,
    texts: bool = False,
    tracer_provider: trace.TracerProvider | None = None,
    meter_provider: metrics.MeterProvider | None = None,
) -> Callable[[], None]:
    """Have every router and answerer of this process traced and counted.

    Args:
        texts: Put what is searched for into spans, and which passages were found; else no text of
            anybody's leaves. The variable OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT turns
            it on too.
        tracer_provider: Where spans go; default: where the process has them go.
        meter_provider: Where metrics go; default as well.

    Returns:
        Ends it. Calling `instrument` twice has everything told twice until then.
    """
    version = metadata.version(DISTRIBUTION)
    tracer = trace.get_tracer("agent_knowledge", version, tracer_provider)
    meter = metrics.get_meter("agent_knowledge", version, meter_provider)
    texts = texts or os.environ.get(CAPTURE, "").strip().lower() in _CAPTURING
    return add_observer(Spans(tracer, meter, texts=texts))


class Spans:
    """A span for each stage, and the metrics of decisions and claims; an `Observer`."""

    def __init__(self, tracer: trace.Tracer, meter: metrics.Meter, *, texts: bool = False) -> None:
        """Say where spans and metrics are made, and whether they may hold texts."""
        self._tracer, self._texts = tracer, texts
        self._decisions = meter.create_counter(
            "agent_knowledge.decisions", "{decision}", "Decisions, by strategy"
        )
        self._decided = meter.create_histogram(
            "agent_knowledge.decision.duration", "s", "Time that a decision took"
        )
        self._answered = meter.create_histogram(
            "gen_ai.invoke_agent.duration", "s", "Time that a whole answer took"
        )
        self._claims = meter.create_counter(
            "agent_knowledge.claims", "{claim}", "Cited sentences of answers, by verdict"
        )

    @contextmanager
    def watch(self, stage: Stage) -> Generator[None]:
        """One span around a stage."""
        started = time.perf_counter()
        with self._tracer.start_as_current_span(
            _name(stage),
            kind=trace.SpanKind.CLIENT if stage.kind == "retrieve" else trace.SpanKind.INTERNAL,
            attributes=_known_at_start(stage, texts=self._texts),
        ) as span:
            yield
            span.set_attributes(_known_at_end(stage, texts=self._texts))
            if stage.error:
                span.set_attribute("error.type", stage.error)
                span.set_status(trace.StatusCode.ERROR, stage.error)
            if stage.kind == "verify" and stage.answer:
                _tell_claims(span, stage.answer)
        self._count(stage, time.perf_counter() - started)

    def _count(self, stage: Stage, took_s: float) -> None:
        """Add what ended to the metrics."""
        agent: _Attributes = {"gen_ai.agent.name": stage.agent}
        failed: _Attributes = {"error.type": stage.error} if stage.error else {}
        if stage.kind == "route" and stage.decision:
            self._decisions.add(1, {**agent, **_chosen(stage.decision)})
            self._decided.record(stage.decision.elapsed_ms / 1000, agent)
        elif stage.kind == "answer":
            self._answered.record(took_s, {**agent, **failed})
        elif stage.kind == "verify" and stage.answer:
            for claim in stage.answer.claims:
                self._claims.add(1, {**agent, "agent_knowledge.verdict": claim.verdict})


def _name(stage: Stage) -> str:
    """What it is and whose, as the conventions name spans."""
    about = ", ".join(stage.sources) if stage.kind == "retrieve" else stage.agent
    return f"{_OPERATIONS.get(stage.kind, stage.kind)} {about}".rstrip()


def _known_at_start(stage: Stage, *, texts: bool) -> _Attributes:
    found: _Attributes = {"gen_ai.agent.name": stage.agent}
    if operation := _OPERATIONS.get(stage.kind):
        found["gen_ai.operation.name"] = operation
    if stage.kind == "retrieve":
        found["gen_ai.data_source.id"] = ", ".join(stage.sources)
        found["gen_ai.retrieval.top_k"] = stage.k
        if texts:
            found["gen_ai.retrieval.query.text"] = stage.query
    return found


def _known_at_end(stage: Stage, *, texts: bool) -> _Attributes:
    found: _Attributes = _chosen(stage.decision) if stage.decision else {}
    if stage.decision:
        found["agent_knowledge.confidence"] = stage.decision.confidence
        found["agent_knowledge.decision.elapsed_ms"] = stage.decision.elapsed_ms
    if stage.kind == "retrieve":
        found["agent_knowledge.passages"] = len(stage.passages)
        if texts:
            documents = [{"id": one.id, "score": one.score} for one in stage.passages]
            found["gen_ai.retrieval.documents"] = json.dumps(documents)
    if stage.answer:
        answer = stage.answer
        if answer.model:  # a model of somebody else's may not say its name
            found["gen_ai.response.model"] = as_written(answer.model)
        found["agent_knowledge.claims"] = len(answer.claims)
        found["agent_knowledge.unsupported"] = sum(not one.supported for one in answer.claims)
        found["agent_knowledge.fallbacks"] = len(answer.fallbacks)
        found["agent_knowledge.flags"] = list(answer.flags)
    return found


def _chosen(decision: Decision) -> _Attributes:
    return {
        "agent_knowledge.strategy": decision.strategy,
        "agent_knowledge.gap": decision.gap,
        "agent_knowledge.unsure": decision.unsure,
    }


def _tell_claims(span: trace.Span, answer: Answer) -> None:
    """The verdict on each claim, without what it says."""
    for claim in answer.claims:
        verdict: _Attributes = {
            "gen_ai.evaluation.name": "citation_support",
            "gen_ai.evaluation.score.label": claim.verdict,
            "gen_ai.evaluation.score.value": claim.score,
        }
        span.add_event("gen_ai.evaluation.result", verdict)
