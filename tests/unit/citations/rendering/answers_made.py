"""Answers made by hand for the renderers: text with markers, and what was found of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agent_knowledge.citations.markers import find_markers
from agent_knowledge.citations.sentences import read_sentences
from agent_knowledge.types import Decision, Knowledge, Passage, Plan, Signals
from agent_knowledge.types.answers import Answer, Citation, Claim

DECISION = Decision(
    strategy="retrieval",
    plan=Plan(sources=("handbook",), k=3),
    confidence=0.9,
    signals=Signals(need={"retrieval": 1.0}),
    reasons=(),
    rejected=(),
)
REFUNDS = Passage(
    source="handbook",
    document="refunds.md",
    title="Refunds > How long it takes",
    uri="https://shop.example/refunds.md",
    text="Anyone may return a parcel.\nWe pay refunds within 14 days of its return.",
    start=100,
    end=172,
    lines=(12, 13),
)
SHIPPING = Passage(
    source="faq",
    document="ship",
    title="",
    uri="",
    text="Shipping costs 4.90 euros in Zone 1.",
    start=0,
    end=36,
    lines=(1, 1),
)


def made(
    text: str,
    passages: Sequence[Passage] = (REFUNDS, SHIPPING),
    found: Mapping[str, Mapping[str, Any]] | None = None,
    **more: Any,
) -> Answer:
    """An answer whose claims are supported, but for what is said of them.

    Args:
        text: With markers.
        passages: Numbered from 1.
        found: Per claim, by its first word: fields of the claim that differ, and `said`: the
            passage's words that support it.
        more: Other fields of the answer.
    """
    known = {str(number): passage for number, passage in enumerate(passages, start=1)}
    claims: list[Claim] = []
    citations: list[Citation] = []
    for sentence in read_sentences(text, find_markers(text, known)).cited:
        fields = dict((found or {}).get(sentence.text.split()[0], {}))
        said = fields.pop("said", "")
        cites = tuple(dict.fromkeys(i for m in sentence.markers for i in m.ids if i in known))
        claim = Claim(
            text=sentence.text,
            start=sentence.start,
            end=sentence.end,
            cites=cites,
            **{"supported": True, "score": 1.0, **fields},
        )
        claims.append(claim)
        for id_ in cites:
            at = known[id_].text.find(said) if said else -1
            citations.append(
                Citation(
                    start=claim.start,
                    end=claim.end,
                    number=int(id_),
                    passage=known[id_],
                    supported=claim.supported,
                    score=claim.score,
                    quote=None if at < 0 else (at, at + len(said)),
                    contradicted=claim.contradicted,
                )
            )
    knowledge = Knowledge(decision=DECISION, passages=tuple(passages))
    return Answer(
        text=text, knowledge=knowledge, citations=tuple(citations), claims=tuple(claims), **more
    )
