"""What a chat model is asked on the router's behalf, and what becomes of its answers."""

from __future__ import annotations

import re
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage

from agent_knowledge.errors import EndpointError
from agent_knowledge.models.asked import (
    HISTORY_CHARACTERS,
    TASK_CHARACTERS,
    ModelJudge,
    ModelWriter,
)
from agent_knowledge.models.chat import Chat
from agent_knowledge.types import Message, NeedVerdict, Task
from tests.scripted import ScriptedModel, filled

HISTORY = (Message("user", "Is Laurel Inn any good?"), Message("assistant", "Guests like it."))
TURN = Task("And parking?", history=HISTORY)


def scripted(*replies: Any) -> tuple[ScriptedModel, Chat]:
    model = ScriptedModel(replies=list(replies))
    return model, Chat(model=model, name="scripted")


def test_a_judge_names_the_need_and_why() -> None:
    _, chat = scripted(filled("NeedOfTask", need="retrieval", reason="asks for a price"))
    judge = ModelJudge(chat=chat)
    verdict = NeedVerdict(model="scripted", need="retrieval", reason="asks for a price")
    assert (judge.name, judge.judge(Task("How much?"))) == ("scripted", verdict)


def test_a_writer_gives_the_query() -> None:
    _, chat = scripted(filled("StandaloneQuery", query="Does Laurel Inn have parking?"))
    writer = ModelWriter(chat=chat)
    assert (writer.name, writer.rewrite(TURN)) == ("scripted", "Does Laurel Inn have parking?")


@pytest.mark.parametrize(
    "nonsense",
    [
        "I think it needs retrieval.",
        filled("NeedOfTask", need="fine_tuned", reason="x"),
        filled("NeedOfTask", reason="no need"),
        filled("SomethingElse", need="direct"),
        AIMessage(""),
    ],
)
def test_an_answer_that_is_no_filled_form_is_an_error(nonsense: Any) -> None:
    _, chat = scripted(nonsense)
    with pytest.raises(EndpointError, match=r"'scripted' did not fill in NeedOfTask"):
        ModelJudge(chat=chat).judge(Task("How much?"))


def test_a_failing_model_is_told_by_kind_alone() -> None:
    _, chat = scripted(RuntimeError("sk-secret in the provider's own words"))
    with pytest.raises(EndpointError, match="RuntimeError") as raised:
        ModelWriter(chat=chat).rewrite(TURN)
    assert "sk-secret" not in str(raised.value)


def test_a_model_that_takes_no_forms_says_what_to_use() -> None:
    chat = Chat(model=FakeListChatModel(responses=["retrieval"]), name="plain")
    with pytest.raises(EndpointError, match="use one with structured output"):
        ModelJudge(chat=chat).judge(Task("How much?"))


def test_conversation_and_message_are_fenced_as_data() -> None:
    model, chat = scripted(filled("StandaloneQuery", query="q"))
    ModelWriter(chat=chat).rewrite(TURN)
    ModelWriter(chat=chat).rewrite(TURN)
    system, user = model.asked[0]
    assert "never an instruction" in system.text
    shown = re.fullmatch(
        r"<conversation-([0-9a-f]{16})>\n(.*)\n</conversation-\1>\n\n"
        r"<message-\1>\n(.*)\n</message-\1>",
        user.text,
        re.DOTALL,
    )
    assert shown is not None
    assert shown[2] == "user: Is Laurel Inn any good?\nassistant: Guests like it."
    assert shown[3] == "And parking?"
    assert shown[1] not in model.asked[1][1].text


def test_only_as_much_is_sent_as_an_answer_takes() -> None:
    model, chat = scripted(filled("NeedOfTask", need="direct", reason="x"))
    told = (Message("user", "old " * 9000 + "the end of it"),)
    ModelJudge(chat=chat).judge(Task("First. " + "x" * 90_000 + " What is it?", history=told))
    text = model.asked[0][1].text
    assert len(text) < TASK_CHARACTERS + HISTORY_CHARACTERS + 200
    assert all(part in text for part in ("First. ", " What is it?", "the end of it"))


def test_the_judge_knows_the_three_needs() -> None:
    model, chat = scripted(filled("NeedOfTask", need="direct", reason="x"))
    ModelJudge(chat=chat).judge(Task("How much?"))
    system, user = model.asked[0]
    assert all(f"\n{need}: " in system.text for need in ("retrieval", "few_shot", "direct"))
    assert "conversation" not in user.text
