"""Which sentences, lists or code of the passages answer a question.

A logistic function, fitted by `tools/train/answers.py`, says how likely a span answers. It
understands nothing, and where the best span is not likely enough to answer, none is quoted.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from json import loads

from agent_knowledge.models.quotes import Place, QuotableSpan, read_quotes, stems
from agent_knowledge.ports import Embedder
from agent_knowledge.prompts import WrittenPassage
from agent_knowledge.text import sentences, words

MOST_SPANS = 3
_EMBEDDED = 16
"""Spans that are embedded, and of each the characters: some 5 ms a span."""
_EMBEDDED_CHARACTERS = 240
_WORTH_ADDING = 0.05
"""Share of the question that a further span must add, after what its weakness costs ..."""
_PRICE = 0.12
"""... for each of the log-odds by which it is weaker than the best one ..."""
_LINK_BONUS = 0.15
"""... and what it is worth that one names what the other is titled, as a second look-up would. A
fit of these to labelled spans split two-part questions no better: it had seen too few of them."""
_ASKS_AMOUNT = re.compile(
    r"\b(?:how (?:long|many|much|often|old|far|big|large|high|fast|heavy)|when"
    r"|(?:what|which) (?:year|date|time|price|percentage|number|amount|age|size|version|port))\b",
    re.IGNORECASE,
)
_OF_AMOUNTS = re.compile(rf"{_ASKS_AMOUNT.pattern}|\b(?:takes?|lasts?|costs?)\b", re.IGNORECASE)
_AMOUNT = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|once|twice|hundred|thousand"
    r"|million|percent|half|daily|weekly|monthly)\b",
    re.IGNORECASE,
)
"""What such a question asks for. Without it the left-out share of questions answered falls by 0.01
(`tools.train.answers`)."""
_SEVERAL = re.compile(r"\b(?:and|or|as well as|plus)\b|;|\?.*\?", re.IGNORECASE | re.DOTALL)
"""A question of several parts: only that, or a link, makes room for a further span."""
_HEADING_WORDS = 12
"""A longer title is not put before a quote."""
_SAME = 0.6
"""Share of common stems from which two spans say the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSpan:
    """What answers, on one line; the code that it introduces; the number of its passage."""

    text: str
    code: str = ""
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFit:
    """A logistic function of named values, and the probability from which it says yes."""

    weights: Mapping[str, float]
    bias: float
    enough: float

    def score(self, values: Mapping[str, float]) -> float:
        """Log-odds; what it has no weight for counts nothing."""
        return self.bias + sum(weight * values[name] for name, weight in self.weights.items())

    def probability(self, score: float) -> float:
        """Of log-odds, 0..1."""
        return 1 / (1 + math.exp(-score))


@cache
def load_answer_fits() -> Mapping[str, AnswerFit]:
    """The packaged fits: `minilm`, and `words` for where nothing measures nearness."""
    text = files("agent_knowledge.data").joinpath("answers.json").read_text(encoding="utf-8")
    return {name: AnswerFit(**fit) for name, fit in loads(text)["fits"].items()}


