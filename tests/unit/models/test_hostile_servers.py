"""Whatever a server does, a task ends within its budget: by the next rung or by a typed error."""

from __future__ import annotations

import asyncio
import itertools
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from agent_knowledge import Answer, Answerer, KnowledgeRouter, Task
from agent_knowledge.config import EndpointConfig, ModelsConfig
from agent_knowledge.errors import BrokenStreamError, EndpointError
from agent_knowledge.models.chat import Chat
from agent_knowledge.models.endpoint import open_endpoint, open_model
from tests.hostile_servers import ATTACKS, Attack, table
from tests.loopback import Loopback, loopback, whole
from tests.scripted import ScriptedModel

pytestmark = pytest.mark.slow

TRIAGE = 'Put this ticket into its queue: "Two identical payments showed up on my credit card."'
TASKS = {"endpoint": Task(TRIAGE), "model": Task("Write a haiku.", strategy="direct")}
WAYS = ("answer", "aanswer", "stream", "astream")
STREAMS = ("stream", "astream")
TIMES: dict[str, Any] = {"timeout_s": 0.3, "budget_s": 0.5, "retries": 1}
SLACK_S = 4.0
"""What a busy machine may add; every one of these servers goes on for much longer."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one task."""

    took_s: float
    text: str
    error: BaseException | None = None
    fallback: str = ""
    told: str = ""


def ask(answerer: Answerer, way: str, task: Task) -> Outcome:
    """Ask, and look at the clock."""
    told: list[str] = []
    last: list[Answer] = []

    async def gather() -> None:
        async for said in answerer.astream(task):
            last.append(said) if isinstance(said, Answer) else told.append(said)

    began, error = time.monotonic(), None
    try:
        if way == "answer":
            last.append(answerer.answer(task))
        elif way == "aanswer":
            last.append(asyncio.run(answerer.aanswer(task)))
        elif way == "astream":
            asyncio.run(gather())
        else:
            for said in answerer.stream(task):
                last.append(said) if isinstance(said, Answer) else told.append(said)
    except Exception as raised:  # noqa: BLE001 - whatever comes is looked at
        error = raised
    return Outcome(
        took_s=time.monotonic() - began,
        text=last[0].text if last else "",
        error=error,
        fallback="".join(last[0].fallbacks) if last else "",
        told="".join(told),
    )


def answerer(who: str, router: KnowledgeRouter, url: str) -> Answerer:
    """One whose endpoint, or whose model, is the server; below the endpoint stands a good model."""
    if who == "model":
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("OPENAI_BASE_URL", url)
            patch.setenv("OPENAI_API_KEY", "sk-x")
            config = ModelsConfig.model_validate(TIMES)
            return Answerer(router, Chat(model=open_model("openai:m", config=config), name="m"))
    config = EndpointConfig(model="m", base_url=SecretStr(url), serves="ticket-triage", **TIMES)
    endpoint = Chat(model=open_endpoint(config, "endpoints.triage-ft"), name="triage-ft")
    good = Chat(model=ScriptedModel(replies=["billing"]), name="good")
    return Answerer(router, good, endpoint=endpoint)


Key = tuple[str, str, str]


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Loopback]:
    """The server that others redirect to; nobody may ask it."""
    with loopback(whole("stolen")) as server:
        yield server


@pytest.fixture(scope="module")
def outcomes(support: KnowledgeRouter, elsewhere: Loopback) -> dict[Key, Outcome]:
    """Every attack on both, in every way, many at once."""
    support.route(TRIAGE)  # weights are loaded once
    with loopback(whole("hello")) as kind:  # and so are the libraries that ask
        for way in WAYS:
            ask(answerer("model", support, kind.url), way, TASKS["model"])

    def serving(attack: Attack) -> Loopback:
        served = loopback(lambda body: attack.script(bool(body.get("stream")), elsewhere.url))
        if attack.refuses:
            with served as gone:
                return gone
        return stack.enter_context(served)

    with ExitStack() as stack, ThreadPoolExecutor(8) as pool:
        work: dict[Key, Future[Outcome]] = {}
        for attack, who in itertools.product(ATTACKS, TASKS):
            asked = answerer(who, support, serving(attack).url)
            for way in WAYS:
                work[attack.name, who, way] = pool.submit(ask, asked, way, TASKS[who])
        return {key: future.result() for key, future in work.items()}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("who", TASKS)
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_every_attack_ends_in_time_by_the_next_rung_or_a_typed_error(
    outcomes: dict[Key, Outcome], attack: Attack, who: str, way: str
) -> None:
    came = outcomes[attack.name, who, way]
    assert came.took_s < TIMES["budget_s"] + SLACK_S
    if attack.says and came.told.startswith("word"):  # a busy machine may be too slow for that
        assert type(came.error) is BrokenStreamError
    elif who == "endpoint":
        assert (came.error, came.text) == (None, "billing")
        assert "triage-ft" in came.fallback
    else:
        assert type(came.error) is EndpointError
        assert came.told == ""
    shown = "".join(traceback.format_exception(came.error)) if came.error else came.fallback
    assert "sk-secret" not in shown


def test_nothing_was_sent_to_another_origin(
    outcomes: dict[Key, Outcome], elsewhere: Loopback
) -> None:
    assert any("redirects" in name for name, _, _ in outcomes)
    assert elsewhere.connections == 0


def test_the_documentation_shows_every_attack_and_what_comes_of_it() -> None:
    security = Path(__file__).parents[3] / "docs" / "security.md"
    assert f"-->\n{table()}\n" in security.read_text(encoding="utf-8")
