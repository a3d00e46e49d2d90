"""An answer made elsewhere, as JSON: what the command line and other protocols take and give."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, cast

from agent_knowledge import limits
from agent_knowledge.citations.verifier import CitationVerifier
from agent_knowledge.errors import InputError, shown
from agent_knowledge.types import Passage
from agent_knowledge.types.answers import Claim

_Row = dict[str, Any]


def verified_row(
    verifier: CitationVerifier, answer: object, passages: object, *, details: bool
) -> _Row:
    """Verify the citations of an answer.

    Args:
        verifier: Who does.
        answer: Its text, with markers such as `[1]`.
        passages: What the markers name: a list of {"id", "title", "text"}.
        details: Tell verdict, reason, quotations, a second opinion, and what states something
            without a marker, too.

    Raises:
        InputError: The answer is no text or too long, the passages are no list, one of them lacks
            an id or a text or is too long, or two share an id.
    """
    if not isinstance(answer, str):
        msg = f"'answer' is {shown(answer)}; give a text"
        raise InputError(msg)
    _require_within("'answer'", answer, limits.CHECKED_CHARACTERS)
    found = verifier.verify(answer, _passages(passages))
    verified: _Row = {
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


def _claim(claim: Claim, *, details: bool) -> _Row:
    row: _Row = {
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
    """The passages of a row, by id."""
    if not isinstance(given, list):
        msg = f"'passages' is {shown(given)}; give a list of {{'id', 'title', 'text'}}"
        raise InputError(msg)
    found: dict[str, Passage] = {}
    for one in cast("list[object]", given):
        passage = cast("_Row", one if isinstance(one, dict) else {})
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


def _passage(id_: str, text: str, row: _Row) -> Passage:
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
