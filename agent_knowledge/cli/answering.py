"""`ask` and `verify`: tasks answered, and the citations of answers made elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.text import Text

from agent_knowledge.citations.rows import verified_row
from agent_knowledge.cli import show
from agent_knowledge.cli.batch import Row, require_one_way, run_batch, task_of
from agent_knowledge.cli.filters import scope_of, scope_of_row
from agent_knowledge.cli.options import (
    CONFIG,
    Agent,
    Citations,
    Config,
    Filters,
    Input,
    Json,
    Output,
    Strategy,
    Tenant,
)
from agent_knowledge.cli.progress import waiting
from agent_knowledge.cli.streaming import tell
from agent_knowledge.cli.terminal import echo_lines
from agent_knowledge.errors import AgentKnowledgeError, InputError
from agent_knowledge.types import Task, to_dict
from agent_knowledge.types.answers import Answer

if TYPE_CHECKING:
    from agent_knowledge.answerer import Answerer
    from agent_knowledge.citations.verifier import CitationVerifier


def verify(
    *,
    source: Annotated[
        str, typer.Option("--input", help="JSON lines to work through; - for standard input.")
    ],
    target: Output = "-",
    details: Annotated[
        bool,
        typer.Option(
            "--details", help="Add verdict, reason, quotations and what states without a marker."
        ),
    ] = False,
    judge: Annotated[
        str | None,
        typer.Option(
            "--judge",
            help="A second opinion on each claim: any init_chat_model string, or with --config a"
            " decision model, as systemone:NAME.",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", help="Look quotations up in the documents that it has indexed."
        ),
    ] = None,
    agent: Agent = None,
    tenant: Tenant = None,
) -> None:
    """Verify the citations of answers made elsewhere; needs no configuration.

    A line is {"id", "answer", "passages": [{"id", "title", "text"}]}; markers such as [1] or [1, 3]
    name passage ids. Passages as `retrieve` gives them ("source", "document", "start") can be
    looked up with --config.
    """
    from agent_knowledge.build import load_router, load_verifier, read_config

    scope, given = scope_of(None, tenant), read_config(config) if config else None
    router = load_router(given, agent).scoped(scope) if given else None
    verifier = load_verifier(router, judge=judge, limits=given.models if given else None)
    details = details or judge is not None
    run_batch(
        source, target, lambda rows: [_verified(verifier, row, details=details) for row in rows]
    )


def _verified(verifier: CitationVerifier, row: Row, *, details: bool) -> Row:
    return verified_row(verifier, row.get("answer"), row.get("passages"), details=details)


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
    filters: Filters = None,
    tenant: Tenant = None,
    sources: Annotated[
        bool,
        typer.Option("--sources", help="Show what is cited as footnotes: place, lines, words."),
    ] = False,
    form: Annotated[
        Form | None,
        typer.Option("--format", help="Print the answer alone, with its sources, for a page."),
    ] = None,
    stream: Annotated[
        bool,
        typer.Option("--stream", help="Print the answer as it comes, and the verified one below."),
    ] = False,
    as_json: Json = False,
    source: Input = None,
    target: Output = "-",
) -> None:
    """Answer a task, with citations where facts are retrieved.

    With --stream --json a line is {"piece"}, and the last one {"answer"}.
    """
    require_one_way(task, source, target, citations, strategy)
    _require_one_form(source, as_json=as_json, sources=sources, form=form)
    _require_whole(stream=stream, source=source, form=form)
    request = Task(task or "", citations=citations, strategy=strategy)  # pyright: ignore[reportArgumentType] - checked there
    from agent_knowledge.answerer import load_answerer

    answerer = load_answerer(config, agent, model=model)
    answerer = answerer.scoped(scope_of(filters, tenant))
    if source is not None:
        run_batch(source, target, lambda rows: [_answer(answerer, row) for row in rows], at_once=1)
        return
    if stream:
        _stream(answerer, request, as_json=as_json, sources=sources)
        return
    with waiting("answering"):
        answer = answerer.answer(request)
    if form is not None:
        echo_lines(_rendered(answer, form), end="")
        return
    text = show.footnotes(answer) if sources else show.answer(answer)
    text.append("\n\n")
    text.append_text(show.decision(answer.decision))
    show.output(answer_row(answer), text, as_json=as_json)


def _stream(answerer: Answerer, task: Task, *, as_json: bool, sources: bool) -> None:
    if not as_json:
        answer = tell(answerer, task, footnotes=sources)
        show.echo(Text("\n").append_text(show.decision(answer.decision)))
        return
    for piece in answerer.stream(task):
        row = {"answer": answer_row(piece)} if isinstance(piece, Answer) else {"piece": piece}
        typer.echo(json.dumps(row))


def _require_whole(*, stream: bool, source: str | None, form: object) -> None:
    """Refuse to stream what is only there as a whole."""
    other = "--input" if source is not None else "--format" if form is not None else None
    if stream and other:
        msg = (
            f"--stream shows one answer as it comes, and {other} takes whole ones; give one of them"
        )
        raise InputError(msg)


def _require_one_form(source: str | None, *, as_json: bool, sources: bool, form: object) -> None:
    """Refuse options that each ask for another form of the answer."""
    given = {"--input": source is not None, "--json": as_json, "--sources": sources}
    given |= {"--format": form is not None}
    forms = [name for name, on in given.items() if on]
    if len(forms) > 1 and forms != ["--input", "--json"]:
        msg = (
            f"{' and '.join(forms)} ask for different forms of the answer; give one of them "
            "(--json has passages, lines and verdicts too)"
        )
        raise InputError(msg)


def _rendered(answer: Answer, form: Form) -> str:
    from agent_knowledge.citations.html import render_html
    from agent_knowledge.citations.markdown import render_markdown

    if form == "html":
        return render_html(answer, page=True)
    return render_markdown(answer).rstrip("\n") + "\n"


def _answer(answerer: Answerer, row: Row) -> Row:
    """An answer as JSON; what fails for this row may serve the next."""
    task, scope = task_of(row), scope_of_row(row)
    try:
        return answer_row(answerer.answer(task, scope=scope))
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
