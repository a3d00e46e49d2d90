"""What a provider is sent of earlier answers, as its own package builds the request."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.messages.content import create_citation

from agent_knowledge import KnowledgeRouter
from agent_knowledge.langchain import (
    KnowledgeMiddleware,
    KnowledgeTool,
    cite_sources,
    without_citations,
)
from tests.scripted import ScriptedModel

RETURNS = "How long do I have to return something?"
THANKS = "Thanks, that is all."
SAID = "You have 30 days from delivery [1]."
Build = Callable[[Sequence[BaseMessage]], Any]


def _dicts(model: Any) -> Build:
    return lambda messages: model._create_message_dicts(list(messages), None)


def _payload(model: Any) -> Build:
    return lambda messages: model._get_request_payload(list(messages))


def _openai(package: Any) -> Build:
    return _payload(package.ChatOpenAI(model="gpt-4.1", api_key="x"))


def _responses(package: Any) -> Build:
    return _payload(package.ChatOpenAI(model="gpt-4.1", api_key="x", use_responses_api=True))


def _anthropic(package: Any) -> Build:
    return _payload(package.ChatAnthropic(model="claude-sonnet-4-5", api_key="x"))


def _google(package: Any) -> Build:
    model = package.ChatGoogleGenerativeAI(model="gemini-2.5-flash", api_key="x")
    return lambda messages: model._prepare_request(list(messages))


def _mistral(package: Any) -> Build:
    return _dicts(package.ChatMistralAI(api_key="x"))


def _bedrock(package: Any) -> Build:
    module = import_module("langchain_aws.chat_models.bedrock_converse")
    return lambda messages: module._messages_to_bedrock(list(messages))


def _groq(package: Any) -> Build:
    return _dicts(package.ChatGroq(model="m", api_key="x"))


def _ollama(package: Any) -> Build:
    model = package.ChatOllama(model="m")
    return lambda messages: model._convert_messages_to_ollama_messages(list(messages))


def _fireworks(package: Any) -> Build:
    module = import_module("langchain_fireworks.chat_models")
    return lambda messages: [module._convert_message_to_dict(m) for m in messages]


def _deepseek(package: Any) -> Build:
    return _payload(package.ChatDeepSeek(model="deepseek-chat", api_key="x"))


def _xai(package: Any) -> Build:
    return _payload(package.ChatXAI(model="grok-4", api_key="x"))


def _cohere(package: Any) -> Build:
    module = import_module("langchain_cohere.chat_models")
    return lambda messages: module.get_cohere_chat_request_v2(list(messages))


def _perplexity(package: Any) -> Build:
    return _dicts(package.ChatPerplexity(model="sonar", api_key="x"))


def _openrouter(package: Any) -> Build:
    return _dicts(package.ChatOpenRouter(model="m", api_key="x"))


def _together(package: Any) -> Build:
    return _payload(package.ChatTogether(model="m", api_key="x"))


PROVIDERS = {
    "langchain_openai": _openai,
    "langchain_openai responses": _responses,
    "langchain_anthropic": _anthropic,
    "langchain_google_genai": _google,
    "langchain_mistralai": _mistral,
    "langchain_aws": _bedrock,
    "langchain_groq": _groq,
    "langchain_ollama": _ollama,
    "langchain_fireworks": _fireworks,
    "langchain_deepseek": _deepseek,
    "langchain_xai": _xai,
    "langchain_cohere": _cohere,
    "langchain_perplexity": _perplexity,
    "langchain_openrouter": _openrouter,
    "langchain_together": _together,
}


@pytest.fixture(params=PROVIDERS)
def build(request: pytest.FixtureRequest) -> Build:
    """Builds a request of one provider; of those alone whose package is installed."""
    package = pytest.importorskip(request.param.partition(" ")[0], exc_type=ImportError)
    return PROVIDERS[request.param](package)


def second_turn(router: KnowledgeRouter, reply: AIMessage) -> tuple[AIMessage, list[BaseMessage]]:
    """The annotated first answer, and what the model is asked on the second turn."""
    model = ScriptedModel(replies=[reply, "Bye."])
    agent = create_agent(model, middleware=[KnowledgeMiddleware(router)])
    first = agent.invoke({"messages": [HumanMessage(RETURNS)]})["messages"]
    agent.invoke({"messages": [*first, HumanMessage(THANKS)]})
    return first[-1], [m for m in model.asked[-1] if m.type != "system"]


def as_json(payload: object) -> str:
    return json.dumps(payload, default=repr, sort_keys=True)


def test_a_provider_is_sent_an_answer_as_if_nothing_had_been_added(
    support: KnowledgeRouter, build: Build
) -> None:
    shown, asked = second_turn(support, AIMessage(SAID, id="a"))
    assert shown.content_blocks[-1].get("annotations")
    plain = [asked[0], AIMessage(SAID, id="a"), asked[-1]]
    assert as_json(build(asked)) == as_json(build(plain))


NATIVE = {
    "langchain_anthropic": [
        {"type": "thinking", "thinking": "Let me see.", "signature": "c2ln"},
        {"type": "text", "text": "You have 30 days "},
        {
            "type": "text",
            "text": "from delivery [1].",
            "citations": [
                {
                    "type": "web_search_result_location",
                    "url": "https://a.example",
                    "title": "A",
                    "cited_text": "30 days",
                    "encrypted_index": "ZW5j",
                }
            ],
        },
    ],
    "langchain_openai responses": [
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {
            "type": "text",
            "id": "msg_1",
            "text": SAID,
            "annotations": [
                {
                    "type": "url_citation",
                    "url": "https://a.example",
                    "title": "A",
                    "start_index": 0,
                    "end_index": 8,
                }
            ],
        },
    ],
}


@pytest.mark.parametrize("provider", NATIVE)
def test_what_a_provider_cited_and_thought_itself_goes_back_as_it_came(
    support: KnowledgeRouter, provider: str
) -> None:
    name = provider.partition(" ")[0]
    build = PROVIDERS[provider](pytest.importorskip(name, exc_type=ImportError))
    own = AIMessage(
        NATIVE[provider],  # pyright: ignore[reportArgumentType]
        id="a",
        response_metadata={"model_provider": name.removeprefix("langchain_")},
    )
    shown, asked = second_turn(support, own)
    text = next(block for block in shown.content_blocks if block["type"] == "text")
    foreign, *ours = text.get("annotations", [])
    assert text["text"] == SAID
    assert (foreign["type"], foreign.get("url")) == ("citation", "https://a.example")
    assert ours
    assert all(note["extras"]["source"] for note in ours)  # pyright: ignore[reportTypedDictNotRequiredAccess]
    payload = as_json(build(asked))
    assert payload == as_json(build([asked[0], own, asked[-1]]))
    assert "https://a.example" in payload


def test_a_removed_marker_is_not_sent_back_either(support: KnowledgeRouter) -> None:
    _, asked = second_turn(support, AIMessage(f"{SAID} So says the moon [77]."))
    assert asked[1].content == f"{SAID} So says the moon."


def test_an_answer_that_an_earlier_version_annotated_goes_back_plain(
    support: KnowledgeRouter,
) -> None:
    shown, _ = second_turn(support, AIMessage(SAID))
    metadata = {k: v for k, v in shown.response_metadata.items() if k != "agent_knowledge_sent"}
    old = shown.model_copy(update={"response_metadata": metadata})
    (sent,) = without_citations([old])
    assert (sent.content, sent.response_metadata) == (SAID, {})


def test_citations_that_are_not_ours_are_left_alone() -> None:
    note = create_citation(url="https://a.example", title="A", start_index=0, end_index=3)
    block = {"type": "text", "text": "It is so.", "annotations": [note]}
    message = AIMessage([block], response_metadata={"output_version": "v1"})
    assert without_citations([message]) == [message]


def test_messages_that_cite_sources_annotated_can_go_to_a_model_again(
    support: KnowledgeRouter,
) -> None:
    call = {"name": "knowledge", "args": {"query": RETURNS}, "id": "1", "type": "tool_call"}
    model = ScriptedModel(replies=[AIMessage("", tool_calls=[call]), SAID])  # pyright: ignore[reportArgumentType]
    agent = create_agent(model, [KnowledgeTool(support)])
    messages = agent.invoke({"messages": [HumanMessage(RETURNS)]})["messages"]
    cited = cite_sources(messages)
    assert cited[-1].content != SAID
    assert without_citations(cited) == messages
