"""A chat model behind an OpenAI-compatible URL, asked for the need of a task in so many words."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, Literal, cast

import numpy as np
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, Field, SecretStr, ValidationError

from agent_knowledge.types import Task
from tools.bench.peers.verdict import Verdict
from tools.bench.routing_sets import RoutingSet

AT_ONCE = 8
"""Calls in flight while nothing is timed."""
NOTHING = "no answer"
"""What a reply counts as that is not of the form asked for: wrong, whatever the task needs."""
TIMEOUT_S = 60

INSTRUCTIONS = """\
You route the tasks that users send to an assistant built on a general language model. Say what the
assistant must be given to do the newest task well. Judge only what the task says.

retrieval: to be right, the answer must rest on facts from outside the task: about the world,
people, products, laws, prices, events or documents; how a named tool or a special field works;
medical, legal or technical facts; anything current or private, or that a careful reader would want
a source for.
few_shot: the task has all that is needed, and it is one instance of a repeatable, fixed pattern in
which the form or the style of the output is what matters, so that worked examples would help most:
put into categories, extract fields, convert a format, tag, score by a rubric, rewrite to a set tone
or convention, fill a record of fixed shape, translate into a query, formula, regular expression or
command.
direct: the task has all that is needed, or general language and reasoning suffice, and it is no
such pattern: small talk, open creative writing, brainstorming, reasoning, mathematics, ordinary
programming, summarising or answering about a text that the task supplies, one-off advice, role
play.

Give the need, and the probability (0 to 1) that you are right."""


class Routed(BaseModel):
    """What a task needs."""

    need: Literal["direct", "retrieval", "few_shot"]
    confidence: float = Field(ge=0, le=1, description="probability that this need is right")


def open_chat(url: str, model: str) -> ChatOpenAI:
    """Open a model; nothing is called yet.

    Args:
        url: Base URL, as `http://127.0.0.1:8000/v1`. Its key is read from OPENAI_API_KEY; without
            one a word is sent in its place, which servers without keys ignore.
        model: The model's name.
    """
    return ChatOpenAI(
        model=model,
        base_url=url,
        api_key=SecretStr(os.environ.get("OPENAI_API_KEY") or "none"),
        timeout=TIMEOUT_S,
        temperature=0,
        use_responses_api=False,
    )


class EndpointRouter:
    """Asks a model, a task at a time."""

    def __init__(self, chat: ChatOpenAI) -> None:
        """Nothing is called yet.

        Args:
            chat: The model.
        """
        # As a schema, not as a class: a reply of another form is then no error of the client's.
        schema = Routed.model_json_schema()
        self._model = chat.with_structured_output(schema, method="json_schema", include_raw=True)

    def judge(self, one: RoutingSet) -> Verdict:
        """Judge a set: the timed tasks one by one, the others several at once.

        The model is told what the set's agent has at hand, and a task's history.

        Raises:
            openai.OpenAIError: The server failed.
        """
        timed = {id(task) for task in one.timed}
        replies: dict[int, Routed | None] = {}
        spent: list[float] = []
        for place, task in enumerate(one.tasks):
            if id(task) in timed:
                started = time.perf_counter()
                replies[place] = _routed(self._model.invoke(messages(task, one.holds)))
                spent.append(time.perf_counter() - started)
        rest = [place for place in range(len(one.tasks)) if place not in replies]
        asked = [messages(one.tasks[place], one.holds) for place in rest]
        answers = self._model.batch(list(asked), {"max_concurrency": AT_ONCE})
        replies |= {place: _routed(answer) for place, answer in zip(rest, answers, strict=True)}
        said = [replies[place] for place in range(len(one.tasks))]
        return Verdict(
            named=[one.label(reply.need) if reply else NOTHING for reply in said],
            confidence=np.array([reply.confidence if reply else 0.0 for reply in said]),
            ms=median(spent) * 1000,
        )


def messages(task: Task, holds: str) -> list[BaseMessage]:
    """What a model is asked about one task.

    Args:
        task: The task.
        holds: What the agent has at hand, in words; empty when nothing is known.
    """
    system = INSTRUCTIONS
    if holds:
        system += f"\n\nThis assistant can be given {holds}."
    said: Sequence[str] = [f"{turn.role}: {turn.content}" for turn in task.history]
    before = "The conversation so far:\n" + "\n".join(said) + "\n\n" if said else ""
    return [SystemMessage(system), HumanMessage(f"{before}The newest task:\n{task.text}")]


def _routed(answer: Any) -> Routed | None:
    try:
        return Routed.model_validate(cast("Mapping[str, Any]", answer)["parsed"])
    except ValidationError:
        return None
