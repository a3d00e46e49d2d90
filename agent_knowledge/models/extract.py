"""Which sentences of the passages answer a question, and which worked example is nearest.

Plain extraction: coverage of the question's words, the rare ones counting more, plus the cosine
of question and sentence where an embedder is at hand. It understands nothing, and says so where
nothing is covered.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import Stemmer

from agent_knowledge.context import WrittenPassage
from agent_knowledge.ports import Embedder
from agent_knowledge.text import content_words, sentences, words
from agent_knowledge.types import Example

MOST_SENTENCES = 3
_ENOUGH_COVERAGE = 0.34
"""Share of the question, weighted by rarity, that the best sentence must hold ..."""
_ENOUGH_COSINE = 0.6
"""... or the cosine it must reach, to be an answer at all."""
_WORTH_ADDING = 0.15
"""Share of the question that a further sentence must add."""
_SAME = 0.6
"""Share of common words from which two sentences say the same."""
_CONTEXT = 0.8
"""What a word of the question counts that stands in the title or the heading only, for whether a
passage answers at all ..."""
_CONTEXT_IN_RANK = 0.5
"""... and for which of its sentences does: they all share the title."""
_RANK_BONUS = 0.1
_NEARNESS = 2.0
"""What nearness in meaning counts against the share of words."""
_RIGHT_KIND_BONUS = 0.15
"""What a number adds to a sentence where the question asks for one."""
_ASKS_FOR_NUMBER = re.compile(
    r"\b(?:how (?:long|much|many|old|far|often|soon|late|early|big|tall)|when|until when"
    r"|what (?:time|year|date|price|does .* cost))\b",
    re.IGNORECASE,
)
_DIGIT = re.compile(r"\d")
_EMBEDDED = 16
"""Candidates that are embedded, and of each the characters: some 5 ms a candidate."""
_EMBEDDED_CHARACTERS = 240
_HEADING_WORDS = 6
_OPENING_WORDS = 1
_MOST_CHARACTERS = 600
"""A longer sentence is a table or code rather than an answer; it is cut."""
_LABEL_CHARACTERS = 60
_FEWEST_FRAMED = 2
_TO_LAST_SPACE = re.compile(r".*\s", re.DOTALL)
_SHARPNESS = 10.0
"""How much more a nearer example's vote counts: a factor of e for each 0.1 of similarity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A sentence that answers, on one line, and the number of its passage."""

    text: str
    number: int


def answer_sentences(
    question: str, passages: Sequence[WrittenPassage], embedder: Embedder | None = None
) -> tuple[Found, ...]:
    """Choose the one to three sentences that best cover a question.

    A question ("Can I return shoes?") or a short heading is no answer by itself, but lends its
    words to the sentences that follow it.

    Args:
        question: The question.
        passages: Best first.
        embedder: Adds nearness in meaning to coverage.

    Returns:
        In the order of the passages; none if nothing covers the question.
    """
    asked = _stems(question)
    candidates = [c for rank, p in enumerate(passages) for c in _candidates(p, rank)]
    if not candidates or not question.strip():
        return ()
    weights = _rarity(asked, candidates)
    ranked = sorted(candidates, key=lambda c: -c.value(weights))
    cosines = _cosines(question, ranked[:_EMBEDDED], embedder)

    wants_number = _ASKS_FOR_NUMBER.search(question) is not None

    def score(candidate: _Candidate) -> float:
        fits = wants_number and _DIGIT.search(candidate.text) is not None
        return (
            candidate.value(weights)
            + _NEARNESS * cosines.get(candidate.place, 0.0)
            + _RIGHT_KIND_BONUS * fits
        )

    best = max(ranked, key=score)
    covered = max(candidate.coverage(weights) for candidate in ranked)
    if covered < _ENOUGH_COVERAGE and cosines.get(best.place, 0.0) < _ENOUGH_COSINE:
        return ()
    picked = _add_to(best, sorted(ranked, key=score, reverse=True), weights)
    return tuple(Found(text=c.text, number=c.number) for c in sorted(picked, key=lambda c: c.place))


def nearest_example(
    text: str, examples: Sequence[Example], embedder: Embedder | None = None
) -> tuple[Example, float]:
    """Choose the example whose output to give for a text.

    Where outputs are labels, examples vote, the nearer ones with more weight.

    Args:
        text: The task.
        examples: At least one.
        embedder: Measures similarity; else the share of common words does.

    Returns:
        The nearest example of the winning output, and its similarity.
    """
    similar = _similarities(text, [example.input for example in examples], embedder)
    votes: dict[str, float] = {}
    for example, similarity in zip(examples, similar, strict=True):
        if len(example.output) <= _LABEL_CHARACTERS:
            vote = math.exp(_SHARPNESS * similarity)
            votes[example.output] = votes.get(example.output, 0.0) + vote
    places = range(len(examples))
    nearest = max(places, key=lambda i: similar[i])
    if votes and len(examples[nearest].output) <= _LABEL_CHARACTERS:
        label = max(votes, key=lambda output: votes[output])
        nearest = max((i for i in places if examples[i].output == label), key=lambda i: similar[i])
    return examples[nearest], similar[nearest]


def without_frame(text: str, examples: Sequence[Example]) -> tuple[str, Sequence[Example]]:
    """Take off what a task and all examples begin and end with: a set's template, and no matter.

    Args:
        text: The task, as it was put.
        examples: As they were put; of fewer than two, nothing can be told.

    Returns:
        Both without it, cut between words; as they are where one would be left empty.
    """
    texts = [text, *(example.input for example in examples)]
    start = _shared(texts)
    end = _shared([whole[start:][::-1] for whole in texts])
    inner = [whole[start : len(whole) - end].strip() for whole in texts]
    if len(examples) < _FEWEST_FRAMED or not all(inner):
        return text, examples
    return inner[0], [
        replace(example, input=cut) for example, cut in zip(examples, inner[1:], strict=True)
    ]