def answer_spans(
    question: str,
    passages: Sequence[WrittenPassage],
    embedder: Embedder | None = None,
    *,
    doubtful: bool = False,
) -> tuple[AnswerSpan, ...]:
    """Choose the one to three spans that most likely answer a question.

    A span that leans on the one before it ("It takes 30 days.") takes that one along, or the
    heading of its passage where it is the first.

    Args:
        question: The question.
        passages: Best first.
        embedder: Adds nearness in meaning to coverage; its cosines must be MiniLM's in kind.
        doubtful: The router found that the sources may lack what is asked.

    Returns:
        In the order of the passages, and within one in its own; none if nothing is likely enough.
    """
    view = QuestionView.of(question, passages, embedder, doubtful=doubtful)
    shown = _with_leads(view.pick(), {span.place: span for span in view.spans})
    ordered = [shown[place] for place in sorted(shown)]
    openings = [""] + [span.opening for span in ordered]
    return tuple(
        _found(span, shown, opened=before)
        for span, before in zip(ordered, openings[:-1], strict=True)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionView:
    """The spans of all passages as a question sees them.

    Attributes:
        spans: All that can be quoted, in order.
        values: What is measured of those that promise most; see `_measure`.
        weights: What each stem of the question weighs: more, the fewer spans hold it.
        question: As it was put.
        space: Which of the fits reads it.
    """

    spans: Sequence[QuotableSpan]
    values: Mapping[QuotableSpan, Mapping[str, float]]
    weights: Mapping[str, float]
    question: str
    space: str

    @classmethod
    def of(
        cls,
        question: str,
        passages: Sequence[WrittenPassage],
        embedder: Embedder | None = None,
        *,
        doubtful: bool = False,
    ) -> QuestionView:
        """Measure what the passages hold; see `answer_spans`."""
        spans = [span for rank, p in enumerate(passages) for span in read_quotes(p, rank)]
        asked = _asked(question)
        counts = Counter(stem for s in spans for stem in (s.own | s.context) & asked)
        weights = {stem: math.log(1 + len(spans) / (0.5 + counts[stem])) for stem in asked}
        by_words = _preferred(spans, weights)
        near = _nearness(question, by_words, embedder)
        amount = bool(_ASKS_AMOUNT.search(question))
        values = _measure(by_words, weights, near, amount=amount, doubtful=doubtful)
        space = "minilm" if embedder else "words"
        return cls(spans=spans, values=values, weights=weights, question=question, space=space)

    def pick(self) -> list[QuotableSpan]:
        """The likeliest span, if it is likely enough, and up to two that belong beside it."""
        fit = load_answer_fits()[self.space]
        scores = {span: fit.score(values) for span, values in self.values.items()}
        best = max(scores, key=scores.__getitem__, default=None)
        if best is None or fit.probability(scores[best]) < fit.enough:
            return []
        picked = [best]
        open_ = frozenset(self.weights) - best.own - best.context

        several = _has_parts(self.question)

        def worth(span: QuotableSpan) -> float:
            linked = any(_is_linked(span, other, self.question) for other in picked)
            weaker = scores[best] - scores[span]
            added = self._share(open_ & span.own) if several or linked else 0.0
            return added - _PRICE * weaker + _LINK_BONUS * linked

        while len(picked) < MOST_SPANS:
            rest = [s for s in scores if not any(_same(s, other) for other in picked)]
            further = max(rest, key=worth, default=None)
            if further is None or worth(further) < _WORTH_ADDING:
                break
            picked.append(further)
            open_ -= further.own
        return picked

    def _share(self, held: Collection[str]) -> float:
        total = sum(self.weights.values()) or 1.0
        return sum(self.weights[stem] for stem in held) / total


def _asked(question: str) -> frozenset[str]:
    """The stems that tell an answer: of "how long does it take" others about amounts have any."""
    told = _OF_AMOUNTS.sub(" ", question) if _ASKS_AMOUNT.search(question) else question
    return stems(told) or stems(question)


def _has_parts(question: str) -> bool:
    """Whether a question, without what is told before it, has more than one part."""
    read = [question[start:end] for start, end in sentences(question)]
    return _SEVERAL.search(" ".join([s for s in read if s.endswith("?")] or read)) is not None


def _preferred(spans: Sequence[QuotableSpan], weights: Mapping[str, float]) -> list[QuotableSpan]:
    """Those that hold most of the question: embedding all would take too long."""

    def held(span: QuotableSpan) -> float:
        cover, context = _cover(span, weights)
        return cover + context / 2 + 1 / (4 + 4 * span.place[0])

    return sorted(spans, key=held, reverse=True)[:_EMBEDDED]


def _cover(span: QuotableSpan, weights: Mapping[str, float]) -> tuple[float, float]:
    """Share of the question that a span holds, and that only its title or heading does."""
    total = sum(weights.values()) or 1.0
    own = sum(weight for stem, weight in weights.items() if stem in span.own)
    more = sum(weights.get(stem, 0.0) for stem in span.context - span.own)
    return own / total, more / total


def _measure(
    spans: Sequence[QuotableSpan],
    weights: Mapping[str, float],
    near: Mapping[QuotableSpan, float],
    *,
    amount: bool,
    doubtful: bool,
) -> dict[QuotableSpan, Mapping[str, float]]:
    """What is measured of each span.

    Returns:
        `near`: cosine with the question; `held`: share of the question that it, its title or its
        lead holds; `rank`: 1 for the best passage, 1/2 for the next; `first`: 1 for the first span
        of a passage, 1/2 for the next; `amount`: where an amount is asked for, 1 if it has one and
        -1 if not, else 0; `doubtful`: 1 or 0.
    """
    found: dict[QuotableSpan, Mapping[str, float]] = {}
    for span in spans:
        passage, place = span.place
        given = 1.0 if _AMOUNT.search(span.text) else -1.0
        found[span] = {
            "near": near.get(span, 0.0),
            "held": sum(_cover(span, weights)),
            "rank": 1 / (1 + passage),
            "first": 1 / (1 + place),
            "amount": given if amount else 0.0,
            "doubtful": float(doubtful),
        }
    return found


def _nearness(
    question: str, spans: Sequence[QuotableSpan], embedder: Embedder | None
) -> dict[QuotableSpan, float]:
    if embedder is None or not spans:
        return {}
    texts = [f"{s.lead or s.title} {s.text} {s.code}".strip()[:_EMBEDDED_CHARACTERS] for s in spans]
    vectors = embedder.embed([question, *texts])
    return {s: float(v @ vectors[0]) for s, v in zip(spans, vectors[1:], strict=True)}


def _with_leads(
    picked: Sequence[QuotableSpan], by_place: Mapping[Place, QuotableSpan]
) -> Mapping[Place, QuotableSpan]:
    """The picked, each with the sentence that it leans on, as long as there is room."""
    found: dict[Place, QuotableSpan] = {}
    for span in picked:
        lead = by_place.get(span.before) if span.leans else None
        if lead and (lead.form != "sentence" or any(_same(lead, o) for o in found.values())):
            lead = None
        added = [one for one in (lead, span) if one]
        if len(found) + len(added) <= MOST_SPANS:
            found |= {one.place: one for one in added}
    return found


def _found(span: QuotableSpan, shown: Mapping[Place, QuotableSpan], *, opened: str) -> AnswerSpan:
    """A span as it is given: under its heading where it leans on nothing that is shown.

    What opens a list stands before the first of its items alone.
    """
    text = span.text.removeprefix(span.opening) if span.opening == opened else span.text
    if span.leans and span.before not in shown and 0 < len(words(span.title)) <= _HEADING_WORDS:
        text = f"{span.title}{' ' if span.title[-1] in '.!?' else ': '}{text}"
    return AnswerSpan(text=text, code=span.code, number=span.number)


def _is_linked(one: QuotableSpan, other: QuotableSpan, question: str) -> bool:
    """Whether one of two passages speaks of what the other is titled, and the question does not."""
    return one.number != other.number and any(
        named.title in by.text and named.title not in question and len(words(named.title)) > 1
        for named, by in ((one, other), (other, one))
    )


def _same(one: QuotableSpan, other: QuotableSpan) -> bool:
    return len(one.own & other.own) > _SAME * max(1, min(len(one.own), len(other.own)))
