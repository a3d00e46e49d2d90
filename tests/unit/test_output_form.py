"""Answers in the form that an example set wants: checked, repaired once, or said to be faulty."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool

from agent_knowledge import Answer, Answerer, KnowledgeConfig, KnowledgeRouter, load_router
from agent_knowledge.errors import EndpointError
from agent_knowledge.langchain import KnowledgeMiddleware
from agent_knowledge.models.chat import Chat
from tests.scripted import ScriptedModel

TRIAGE = 'Put this ticket into its queue: "Two identical payments showed up on my credit card."'
SCHEMA = {"type": "object", "required": ["queue"], "properties": {"queue": {"type": "string"}}}
GOOD, BAD, WORSE = '{"queue": "billing"}', '{"queue": 7}', "billing, I think"
WAYS = ["answer", "aanswer", "stream", "astream"]


def router_of(shop: KnowledgeConfig, folder: Path, agent: str, **policy: Any) -> KnowledgeRouter:
    """A router whose triage set wants JSON of a queue."""
    (folder / "queue.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
    spec = shop.examples["ticket-triage"].model_copy(
        update={"output_schema": str(folder / "queue.json")}
    )
    own = shop.agents[agent]
    changed = own.model_copy(update={"policy": own.policy.model_copy(update=policy)})
    update = {"examples": {**shop.examples, "ticket-triage": spec}, "agents": {agent: changed}}
    return load_router(shop.model_copy(update=update).at(shop.folder))


@pytest.fixture
def desk(shop: KnowledgeConfig, tmp_path: Path) -> KnowledgeRouter:
    """Without an endpoint."""
    return router_of(shop, tmp_path, "desk")


@pytest.fixture
def tuned(shop: KnowledgeConfig, tmp_path: Path) -> KnowledgeRouter:
    """With one."""
    return router_of(shop, tmp_path, "support")


def chat(model: ScriptedModel, name: str = "own") -> Chat:
    return Chat(model=model, name=name)


def ask(answerer: Answerer, way: str) -> Answer:
    async def last() -> object:
        return [piece async for piece in answerer.astream(TRIAGE)][-1]

    answers = {
        "answer": lambda: answerer.answer(TRIAGE),
        "aanswer": lambda: asyncio.run(answerer.aanswer(TRIAGE)),
        "stream": lambda: list(answerer.stream(TRIAGE))[-1],
        "astream": lambda: asyncio.run(last()),
    }
    answer = answers[way]()
    assert isinstance(answer, Answer)
    return answer


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("said", [GOOD, f"```json\n{GOOD}\n```"])
def test_json_that_fits_is_passed_on_as_json_alone(
    desk: KnowledgeRouter, way: str, said: str
) -> None:
    model = ScriptedModel(replies=[said])
    answer = ask(Answerer(desk, chat(model)), way)
    assert (answer.text, answer.faults, len(model.asked)) == (GOOD, (), 1)
    assert '"required": ["queue"]' in model.asked[0][0].text


@pytest.mark.parametrize("way", WAYS)
def test_what_does_not_fit_is_asked_for_once_more_with_its_faults(
    desk: KnowledgeRouter, way: str
) -> None:
    model = ScriptedModel(replies=[BAD, GOOD])
    answer = ask(Answerer(desk, chat(model)), way)
    assert (answer.text, answer.faults) == (GOOD, ())
    *before, said, repair = model.asked[1]
    assert before == model.asked[0]
    assert (said.type, said.text, repair.type) == ("ai", BAD, "human")
    assert "$.queue: 7 is not of type 'string'" in repair.text


@pytest.mark.parametrize("way", WAYS)
def test_what_still_does_not_fit_is_given_with_its_faults(desk: KnowledgeRouter, way: str) -> None:
    model = ScriptedModel(replies=[BAD, WORSE, GOOD])
    answer = ask(Answerer(desk, chat(model)), way)
    assert answer.text == WORSE
    assert "no JSON" in answer.faults[0]
    assert len(model.asked) == 2


@pytest.mark.parametrize("way", WAYS)
def test_under_on_failure_raise_it_is_an_error(
    shop: KnowledgeConfig, tmp_path: Path, way: str
) -> None:
    router = router_of(shop, tmp_path, "desk", on_failure="raise")
    said = (
        r"the model gave nothing that satisfies examples\.ticket-triage\.output_schema: \$\.queue"
    )
    with pytest.raises(EndpointError, match=said):
        ask(Answerer(router, chat(ScriptedModel(replies=[BAD]))), way)


@pytest.mark.parametrize("way", WAYS)
def test_an_endpoint_that_cannot_keep_to_the_form_gives_way_to_the_next_rung(
    tuned: KnowledgeRouter, way: str
) -> None:
    own, endpoint = ScriptedModel(replies=[GOOD]), ScriptedModel(replies=[BAD])
    answer = ask(Answerer(tuned, chat(own), endpoint=chat(endpoint, "triage-ft")), way)
    assert (answer.text, answer.model) == (GOOD, "own")
    assert answer.decision.strategy == "few_shot"
    assert "endpoint 'triage-ft' gave nothing that satisfies" in answer.fallbacks[0]
    assert (len(endpoint.asked), len(own.asked)) == (2, 1)


@pytest.mark.parametrize("way", WAYS)
def test_an_endpoint_is_asked_once_more_too(tuned: KnowledgeRouter, way: str) -> None:
    own, endpoint = ScriptedModel(replies=["never"]), ScriptedModel(replies=[BAD, GOOD])
    answer = ask(Answerer(tuned, chat(own), endpoint=chat(endpoint, "triage-ft")), way)
    assert (answer.text, answer.model, own.asked) == (GOOD, "triage-ft", [])


def test_what_is_retrieved_need_not_be_json(desk: KnowledgeRouter) -> None:
    answer = Answerer(desk, chat(ScriptedModel(replies=["Thirty days [1]."]))).answer(
        "How long is the return window?"
    )
    assert answer.decision.strategy == "retrieval"
    assert answer.text.startswith("Thirty days")
    assert not answer.faults


def run(agent: Any, mode: str) -> Any:
    given = {"messages": [HumanMessage(TRIAGE)]}
    messages = asyncio.run(agent.ainvoke(given)) if mode == "async" else agent.invoke(given)
    return messages["messages"][-1]


MODES = pytest.mark.parametrize("mode", ["sync", "async"])


@MODES
def test_the_middleware_has_an_answer_repaired(desk: KnowledgeRouter, mode: str) -> None:
    model = ScriptedModel(replies=[BAD, f"```json\n{GOOD}\n```"])
    final = run(create_agent(model, middleware=[KnowledgeMiddleware(desk)]), mode)
    assert final.text == GOOD
    assert "faults" not in final.response_metadata["agent_knowledge"]
    assert "$.queue" in model.asked[1][-1].text


@MODES
def test_the_middleware_shows_what_stays_wrong(desk: KnowledgeRouter, mode: str) -> None:
    model = ScriptedModel(replies=[BAD])
    final = run(create_agent(model, middleware=[KnowledgeMiddleware(desk)]), mode)
    assert final.text == BAD
    assert final.response_metadata["agent_knowledge"]["faults"] == [
        "$.queue: 7 is not of type 'string'"
    ]
    assert len(model.asked) == 2
    json.dumps(final.response_metadata)


@MODES
def test_the_middleware_falls_to_the_next_rung_or_raises(
    shop: KnowledgeConfig, tuned: KnowledgeRouter, tmp_path: Path, mode: str
) -> None:
    own, endpoint = ScriptedModel(replies=[GOOD]), ScriptedModel(replies=[BAD])
    final = run(create_agent(own, middleware=[KnowledgeMiddleware(tuned, endpoint=endpoint)]), mode)
    assert final.text == GOOD
    assert final.response_metadata["agent_knowledge"]["strategy"] == "few_shot"
    assert len(endpoint.asked) == 2
    strict = KnowledgeMiddleware(router_of(shop, tmp_path, "desk", on_failure="raise"))
    with pytest.raises(EndpointError, match="output_schema"):
        run(create_agent(ScriptedModel(replies=[BAD]), middleware=[strict]), mode)


def test_a_call_of_a_tool_is_no_answer_to_check(desk: KnowledgeRouter) -> None:
    @tool
    def clock() -> str:
        """Tell the time."""
        return "noon"

    call = AIMessage("", tool_calls=[{"name": "clock", "args": {}, "id": "1"}])
    model = ScriptedModel(replies=[call, GOOD])
    final = run(create_agent(model, [clock], middleware=[KnowledgeMiddleware(desk)]), "sync")
    assert (final.text, len(model.asked)) == (GOOD, 2)
