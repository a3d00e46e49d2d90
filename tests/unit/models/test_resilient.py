"""Endpoints that fail in every way that a server can, on real connections."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
import time
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Literal

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, SecretStr

from agent_knowledge.config import EndpointConfig
from agent_knowledge.errors import BrokenStreamError, EndpointError
from agent_knowledge.limits import ANSWER_CHARACTERS, HELD_PIECES
from agent_knowledge.models.breaker import Breaker
from agent_knowledge.models.called import Called, Limits
from agent_knowledge.models.endpoint import open_endpoint
from agent_knowledge.models.resilient import ResilientChatModel
from tests.loopback import DONE, STREAM, Loopback, failing, head, loopback, piece, streamed, whole
from tests.scripted import ScriptedModel

WAYS = ["invoke", "ainvoke", "stream", "astream"]
STREAMS = ["stream", "astream"]
TRICKLE = 0.02


def opened(server: Loopback, **keys: Any) -> ResilientChatModel:
    given = {"model": "m", "base_url": server.url, "serves": "triage", "timeout_s": 20, **keys}
    return open_endpoint(EndpointConfig.model_validate(given), "endpoints.triage-ft")


def ask(model: ResilientChatModel, way: str, told: list[str] | None = None) -> str:
    """Ask in one of four ways; `told` takes what was said, also before a break."""
    told = [] if told is None else told

    async def gather() -> None:
        async for part in model.astream("hi"):
            told.append(part.text)

    if way == "invoke":
        told.append(model.invoke("hi").text)
    elif way == "ainvoke":
        told.append(asyncio.run(model.ainvoke("hi")).text)
    elif way == "stream":
        told.extend(part.text for part in model.stream("hi"))
    else:
        asyncio.run(gather())
    return "".join(told)


def answer(way: str, *texts: str) -> list[bytes]:
    return streamed(*texts) if way in STREAMS else whole("".join(texts))


def trickling(*first: bytes, drop: bytes = b" ") -> Iterator[bytes | float]:
    """A server that never comes to an end, and never falls silent."""
    yield from first
    for _ in itertools.count():
        yield drop
        yield TRICKLE


@pytest.mark.parametrize("way", WAYS)
class TestRepeatedCalls:
    def test_a_passing_failure_is_repeated(self, way: str):
        with loopback(failing(503), answer(way, "billing")) as server:
            assert ask(opened(server), way) == "billing"
        assert len(server.asked) == 2

    def test_no_layer_multiplies_them(self, way: str):
        with (
            loopback(failing(500)) as server,
            pytest.raises(EndpointError, match=r"status 500, 2 calls"),
        ):
            ask(opened(server, retries=1), way)
        assert len(server.asked) == 2

    def test_none_is_made_where_none_are_wanted(self, way: str):
        with (
            loopback(failing(500)) as server,
            pytest.raises(EndpointError, match=r"'triage-ft'.*status 500\)"),
        ):
            ask(opened(server, retries=0), way)
        assert len(server.asked) == 1

    @pytest.mark.parametrize(
        ("status", "says"),
        [(400, "status 400"), (401, r"triage-ft\.api_key"), (404, r"triage-ft\.model")],
    )
    def test_a_fault_of_ours_is_not_repeated_and_opens_no_breaker(
        self, way: str, status: int, says: str
    ):
        with loopback(failing(status)) as server:
            model = opened(server, breaker={"failures": 1})
            for _ in range(2):
                with pytest.raises(EndpointError, match=says):
                    ask(model, way)
        assert len(server.asked) == 2

    def test_a_connection_that_is_refused_is_said(self, way: str):
        with loopback() as server:
            pass
        with pytest.raises(EndpointError, match=r"Connection\w*Error, 2 calls.*URL"):
            ask(opened(server), way)

    def test_a_connection_that_closes_before_an_answer_is_repeated(self, way: str):
        with loopback([], answer(way, "billing")) as server:
            assert ask(opened(server), way) == "billing"

    def test_no_word_of_the_provider_is_told(self, way: str):
        with loopback(failing(500)) as server, pytest.raises(EndpointError) as caught:
            ask(opened(server, retries=0), way)
        assert "sk-secret" not in "".join(traceback.format_exception(caught.value))


def test_a_server_is_left_alone_for_as_long_as_it_asks():
    with loopback(failing(429, retry_after="0.4"), whole("billing")) as server:
        assert ask(opened(server), "invoke") == "billing"
    assert 0.4 <= server.at[1] - server.at[0] < 1.5


@pytest.mark.parametrize("way", WAYS)
def test_a_wait_beyond_the_budget_is_given_up_at_once(way: str):
    with loopback(failing(429, retry_after="60"), answer(way, "billing")) as server:
        began = time.monotonic()
        with pytest.raises(EndpointError, match="left alone for 60 s"):
            ask(opened(server, budget_s=5), way)
        assert time.monotonic() - began < 2
    assert len(server.asked) == 1


@pytest.mark.parametrize("way", WAYS)
class TestTime:
    @pytest.mark.parametrize(
        "first",
        [
            pytest.param([head()], id="in the body"),
            pytest.param([b"HTTP/1.1 200 OK\r\nX: "], id="in the head"),
            pytest.param([STREAM, b": "], id="in comments of a stream"),
        ],
    )
    def test_a_server_that_trickles_is_stopped_by_the_budget(self, way: str, first: list[bytes]):
        with loopback(trickling(*first)) as server:
            began = time.monotonic()
            with pytest.raises(EndpointError, match=r"time-out.*timeout_s"):
                ask(opened(server, budget_s=0.2, retries=0), way)
            assert time.monotonic() - began < 1.5
            assert server.hung_up.acquire(timeout=1), "the connection stays open"

    def test_one_call_that_hangs_leaves_time_for_the_next(self, way: str):
        with loopback(trickling(head()), answer(way, "billing")) as server:
            assert ask(opened(server, timeout_s=0.4), way) == "billing"
        assert len(server.asked) == 2


@pytest.mark.parametrize("way", STREAMS)
class TestStreams:
    @pytest.mark.parametrize(
        "script",
        [
            pytest.param([], id="closed"),
            pytest.param([b": and more is announced than comes"], id="cut in a comment"),
            pytest.param([piece(" never")[:40]], id="cut in a piece"),
            pytest.param([DONE], id="done without a finish_reason"),
            pytest.param(
                [b'data: {"error": {"message": "sk-secret", "code": 503}}\n\n'], id="error"
            ),
        ],
    )
    def test_one_that_breaks_off_is_never_whole_nor_repeated(self, way: str, script: list[bytes]):
        told: list[str] = []
        with (
            loopback([STREAM, piece("thirty"), *script], streamed("ninety days")) as server,
            pytest.raises(BrokenStreamError, match="after part of its answer") as caught,
        ):
            ask(opened(server), way, told)
        assert "".join(told) == "thirty"
        assert len(server.asked) == 1
        assert "sk-secret" not in "".join(traceback.format_exception(caught.value))

    def test_one_that_breaks_before_its_first_piece_is_repeated(self, way: str):
        with loopback([STREAM, piece("")], streamed("thirty ", "days")) as server:
            assert ask(opened(server), way) == "thirty days"
        assert len(server.asked) == 2

    def test_one_that_stalls_midway_ends_in_time(self, way: str):
        with loopback(trickling(STREAM, piece("thirty"), drop=b": ping\n\n")) as server:
            began = time.monotonic()
            with pytest.raises(BrokenStreamError, match="time-out"):
                ask(opened(server, timeout_s=0.2), way)
            assert time.monotonic() - began < 1.5
            assert server.hung_up.acquire(timeout=1)

    def test_a_finish_reason_without_done_is_whole(self, way: str):
        with loopback([STREAM, piece("thirty"), piece(None, "stop")]) as server:
            assert ask(opened(server), way) == "thirty"

    def test_pieces_come_as_they_are_made(self, way: str):
        gate = threading.Event()

        def script() -> Iterator[bytes | float]:
            yield STREAM + piece("thirty")
            gate.wait(2)
            yield piece(" days", "stop") + DONE

        class Opening(list[str]):
            def append(self, part: str, /) -> None:
                super().append(part)
                gate.set()

            def extend(self, parts: Any, /) -> None:
                for part in parts:
                    self.append(part)

        with loopback(script()) as server:
            began = time.monotonic()
            assert ask(opened(server), way, Opening()) == "thirty days"
            assert time.monotonic() - began < 1, "the first piece waited for the second"


def test_leaving_a_stream_closes_it_and_is_no_failure():
    with loopback(trickling(STREAM, piece("thirty"), drop=b": ping\n\n"), whole("ok")) as server:
        model = opened(server, breaker={"failures": 1})
        stream = model.stream("hi")
        assert next(stream).text == "thirty"
        stream.close()  # pyright: ignore[reportAttributeAccessIssue]
        assert server.hung_up.acquire(timeout=1)
        assert ask(model, "invoke") == "ok"


async def test_a_cancelled_wait_closes_the_connection_and_is_no_failure():
    with loopback(trickling(head()), whole("ok")) as server:
        model = opened(server, breaker={"failures": 1})
        asked = asyncio.create_task(model.ainvoke("hi"))
        while not server.asked:
            await asyncio.sleep(0.01)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert await asyncio.to_thread(server.hung_up.acquire, timeout=1)
        assert (await model.ainvoke("hi")).text == "ok"


@pytest.mark.parametrize("way", WAYS)
class TestBreaker:
    def test_an_endpoint_that_keeps_failing_is_left_alone(self, way: str):
        with loopback(failing(500)) as server:
            model = opened(server, retries=0, breaker={"failures": 2, "reset_s": 40})
            for _ in range(2):
                with pytest.raises(EndpointError, match="status 500"):
                    ask(model, way)
            with pytest.raises(EndpointError, match=r"after 2 failed tasks.*next try is in 40 s"):
                ask(model, way)
        assert len(server.asked) == 2

    def test_it_is_tried_again_and_serves(self, way: str):
        with loopback(failing(500), answer(way, "billing")) as server:
            model = opened(server, retries=0, breaker={"failures": 1, "reset_s": 0.1})
            with pytest.raises(EndpointError):
                ask(model, way)
            time.sleep(0.12)
            assert [ask(model, way) for _ in range(2)] == ["billing", "billing"]

    def test_an_empty_answer_counts(self, way: str):
        with loopback(answer(way, " ")) as server:
            model = opened(server, breaker={"failures": 1})
            with pytest.raises(EndpointError, match="empty answer"):
                ask(model, way)
            with pytest.raises(EndpointError, match="left alone"):
                ask(model, way)
        assert len(server.asked) == 1


def test_a_repeated_call_that_succeeds_is_no_failed_task():
    with loopback(failing(500), whole("ok"), failing(500), whole("ok")) as server:
        model = opened(server, breaker={"failures": 1})
        assert [ask(model, "invoke") for _ in range(2)] == ["ok", "ok"]


def test_all_who_open_one_endpoint_share_its_breaker():
    with loopback(failing(500)) as server:
        keys: dict[str, Any] = {"retries": 0, "breaker": {"failures": 1}}
        with pytest.raises(EndpointError, match="status 500"):
            ask(opened(server, **keys), "invoke")
        with pytest.raises(EndpointError, match="left alone"):
            ask(opened(server, **keys), "ainvoke")
        with pytest.raises(EndpointError, match="status 500"):
            ask(opened(server, api_key="another", **keys), "invoke")


def together(count: int, work: Callable[[], str]) -> list[str]:
    """What each of many threads got, or the error that it met."""
    start, got = threading.Barrier(count), list[str]()

    def run() -> None:
        start.wait()
        try:
            got.append(work())
        except EndpointError as error:
            got.append(str(error))

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


def test_of_many_tasks_one_tries_an_endpoint_that_failed():
    with loopback(failing(500), [0.4, *whole("billing")]) as server:
        model = opened(server, retries=0, breaker={"failures": 1, "reset_s": 0.1})
        with pytest.raises(EndpointError):
            ask(model, "invoke")
        time.sleep(0.12)
        got = together(8, lambda: ask(model, "invoke"))
        assert got.count("billing") == 1
        assert sum("under way, with another task" in said for said in got) == 7
        assert len(server.asked) == 2


def test_tasks_do_not_wait_for_each_other():
    with loopback([0.3, *whole("billing")]) as server:
        model = opened(server)
        began = time.monotonic()
        assert together(8, lambda: ask(model, "invoke")) == ["billing"] * 8
        assert time.monotonic() - began < 1.8


def test_event_loops_and_threads_take_turns_on_one_open_connection():
    """A client keeps connections open; they must not belong to a loop that has ended."""
    _, reply = whole("billing")
    kept = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(reply)}\r\n"
    with loopback([kept.encode() + b"\r\n" + reply], keep_alive=True) as server:
        model = opened(server)
        ways = ["ainvoke", "ainvoke", "invoke", "ainvoke"]
        assert [ask(model, way) for way in ways] == ["billing"] * 4
        assert server.connections == 1


def test_tools_reach_the_server_in_its_own_form():
    @tool
    def clock() -> str:
        """Tell the time."""
        return "noon"

    with loopback(whole("noon")) as server:
        opened(server).bind_tools([clock], tool_choice="clock").invoke("hi")
    assert server.asked[0]["tools"][0]["function"]["name"] == "clock"
    assert server.asked[0]["tool_choice"]["function"]["name"] == "clock"


def test_what_it_took_is_told():
    with loopback(whole("billing")) as server:
        usage = opened(server).invoke("hi").usage_metadata
    assert usage is not None
    assert (usage["input_tokens"], usage["output_tokens"]) == (7, 2)


class Slow(ScriptedModel):
    """Knows no async, and takes its time."""

    def _generate(self, *args: Any, **kwargs: Any) -> Any:
        time.sleep(1)
        return super()._generate(*args, **kwargs)


def around(inner: BaseChatModel, **limits: Any) -> ResilientChatModel:
    told = Limits(**{"timeout_s": 20, "budget_s": 20, "retries": 0, **limits})
    called = Called(kind="endpoint", name="x", key="endpoints.x")
    return ResilientChatModel.around(inner, called=called, limits=told, breaker=Breaker(5, 30))


@pytest.mark.parametrize("way", WAYS)
def test_a_model_without_async_or_streams_serves_and_ends_in_time(way: str):
    assert ask(around(ScriptedModel(replies=["billing"])), way) == "billing"
    began = time.monotonic()
    with pytest.raises(EndpointError, match="time-out"):
        ask(around(Slow(replies=["billing"]), budget_s=0.1), way)
    assert time.monotonic() - began < 0.9


class Chatty(ScriptedModel):
    """Streams pieces of a thousand characters, more than anybody asked for."""

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        for _ in range(self.replies[0]):
            yield ChatGenerationChunk(message=AIMessageChunk("x" * 1000))


@pytest.mark.parametrize("way", WAYS)
def test_whoever_gives_it_an_answer_has_a_longest_length(way: str):
    most = ANSWER_CHARACTERS // 1000
    if way in STREAMS:
        right, wrong = Chatty(replies=[most]), Chatty(replies=[most + 1])
    else:
        right, wrong = (ScriptedModel(replies=["x" * 1000 * pieces]) for pieces in (most, most + 1))
    assert len(ask(around(right), way)) == ANSWER_CHARACTERS
    with pytest.raises(EndpointError, match="longer than 1,000,000 characters"):
        ask(around(wrong), way)


class Thinking(ScriptedModel):
    """Streams the same thought again and again before it says something."""

    async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        thought, times = self.replies
        piece = ChatGenerationChunk(message=AIMessageChunk(thought))
        for _ in range(times):
            yield piece
        yield ChatGenerationChunk(message=AIMessageChunk("thirty"))


THOUGHT = [{"type": "reasoning", "reasoning": "hm"}]


def test_thoughts_before_an_answer_are_held_and_not_without_end():
    assert ask(around(Thinking(replies=[THOUGHT, 20])), "stream") == "thirty"
    with pytest.raises(EndpointError, match="says nothing in 32,768 pieces"):
        ask(around(Thinking(replies=[THOUGHT, HELD_PIECES + 1])), "stream")


def test_pieces_that_hold_nothing_are_not_held():
    assert ask(around(Thinking(replies=["", HELD_PIECES + 1])), "stream") == "thirty"


class Form(BaseModel):
    """A form to fill in."""

    need: Literal["direct", "retrieval"]


def test_a_form_is_asked_for_in_the_models_own_way_and_within_the_limits():
    told = whole('{"need": "direct"}')
    with loopback(told, whole('{"need": "magic"}'), trickling(head())) as server:
        model = opened(server, timeout_s=0.5, retries=0)
        asked = model.with_structured_output(Form)
        assert asked.invoke("hi") == Form(need="direct")
        for what in ("in another form than asked for", "time-out"):
            with pytest.raises(EndpointError, match=what):
                asked.invoke("hi")
    assert server.asked[0]["response_format"]["json_schema"]["name"] == "Form"


@pytest.mark.parametrize("way", STREAMS)
def test_the_other_protocol_of_openai_says_in_its_own_way_that_a_stream_is_whole(way: str):
    row = {
        "id": "r",
        "object": "response",
        "created_at": 0,
        "model": "m",
        "output": [],
        "parallel_tool_calls": False,
        "tool_choice": "auto",
        "tools": [],
        "status": "completed",
    }
    place = {"item_id": "i", "output_index": 0, "content_index": 0, "sequence_number": 1}
    delta = {"type": "response.output_text.delta", "delta": "thirty", "logprobs": [], **place}
    end = {"type": "response.completed", "response": row, "sequence_number": 2}
    said, done = (f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in (delta, end))
    with loopback([STREAM, said, done], [STREAM, said]) as server:
        inner = ChatOpenAI(
            model="m", base_url=server.url, api_key=SecretStr("x"), use_responses_api=True
        )
        model = around(inner)
        assert ask(model, way) == "thirty"
        with pytest.raises(BrokenStreamError):
            ask(model, way)
