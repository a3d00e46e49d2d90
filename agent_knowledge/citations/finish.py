"""From what a model said to what may be shown: no marker without a passage, claims verified."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from agent_knowledge.citations.entailment import Support, check_by_words
from agent_knowledge.citations.markers import Span, find_markers
from agent_knowledge.citations.repair import Search, repaired, stripped
from agent_knowledge.citations.rewriting import PASSES, rewrite, without_brackets, without_unknown
from agent_knowledge.citations.sentences import CitedSentence, read_sentences
from agent_knowledge.citations.verification import Checks, Verification, verify_with
from agent_knowledge.types import Passage, Plan
from agent_knowledge.types.answers import Citation, Claim, Flag

Unsupported = Literal["annotate", "strip", "repair", "refuse"]
"""What to do about a claim that no cited passage supports: say so in its citation; take its
markers away; give it the passage that does support it, if one does; refuse the whole answer."""

REFUSAL = "Not found in the sources."
_MOST_SHOWN = 200
"""Characters of a query in a notice: a limit of what is shown."""
_BRACKETS = "[]()【】［］（）"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """An answer as it may be shown; all offsets are characters of `text`.

    Attributes:
        text: The answer; no marker in it names a passage that does not exist.
        citations: One per claim and passage, in order.
        claims: The sentences with markers, verified.
        fabricated: Ids that the model cited and that no passage has; removed from the text.
        uncited: Sentences that state something without a marker, where the plan asks for one.
        ungrounded: Sentences that state something without a marker and that no passage supports.
        passages: Those given, and behind them those that a fresh search found for a claim, as
            they are numbered in the text.
        by_number: The same passages by the numbers that markers name.
        flags: See `Answer.flags`; whoever knows the turn sets them.
    """

    text: str
    citations: tuple[Citation, ...] = ()
    claims: tuple[Claim, ...] = ()
    fabricated: tuple[str, ...] = ()
    uncited: tuple[Span, ...] = ()
    ungrounded: tuple[Span, ...] = ()
    passages: tuple[Passage, ...] = ()
    by_number: Mapping[str, Passage] = field(default_factory=dict[str, Passage])
    flags: tuple[Flag, ...] = ()


def finish(
    text: str,
    passages: Sequence[Passage] | Mapping[str, Passage],
    unsupported: Unsupported,
    support: Support = check_by_words,
    *,
    plan: Plan | None = None,
    search: Search | None = None,
) -> Finished:
    """Remove markers that name nothing, verify the others, and apply the policy.

    Args:
        text: What the model said. It is given back as it is when there are no passages to cite:
            brackets then mean something else.
        passages: What the model was given: in order, numbered from 1, or by its numbers.
        unsupported: The policy for claims that no cited passage supports.
        support: Judges one claim against one passage.
        plan: What was searched, for a refusal to say; and whether every statement is to be cited.
        search: Finds passages for a claim that is to be repaired and that none of `passages`
            supports, best first.
    """
    return finish_with(Checks(support=support), text, passages, unsupported, plan, search)


def finish_with(
    checks: Checks,
    text: str,
    passages: Sequence[Passage] | Mapping[str, Passage],
    unsupported: Unsupported,
    plan: Plan | None,
    search: Search | None,
) -> Finished:
    """`finish` with every check there is."""
    always = plan is not None and plan.citations == "always"
    if not passages:
        return Finished(text=text, uncited=read_sentences(text, ()).uncited if always else ())
    checks = checks.remembering()
    numbered = isinstance(passages, Mapping)
    known = passages if numbered else {str(n): p for n, p in enumerate(passages, start=1)}
    said = verify_with(checks, text, known)
    if unsupported == "refuse" and not all(claim.supported for claim in said.claims):
        given = tuple(known.values())
        refused = refusal(plan, given)
        return Finished(text=refused, fabricated=said.fabricated, passages=given, by_number=known)
    if unsupported == "repair":
        moves, known = repaired(_failed(text, said, known), known, checks, search)
        text = rewrite(text, moves)
    shown = without_unknown(text, known)
    changed = unsupported == "repair" or shown != text
    text, found = shown, verify_with(checks, shown, known) if changed else said
    if unsupported in {"strip", "repair"}:
        text, found = _stripped(checks, text, found, known)
    return Finished(
        text=text,
        citations=tuple(_citations(found.claims, known, checks.support)),
        claims=found.claims,
        fabricated=said.fabricated,
        uncited=found.uncited if always else (),
        ungrounded=found.ungrounded,
        passages=tuple(known.values()),
        by_number=known,
    )


def _stripped(
    checks: Checks, text: str, found: Verification, known: Mapping[str, Passage]
) -> tuple[str, Verification]:
    """Take away markers until every claim is supported.

    Looks again, as that can uncover others, such as a marker that stood in code.
    """
    for attempt in range(PASSES):
        failed = _failed(text, found, known)
        if not failed:
            break
        text = without_unknown(rewrite(text, stripped(failed)), known)
        if attempt == PASSES - 1:
            text = without_brackets(text)
        found = verify_with(checks, text, known)
    return text, found


def refusal(plan: Plan | None, passages: Sequence[Passage]) -> str:
    """What is said instead of an answer whose claims the sources don't support.

    Args:
        plan: What was searched for, and where.
        passages: What was found; their sources are named where there is no plan.
    """
    sources = plan.sources if plan else tuple(dict.fromkeys(p.source for p in passages))
    # No bracket of a query may pass for a marker.
    query = (plan.query if plan else "").translate(dict.fromkeys(map(ord, _BRACKETS), " "))
    query = " ".join(query.split())
    query = query if len(query) <= _MOST_SHOWN else f"{query[: _MOST_SHOWN - 1]}…"
    where = ", ".join(filter(None, sources))
    if not where:
        return REFUSAL
    return f"{REFUSAL} Searched: {where}" + (f", for “{query}”." if query else ".")


def _failed(text: str, found: Verification, known: Mapping[str, Passage]) -> list[CitedSentence]:
    """The sentences that no passage supports that they cite."""
    cited = read_sentences(text, find_markers(text, known)).cited
    return [
        sentence for sentence, claim in zip(cited, found.claims, strict=True) if not claim.supported
    ]


def _citations(
    claims: Sequence[Claim], known: Mapping[str, Passage], support: Support
) -> Iterator[Citation]:
    """One citation per claim and passage, each with that passage's own share of the support."""
    for claim in claims:
        for id_ in claim.cites:
            passage = known[id_]
            own = support(claim.text, passage.text, passage.title)
            bears = claim.supported and (own.supported or own.score >= _PART)
            yield Citation(
                start=claim.start,
                end=claim.end,
                number=int(id_),
                passage=passage,
                supported=bears,
                score=own.score if bears else min(own.score, claim.score),
                quote=own.span if bears else None,
                contradicted=own.contradicted,
            )


_PART = 0.2
"""Score from which a passage counts as bearing part of a claim that several support together."""
