from __future__ import annotations

import asyncio

import pytest
from langchain_core.messages import AIMessage

from agent_knowledge.errors import EndpointError
from agent_knowledge.models.chat import Chat, Completion
from tests.scripted import ScriptedModel

TOLD = AIMessage(
    "thirty days", usage_metadata={"input_tokens": 7, "output_tokens": 2, "total_tokens": 9}
)


def chat(*replies: object) -> Chat:
    return Chat(model=ScriptedModel(replies=list(replies)), name="scripted")


def complete(model: Chat, way: str) -> Completion:
    return model.complete("hi") if way == "sync" else asyncio.run(model.acomplete("hi"))


@pytest.mark.parametrize("way", ["sync", "async"])
def test_a_completion_says_what_it_took(way: str):
    assert complete(chat(TOLD), way) == Completion(text="thirty days", tokens_in=7, tokens_out=2)


@pytest.mark.parametrize("way", ["sync", "async"])
def test_what_a_model_does_not_say_is_not_guessed(way: str):
    made = complete(chat("thirty days"), way)
    assert (made.tokens_in, made.tokens_out) == (None, None)


@pytest.mark.parametrize("way", ["sync", "async"])
def test_a_failure_is_told_without_the_providers_words(way: str):
    with pytest.raises(EndpointError, match="'scripted' failed \\(RuntimeError\\)") as caught:
        complete(chat(RuntimeError("sk-secret")), way)
    assert "sk-secret" not in str(caught.value)


@pytest.mark.parametrize("way", ["sync", "async"])
def test_silence_is_a_failure(way: str):
    with pytest.raises(EndpointError, match="empty"):
        complete(chat(" "), way)


async def test_the_text_alone():
    assert chat(TOLD).reply("hi") == await chat(TOLD).areply("hi") == "thirty days"
    assert [piece async for piece in chat(TOLD).astream("hi")] == ["thirty days"]


async def test_a_stream_without_text_is_a_failure():
    with pytest.raises(EndpointError, match="empty"):
        [piece async for piece in chat("").astream("hi")]
