"""`ask`: one task answered, or a batch of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from agent_knowledge.answers import Answer
from agent_knowledge.cli import show
from agent_knowledge.cli.batch import Row, require_one_way, run_batch, task_of
from agent_knowledge.cli.options import (
    CONFIG,
    Agent,
    Citations,
    Config,
    Input,
    Json,
    Output,
    Strategy,
)
from agent_knowledge.errors import RunError
from agent_knowledge.types import Task, to_dict

if TYPE_CHECKING:
    from agent_knowledge.answer import Answerer


def ask(
    task: Annotated[str | None, typer.Argument(help="The task.")] = None,
    *,
    config: Config = CONFIG,
    agent: Agent = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Any init_chat_model string.")
    ] = None,
    citations: Citations = False,
    strategy: Strategy = None,
    as_json: Json = False,
    source: Input = None,
    target: Output = "-",
) -> None:
    """Answer a task, with citations where facts are retrieved."""
    require_one_way(task, source, target, citations, strategy)
    asked = Task(task or "", citations=citations, strategy=strategy)  # pyright: ignore[reportArgumentType] - checked there
    from agent_knowledge.answer import load_answerer

    answerer = load_answerer(config, agent, model=model)
    if source is not None:
        run_batch(source, target, lambda rows: _answers(answerer, rows))
        return
    answer = answerer.answer(asked)
    text = show.answer(answer)
    text.append("\n\n")
    text.append_text(show.decision(answer.decision))
    show.output(answer_row(answer), text, as_json=as_json)


def _answers(answerer: Answerer, rows: Sequence[Row]) -> list[Row]:
    """Answer rows one by one. All are read first: a bad one must not have the others paid twice."""
    return [_answer(answerer, task) for task in [task_of(row) for row in rows]]


def _answer(answerer: Answerer, task: Task) -> Row:
    """An answer as JSON; a model or a source that fails now may serve the next row."""
    try:
        return answer_row(answerer.answer(task))
    except RunError as error:
        return {"error": str(error)}


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
