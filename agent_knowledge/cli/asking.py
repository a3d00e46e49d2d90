"""`ask`: one task, answered."""

from __future__ import annotations

from typing import Annotated

import typer

from agent_knowledge.cli import show
from agent_knowledge.cli.options import CONFIG, Agent, Config, Json
from agent_knowledge.types import Answer, Task, to_dict


def ask(
    task: Annotated[str, typer.Argument(help="The task.")],
    *,
    config: Config = CONFIG,
    agent: Agent = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Any init_chat_model string.")
    ] = None,
    citations: Annotated[bool, typer.Option("--citations", help="Ask for sources.")] = False,
    as_json: Json = False,
) -> None:
    """Answer a task, with citations where facts are retrieved."""
    from agent_knowledge.answer import load_answerer

    answerer = load_answerer(config, agent, model=model)
    answer = answerer.answer(Task(task, citations=citations))
    text = show.answer(answer)
    text.append("\n\n")
    text.append_text(show.decision(answer.decision))
    show.output(answer_row(answer), text, as_json=as_json)


def answer_row(answer: Answer) -> dict[str, object]:
    """An answer as JSON: the decision and the passages stand at the top, each once."""
    row = to_dict(answer)
    knowledge = row.pop("knowledge")
    citations = [
        {key: value for key, value in citation.items() if key != "passage"}
        for citation in row.pop("citations")
    ]
    return {
        **row,
        "citations": citations,
        "decision": knowledge["decision"],
        "passages": knowledge["passages"],
        "examples": knowledge["examples"],
        "left_out": knowledge["left_out"],
    }
