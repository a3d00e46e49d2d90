"""`verify`: the citations of answers made elsewhere."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from agent_knowledge import limits
from agent_knowledge.cli.batch import Row, run_batch
from agent_knowledge.cli.options import Agent, Output
from agent_knowledge.errors import InputError, shown
from agent_knowledge.types import Passage
from agent_knowledge.types.answers import Claim

if TYPE_CHECKING:
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
) -> None:
    """Verify the citations of answers made elsewhere; needs no configuration.

    A line is {"id", "answer", "passages": [{"id", "title", "text"}]}; markers such as [1] or [1, 3]
    name passage ids. Passages as `retrieve` gives them ("source", "document", "start") can be
    looked up with --config.
    """
    from agent_knowledge.build import load_router, load_verifier

    router = load_router(config, agent) if config else None
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
        verified["uncited"] = [{"start": start, "end": end} for start, end in found.uncited]
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
