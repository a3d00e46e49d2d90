"""`ask`: one task answered, or a batch of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import typer

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
from agent_knowledge.cli.terminal import echo_lines
from agent_knowledge.errors import AgentKnowledgeError, InputError
from agent_knowledge.types import Task, to_dict
from agent_knowledge.types.answers import Answer

if TYPE_CHECKING:
    from agent_knowledge.answerer import Answerer

Form = Literal["markdown", "html"]


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
    sources: Annotated[
        bool,
        typer.Option("--sources", help="Show what is cited as footnotes: place, lines, words."),
    ] = False,
    form: Annotated[
        Form | None,
        typer.Option("--format", help="Print the answer alone, with its sources, for a page."),
    ] = None,
    as_json: Json = False,
    source: Input = None,
    target: Output = "-",
) -> None:
    """Answer a task, with citations where facts are retrieved."""
    require_one_way(task, source, target, citations, strategy)
    _require_one_form(source, as_json=as_json, sources=sources, form=form)
    asked = Task(task or "", citations=citations, strategy=strategy)  # pyright: ignore[reportArgumentType] - checked there
    from agent_knowledge.answerer import load_answerer

    answerer = load_answerer(config, agent, model=model)
    if source is not None:
        run_batch(source, target, lambda rows: _answers(answerer, rows))
        return
    answer = answerer.answer(asked)
    if form is not None:
        echo_lines(_rendered(answer, form), end="")
        return
    text = show.footnotes(answer) if sources else show.answer(answer)
    text.append("\n\n")
    text.append_text(show.decision(answer.decision))
    show.output(answer_row(answer), text, as_json=as_json)


def _require_one_form(source: str | None, *, as_json: bool, sources: bool, form: object) -> None:
    """Refuse options that each ask for another form of the answer."""
    given = {"--input": source is not None, "--json": as_json, "--sources": sources}
    given |= {"--format": form is not None}
    asked = [name for name, on in given.items() if on]
    if len(asked) > 1 and asked != ["--input", "--json"]:
        msg = (
            f"{' and '.join(asked)} ask for different forms of the answer; give one of them "
            "(--json has passages, lines and verdicts too)"
        )
        raise InputError(msg)


def _rendered(answer: Answer, form: Form) -> str:
    from agent_knowledge.citations.html import render_html
    from agent_knowledge.citations.markdown import render_markdown

    if form == "html":
        return render_html(answer, page=True)
    return render_markdown(answer).rstrip("\n") + "\n"


def _answers(answerer: Answerer, rows: Sequence[Row]) -> list[Row]:
    """Answer rows one by one. All are read first: a bad one must not have the others paid twice."""
    return [_answer(answerer, task) for task in [task_of(row) for row in rows]]


def _answer(answerer: Answerer, task: Task) -> Row:
    """An answer as JSON; what fails for this row may serve the next."""
    try:
        return answer_row(answerer.answer(task))
    except AgentKnowledgeError as error:
        return {"error": str(error)}


def answer_row(answer: Answer) -> dict[str, object]:
    """An answer as JSON: the decision and the passages stand at the top, each once."""
    row = to_dict(answer)
    knowledge = row.pop("knowledge")
    citations = [
        {key: value for key, value in citation.items() if key != "passage"}
        for citation in row.pop("citations")
    ]
    verdicts = [claim.verdict for claim in answer.claims]
    claims = [
        {**claim, "verdict": verdict}
        for claim, verdict in zip(row.pop("claims"), verdicts, strict=True)
    ]
    return {
        **row,
        "citations": citations,
        "claims": claims,
        "decision": knowledge["decision"],
        "passages": knowledge["passages"],
        "examples": knowledge["examples"],
        "left_out": knowledge["left_out"],
    }
