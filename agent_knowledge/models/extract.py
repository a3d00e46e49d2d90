"""Which sentences of the passages answer a question.

Plain extraction: coverage of the question's words, the rare ones counting more, plus the cosine
of question and sentence where an embedder is at hand. It understands nothing, and says so where
too little is covered. How its constants were chosen stands in docs/benchmarks.md.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from agent_knowledge.models.quotes import Place, QuotableSpan, read_quotes, stems
from agent_knowledge.ports import Embedder
from agent_knowledge.prompts import WrittenPassage
from agent_knowledge.text import words

MOST_SENTENCES = 3
_CONTEXT = 0.5
"""What a word of the question counts that stands in the title or the heading only."""
_RANK_BONUS = 0.25
_NEARNESS = 2.0
"""What nearness in meaning counts against the share of words."""
ENOUGH = 1.4
"""Score of the best sentence from which it is an answer at all ..."""
DOUBT = 0.4
"""... what more it takes when the sources may lack what is asked ..."""
_ENOUGH_WORDS = 0.45
_DOUBT_IN_WORDS = 0.2
"""... and the same where nothing measures nearness."""
_WORTH_ADDING = 0.05
"""Share of the question that a further sentence must add, after what its weakness costs."""
_PRICE = 0.33
"""What being weaker than the best sentence costs, in shares of the question."""
_LINK_BONUS = 0.15
"""What it is worth that one sentence names what the other is about, as a second look-up would."""
_SAME = 0.6
"""Share of common words from which two sentences say the same."""
_LEANING = 0.05
"""What a sentence loses that leans on the one before it ..."""
_NO_PROSE = 0.3
"""... and one that is code or a menu."""
_EMBEDDED = 16
"""Candidates that are embedded, and of each the characters: some 5 ms a candidate."""
_EMBEDDED_CHARACTERS = 240
_LEAD_CHARACTERS = 300
"""A longer sentence is not taken along for the sake of one that leans on it."""
_HEADING_WORDS = 12
"""A longer title is not put before a quote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSentence:
    """What answers, on one line, and the number of its passage."""

    text: str
    number: int


def answer_sentences(
    question: str,
    passages: Sequence[WrittenPassage],
    embedder: Embedder | None = None,
    *,
    doubtful: bool = False,
) -> tuple[AnswerSentence, ...]:
    """Choose the one to three sentences that best cover a question.

    A sentence that leans on the one before it ("It takes 30 days.") takes that one along, or the
    heading of its passage where it is the first.

    Args:
        question: The question.
        passages: Best first.
        embedder: Adds nearness in meaning to coverage; its cosines must be MiniLM's in kind.
        doubtful: The sources may lack what is asked: more evidence is wanted.

    Returns:
        In the order of the passages, and within one in its own; none if too little is covered.
    """
    quotes = _read(passages)
    if not quotes or not question.strip():
        return ()
    view = _View.of(question, quotes, embedder)
    enough, doubt = (ENOUGH, DOUBT) if embedder else (_ENOUGH_WORDS, _DOUBT_IN_WORDS)
    if view.best < enough + doubt * doubtful:
        return ()
    by_place = {quote.place: quote for quote in quotes}
    shown = _with_leads(_pick(view), by_place)
    return tuple(_found(shown[place], shown) for place in sorted(shown))


def evidence(
    question: str, passages: Sequence[WrittenPassage], embedder: Embedder | None = None
) -> float:
    """How well the best sentence answers a question: what is held against `ENOUGH`.

    Returns:
        Some 0 to 3 with an embedder, to 1 without; 0 where there is nothing to quote.
    """
    quotes = _read(passages)
    return _View.of(question, quotes, embedder).best if quotes else 0.0


