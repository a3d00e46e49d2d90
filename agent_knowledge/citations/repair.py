"""Finding the passage that does support a claim whose own citation does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from agent_knowledge.citations.markers import Marker
from agent_knowledge.citations.sentences import CitedSentence
from agent_knowledge.citations.verification import Checks, judge
from agent_knowledge.errors import AgentKnowledgeError
from agent_knowledge.types import Passage

Search = Callable[[str], Sequence[Passage]]
"""From a claim to passages, best first."""

MOST_SEARCHES = 8
"""Fresh searches for one answer: one that needs more was not written from the sources."""
_TOP = 5
"""Passages of a fresh search that are looked at."""

Moves = dict[Marker, tuple[str, ...]]
"""What markers should name instead, in order; nothing where they should go."""


def stripped(sentences: Iterable[CitedSentence]) -> Moves:
    """Take the markers of sentences away."""
    return {marker: () for sentence in sentences for marker in sentence.markers}


def repaired(
    sentences: Sequence[CitedSentence],
    known: Mapping[str, Passage],
    checks: Checks,
    search: Search | None,
) -> tuple[Moves, dict[str, Passage]]:
    """Give sentences the passage that supports them best, or nothing where none does.

    Args:
        sentences: Those that no passage supports that they cite.
        known: The passages by number; they are looked at first.
        checks: What to check with.
        search: Finds further passages; one that fails has found none.

    Returns:
        What the sentences' markers should name, and the passages with those that were found.
    """
    moves, shelf = stripped(sentences), dict(known)
    searches = 0
    for sentence in sentences:
        number = _best(sentence, shelf, checks)
        if number is None and search is not None and searches < MOST_SEARCHES:
            searches += 1
            fresh = _fresh(search, sentence.text, shelf)
            found = _best(sentence, fresh, checks)
            if found is not None:
                number = str(max(map(int, shelf)) + 1)
                shelf[number] = fresh[found]
        if number is not None:
            moves[sentence.markers[0]] = (number,)
    return moves, shelf


def _best(sentence: CitedSentence, passages: Mapping[str, Passage], checks: Checks) -> str | None:
    claims = {i: judge(sentence, {i: passage}, checks) for i, passage in passages.items()}
    supporting = [i for i, claim in claims.items() if claim.supported]
    return max(supporting, key=lambda i: claims[i].score, default=None)


def _fresh(search: Search, claim: str, known: Mapping[str, Passage]) -> dict[str, Passage]:
    """What a search finds that is not known yet, by the passages' own ids."""
    held = {passage.id for passage in known.values()}
    try:
        return {found.id: found for found in search(claim)[:_TOP] if found.id not in held}
    except AgentKnowledgeError:  # the claim then goes without a citation
        return {}
