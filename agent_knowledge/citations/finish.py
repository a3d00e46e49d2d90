"""From what a model said to what may be shown: no marker without a passage, claims verified."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from agent_knowledge.answers import Citation, Claim
from agent_knowledge.citations.markers import Marker, find_markers
from agent_knowledge.citations.support import Support, overlap_support
from agent_knowledge.citations.verify import CitedSentence, cited_sentences, verify
from agent_knowledge.types import Passage

Unsupported = Literal["annotate", "strip", "repair", "refuse"]
"""What to do about a claim that no cited passage supports: say so in its citation; take its
markers away; give it the passage that does support it, if one does; refuse the whole answer."""

REFUSAL = "The sources do not support an answer to this. Try asking it in another way."


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """An answer as it may be shown; all offsets are characters of `text`.

    Attributes:
        text: The answer; no marker in it names a passage that does not exist.
        citations: One per claim and passage, in order.
        claims: The sentences with markers, verified.
        fabricated: Ids that the model cited and that no passage has; removed from the text.
    """

    text: str
    citations: tuple[Citation, ...]
    claims: tuple[Claim, ...]
    fabricated: tuple[str, ...]


def finish(
    text: str,
    passages: Sequence[Passage],
    unsupported: Unsupported,
    support: Support = overlap_support,
) -> Finished:
    """Remove markers that name nothing, verify the others, and apply the policy.

    Args:
        text: What the model said. It is given back as it is when there are no passages to cite:
            brackets then mean something else.
        passages: What the model was given, numbered from 1.
        unsupported: The policy for claims that no cited passage supports.
        support: Judges one claim against one passage.
    """
    if not passages:
        return Finished(text=text, citations=(), claims=(), fabricated=())
    known = {str(number): passage for number, passage in enumerate(passages, start=1)}
    said = verify(text, known, support)
    if unsupported == "refuse" and not all(claim.supported for claim in said.claims):
        return Finished(text=REFUSAL, citations=(), claims=(), fabricated=said.fabricated)
    text = _without_unknown(text, known)
    claims = verify(text, known, support).claims
    for attempt in range(_PASSES if unsupported in {"strip", "repair"} else 0):
        if all(claim.supported for claim in claims):
            break
        # Repaired once; what that uncovers, such as a marker that stood in code, is stripped.
        repair = support if unsupported == "repair" and not attempt else None
        better = _better_ids(text, claims, known, repair)
        text = _without_unknown(_rewrite(text, better), known)
        if attempt == _PASSES - 1:
            text = _without_brackets(text)
        claims = verify(text, known, support).claims
    return Finished(
        text=text,
        citations=tuple(_citations(claims, known, support)),
        claims=claims,
        fabricated=said.fabricated,
    )


_PASSES = 4


def _without_unknown(text: str, known: Mapping[str, Passage]) -> str:
    """Take out markers, or the part of one, that name no passage.

    Taking one out can make another of what stood around it, so this looks again; brackets that
    still make one after a few passes were built to, and become parentheses.
    """
    for _ in range(_PASSES):
        markers = find_markers(text, known)
        kept = {m: tuple(i for i in m.ids if i in known) for m in markers}
        if all(ids == marker.ids for marker, ids in kept.items()):
            return text
        text = _rewrite(text, kept)
    return _without_brackets(text)


def _without_brackets(text: str) -> str:
    """The last resort against a text that was built to grow markers out of what is removed."""
    return text.translate(str.maketrans("[]【】［］", "()()()"))


def _better_ids(
    text: str, claims: Sequence[Claim], known: Mapping[str, Passage], repair: Support | None
) -> dict[Marker, tuple[str, ...]]:
    """What the markers of unsupported claims should name instead; nothing when not to repair."""
    failed = {claim.start: claim for claim in claims if not claim.supported}
    better: dict[Marker, tuple[str, ...]] = {}
    for sentence in cited_sentences(text, find_markers(text, known)):
        if sentence.start in failed:
            ids = _supporting(sentence, known, repair) if repair else ()
            better[sentence.markers[0]] = ids
            better |= dict.fromkeys(sentence.markers[1:], ())
    return dict(sorted(better.items(), key=lambda item: item[0].start))


def _supporting(
    sentence: CitedSentence, known: Mapping[str, Passage], support: Support
) -> tuple[str, ...]:
    """The passage that supports a sentence best, if any does."""
    best, best_score = (), 0.0
    for id_, passage in known.items():
        judgement = support(sentence.text, passage.text, passage.title)
        if judgement.supported and judgement.score > best_score:
            best, best_score = (id_,), judgement.score
    return best


def _rewrite(text: str, ids: Mapping[Marker, tuple[str, ...]]) -> str:
    """Put other ids into markers, given in order; one left without goes with a blank beside it."""
    parts: list[str] = []
    at = 0
    for marker, wanted in ids.items():
        if wanted == marker.ids:
            continue
        before, follows = text[at : marker.start], text[marker.end : marker.end + 1]
        at = marker.end
        if wanted:
            parts += [before, f"[{', '.join(wanted)}]"]
        elif marker.start == 0 or text[marker.start - 1] == "\n":
            parts.append(before)
            at += follows == " "
        else:
            parts.append(before if follows.isalnum() else before.rstrip(" \t"))
    return "".join([*parts, text[at:]])


def _citations(
    claims: Sequence[Claim], known: Mapping[str, Passage], support: Support
) -> list[Citation]:
    """One citation per claim and passage, each with that passage's own share of the support."""
    found: list[Citation] = []
    for claim in claims:
        for id_ in claim.cites:
            passage = known[id_]
            own = support(claim.text, passage.text, passage.title)
            found.append(
                Citation(
                    start=claim.start,
                    end=claim.end,
                    number=int(id_),
                    passage=passage,
                    supported=own.supported or (claim.supported and own.score >= _PART),
                    score=own.score,
                )
            )
    return found


_PART = 0.2
"""Score from which a passage counts as bearing part of a claim that several support together."""