def _shared(texts: Sequence[str]) -> int:
    """How many characters texts begin with in common, up to the last white space of them."""
    least, greatest = min(texts), max(texts)  # what these two share, all between them do
    pairs = enumerate(zip(least, greatest, strict=False))
    common = next((place for place, (one, other) in pairs if one != other), len(least))
    whole_words = _TO_LAST_SPACE.match(least[:common])
    return whole_words.end() if whole_words else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """A sentence that may answer.

    Attributes:
        text: On one line.
        title: Of its passage.
        number: Of its passage.
        place: Rank of the passage, and number of the sentence in it.
        own: Its stems.
        context: Stems of the title, and of the question or heading before it.
    """

    text: str
    title: str
    number: int
    place: tuple[int, int]
    own: frozenset[str]
    context: frozenset[str]

    def coverage(self, weights: Mapping[str, float], context: float = _CONTEXT) -> float:
        """Share of the question's weight that the sentence holds, its context counting less."""
        total = sum(weights.values()) or 1.0
        held = sum(
            weight if stem in self.own else context * weight * (stem in self.context)
            for stem, weight in weights.items()
        )
        return held / total

    def value(self, weights: Mapping[str, float]) -> float:
        """Coverage, with a little trust in the order of the passages."""
        return self.coverage(weights, _CONTEXT_IN_RANK) + _RANK_BONUS / (1 + self.place[0])


def _candidates(passage: WrittenPassage, rank: int) -> Iterator[_Candidate]:
    title = _stems(passage.title)
    lead: frozenset[str] = frozenset()
    spans = sentences(passage.text)
    opened: int | None = None
    for place, (begin, end) in enumerate(spans):
        start, opened = begin if opened is None else opened, None
        if len(words(passage.text[start:end])) <= _OPENING_WORDS and place < len(spans) - 1:
            opened = start  # "Yes." says something only with what follows
            continue
        text = _one_line(passage.text[start:end])
        if not text:
            continue
        stems = _stems(text)
        last = place == len(spans) - 1
        if text.endswith(("?", "？")) or (_is_heading(text) and not last):
            lead = stems
            continue
        if stems or lead:
            yield _Candidate(
                text=text,
                title=passage.title.rpartition(" > ")[2],
                number=passage.number,
                place=(rank, place),
                own=stems,
                context=title | lead,
            )


def _is_heading(text: str) -> bool:
    return " | " not in text and text[-1] not in ".!。！…;)" and len(words(text)) <= _HEADING_WORDS


def _one_line(text: str) -> str:
    """A sentence as it is quoted: on one line, and no bracket in it can pass for a citation.

    A row of a table is shown without the bars at its ends.
    """
    text = (
        " ".join(text.split()).strip("|").strip().translate(str.maketrans("[]【】［］", "()()()"))
    )
    if len(text) > _MOST_CHARACTERS:
        text = text[:_MOST_CHARACTERS].rpartition(" ")[0] + " …"
    return text


def _rarity(asked: Collection[str], candidates: Sequence[_Candidate]) -> dict[str, float]:
    """What each word of the question weighs: more, the fewer sentences hold it."""
    counts = Counter(stem for c in candidates for stem in asked if stem in c.own | c.context)
    return {stem: math.log(1 + len(candidates) / (0.5 + counts[stem])) for stem in asked}


def _add_to(
    best: _Candidate, ranked: Sequence[_Candidate], weights: Mapping[str, float]
) -> list[_Candidate]:
    """Add the sentences that cover what of the question is still open."""
    picked = [best]
    total = sum(weights.values()) or 1.0
    open_ = {stem for stem in weights if stem not in best.own | best.context}
    for candidate in ranked:
        if len(picked) == MOST_SENTENCES:
            break
        gain = sum(weights[stem] for stem in open_ & candidate.own) / total
        if gain >= _WORTH_ADDING and not any(_same(candidate, other) for other in picked):
            picked.append(candidate)
            open_ -= candidate.own
    return picked


def _same(one: _Candidate, other: _Candidate) -> bool:
    return len(one.own & other.own) > _SAME * max(1, min(len(one.own), len(other.own)))


def _cosines(
    question: str, candidates: Sequence[_Candidate], embedder: Embedder | None
) -> dict[tuple[int, int], float]:
    if embedder is None:
        return {}
    texts = [f"{c.title} {c.text}".strip()[:_EMBEDDED_CHARACTERS] for c in candidates]
    vectors = embedder.embed([question, *texts])
    return {c.place: float(v @ vectors[0]) for c, v in zip(candidates, vectors[1:], strict=True)}


def _similarities(text: str, inputs: Sequence[str], embedder: Embedder | None) -> list[float]:
    if embedder is not None:
        vectors = embedder.embed([text, *inputs])
        return [float(similarity) for similarity in vectors[1:] @ vectors[0]]
    own = _stems(text)
    others = [_stems(other) for other in inputs]
    return [len(own & other) / (len(own | other) or 1) for other in others]


def _stems(text: str) -> frozenset[str]:
    stem = cast("Callable[[list[str]], list[str]]", Stemmer.Stemmer("english").stemWords)
    return frozenset(stem(content_words(text)))