def _read(passages: Sequence[WrittenPassage]) -> list[QuotableSpan]:
    return [quote for rank, p in enumerate(passages) for quote in read_quotes(p, rank)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """The quotes of all passages as a question sees them.

    Attributes:
        question: As it was put.
        weights: What each of its stems weighs.
        scores: Of each quote, the best first.
    """

    question: str
    weights: Mapping[str, float]
    scores: Mapping[QuotableSpan, float]

    @classmethod
    def of(cls, question: str, quotes: Sequence[QuotableSpan], embedder: Embedder | None) -> _View:
        """Measure every quote; the nearness of those that promise most."""
        weights = _rarity(stems(question), quotes)
        values = {quote: _value(quote, weights) for quote in quotes}
        best = sorted(quotes, key=lambda quote: -values[quote])[:_EMBEDDED]
        cosines = _cosines(question, best, embedder)
        scores = {quote: v + _NEARNESS * cosines.get(quote, 0.0) for quote, v in values.items()}
        ranked = sorted(scores.items(), key=lambda pair: -pair[1])
        return cls(question=question, weights=weights, scores=dict(ranked))

    @property
    def best(self) -> float:
        """The score of the best quote."""
        return next(iter(self.scores.values()))

    def share(self, held: Collection[str]) -> float:
        """What share of the question some of its stems are."""
        total = sum(self.weights.values()) or 1.0
        return sum(self.weights[stem] for stem in held) / total


def _value(quote: QuotableSpan, weights: Mapping[str, float]) -> float:
    """Coverage, with a little trust in the order of the passages, and less in what reads badly."""
    trust = _RANK_BONUS / (1 + quote.place[0])
    reads_badly = _LEANING * quote.leans + _NO_PROSE * (not quote.is_prose)
    return quote.coverage(weights, _CONTEXT) + trust - reads_badly


def _rarity(asked: Collection[str], quotes: Sequence[QuotableSpan]) -> dict[str, float]:
    """What each word of the question weighs: more, the fewer sentences hold it."""
    counts = Counter(stem for q in quotes for stem in (q.own | q.context).intersection(asked))
    return {stem: math.log(1 + len(quotes) / (0.5 + counts[stem])) for stem in asked}


def _pick(view: _View) -> list[QuotableSpan]:
    """The best quote, and those that cover enough of what is still open to pay for themselves."""
    best, *rest = view.scores
    picked = [best]
    open_ = {stem for stem in view.weights if stem not in best.own | best.context}

    def worth(quote: QuotableSpan) -> float:
        weaker = view.scores[best] - view.scores[quote]
        linked = any(_is_linked(quote, other, view.question) for other in picked)
        return view.share(open_ & quote.own) - _PRICE * weaker + _LINK_BONUS * linked

    while len(picked) < MOST_SENTENCES:
        rest = [q for q in rest if not any(_same(q, other) for other in picked)]
        further = max(rest, key=worth, default=None)
        if further is None or worth(further) < _WORTH_ADDING:
            break
        picked.append(further)
        open_ -= further.own
    return picked


def _with_leads(
    picked: Sequence[QuotableSpan], by_place: Mapping[Place, QuotableSpan]
) -> Mapping[Place, QuotableSpan]:
    """The picked, with the sentences that they lean on."""
    found = {quote.place: quote for quote in picked}
    for quote in picked:
        lead = by_place.get(quote.before) if quote.leans else None
        if lead is None or not lead.is_prose or len(lead.text) > _LEAD_CHARACTERS:
            continue
        if not any(_same(lead, other) for other in found.values() if other is not quote):
            found[lead.place] = lead
    return found


def _found(quote: QuotableSpan, shown: Mapping[Place, QuotableSpan]) -> AnswerSentence:
    """A quote as it is given: under its heading where it leans on nothing that is shown."""
    text = quote.text
    if quote.leans and quote.before not in shown and 0 < len(words(quote.title)) <= _HEADING_WORDS:
        text = f"{quote.title}{' ' if quote.title[-1] in '.!?' else ': '}{text}"
    return AnswerSentence(text=text, number=quote.number)


def _is_linked(one: QuotableSpan, other: QuotableSpan, question: str) -> bool:
    """Whether one of two passages speaks of what the other is titled, and the question does not."""
    return one.number != other.number and any(
        named.title in by.text and named.title not in question and len(words(named.title)) > 1
        for named, by in ((one, other), (other, one))
    )


def _same(one: QuotableSpan, other: QuotableSpan) -> bool:
    return len(one.own & other.own) > _SAME * max(1, min(len(one.own), len(other.own)))


def _cosines(
    question: str, quotes: Sequence[QuotableSpan], embedder: Embedder | None
) -> dict[QuotableSpan, float]:
    if embedder is None:
        return {}
    texts = [f"{quote.title} {quote.text}".strip()[:_EMBEDDED_CHARACTERS] for quote in quotes]
    vectors = embedder.embed([question, *texts])
    return {q: float(v @ vectors[0]) for q, v in zip(quotes, vectors[1:], strict=True)}
