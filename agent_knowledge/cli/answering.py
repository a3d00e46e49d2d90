"""`ask` and `verify`: tasks answered, and the citations of answers made elsewhere."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer
from rich.text import Text

from agent_knowledge import limits
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
from agent_knowledge.errors import AgentKnowledgeError, InputError, shown
from agent_knowledge.types import Passage, Task, to_dict
from agent_knowledge.types.answers import Answer, Claim

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
        typer.Option("--judge", help="A second opinion on each claim: any init_chat_model string."),
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
    from agent_knowledge.build import load_router, load_verifier

    scope = scope_of(None, tenant)
    router = load_router(config, agent).scoped(scope) if config else None
    verifier = load_verifier(router, judge=judge)
    details = details or judge is not None
    run_batch(
        source, target, lambda rows: [_verified(verifier, row, details=details) for row in rows]
    )


def _verified(verifier: CitationVerifier, row: Row, *, details: bool) -> Row:
    answer = row.get("answer")
    if not isinstance(answer, str):
        msg = f"'answer' is {shown(answer)}; give a text"
        raise InputError(msg)
    _require_within("'answer'", answer, limits.CHECKED_CHARACTERS)
    found = verifier.verify(answer, _passages(row.get("passages")))
    verified: Row = {
        "claims": [_claim(claim, details=details) for claim in found.claims],
        "fabricated": list(found.fabricated),
    }
    if details:
        for name, spans in (("uncited", found.uncited), ("ungrounded", found.ungrounded)):
            verified[name] = [{"start": start, "end": end} for start, end in spans]
    return verified


def _require_within(what: str, text: str, most: int) -> None:
    if len(text) > most:
        msg = f"{what} has {len(text):,} characters; at most {most:,} are accepted"
        raise InputError(msg)


def _claim(claim: Claim, *, details: bool) -> Row:
    row: Row = {
        "text": claim.text,
        "start": claim.start,
        "end": claim.end,
        "cites": list(claim.cites),
        "supported": claim.supported,
        "score": round(claim.score, 4),
        "quote": asdict(claim.quote) if claim.quote else None,
    }
    if details:
        row |= {
            "verdict": claim.verdict,
            "reason": claim.reason,
            "quotations": [asdict(quotation) for quotation in claim.quotations],
            "opinion": asdict(claim.opinion) if claim.opinion else None,
        }
    return row


def _passages(given: object) -> dict[str, Passage]:
    """The passages of a row, by id.

    Raises:
        InputError: They are no list, one of them lacks an id or a text or is too long, or two
            share an id.
    """
    if not isinstance(given, list):
        msg = f"'passages' is {shown(given)}; give a list of {{'id', 'title', 'text'}}"
        raise InputError(msg)
    found: dict[str, Passage] = {}
    for one in cast("list[object]", given):
        passage = cast("Row", one if isinstance(one, dict) else {})
        id_, text = passage.get("id"), passage.get("text")
        if id_ is None or not isinstance(text, str):
            msg = f"a passage is {shown(one)}; give 'id' and 'text', and a 'title' if there is one"
            raise InputError(msg)
        if str(id_) in found:
            msg = f"two passages have the id {shown(id_)}; give each its own"
            raise InputError(msg)
        _require_within(f"passage {shown(id_)}", text, limits.PASSAGE_CHARACTERS)
        found[str(id_)] = _passage(str(id_), text, passage)
    return found


def _passage(id_: str, text: str, row: Row) -> Passage:
    start = row.get("start")
    start = start if isinstance(start, int) else 0
    return Passage(
        source=str(row.get("source") or ""),
        document=str(row.get("document") or id_),
        title=str(row.get("title") or ""),
        uri=str(row.get("uri") or ""),
        text=text,
        start=start,
        end=start + len(text),
    )


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
