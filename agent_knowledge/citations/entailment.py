"""Does a passage say what a claim says?

Each sentence of the claim is put beside the sentences of the passage that come closest, and what
words and, where an embedder is given, their vectors say is weighed by one fitted logistic function.
The sentence that is least supported decides.

`Support` is the door for another judge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from agent_knowledge.citations.fit import SupportFit, has_fit, load_fit
from agent_knowledge.citations.meaning import Meaning, Memory
from agent_knowledge.citations.measures import Beside, measure, put_beside
from agent_knowledge.citations.reading import TokenizedText, read_passage
from agent_knowledge.citations.reasons import reason_against
from agent_knowledge.ports import Embedder, TokenEmbedder
from agent_knowledge.text import content_words, sentences
from agent_knowledge.types.answers import Opinion, Verdict, verdict_of

THRESHOLD = 0.5
"""Probability from which a claim counts as supported where nobody chooses another; its curve stands
in docs/citations.md."""
Question = tuple[str, str, str]
"""A claim, a passage's text and its title."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entailment:
    """What a check found.

    Attributes:
        supported: The passage says it.
        score: The probability that it does, 0..1.
        span: Characters of the passage's text that come closest, if any word is shared.
        contradicted: The passage says otherwise.
        reason: Why it is not supported, in words; empty where it is.
        opinion: What a judge said, where one decides.
    """

    supported: bool
    score: float
    span: tuple[int, int] | None = None
    contradicted: bool = False
    reason: str = ""
    opinion: Opinion | None = None

    @property
    def verdict(self) -> Verdict:
        """The finding in one word."""
        return verdict_of(self)


class Support(Protocol):
    """Judges whether a passage supports a claim."""

    def __call__(self, claim: str, text: str, title: str = "") -> Entailment:
        """Judge one claim, without its markers, against one passage and its title."""
        ...


class SupportCheck:
    """The packaged judge. Safe to share between threads.

    It remembers what it read, so that a second claim about the same passage costs little.
    """

    def __init__(self, embedder: Embedder | None = None, threshold: float = THRESHOLD) -> None:
        """Prepare without reading anything.

        Args:
            embedder: Gives the vectors of words, if it can and a fit for them is packaged
                (`minilm`); without one, words decide alone.
            threshold: Probability from which a claim counts as supported, 0..1.
        """
        self._meaning: Meaning | None = None
        if isinstance(embedder, TokenEmbedder) and has_fit(embedder.name):
            self._meaning = Meaning(embedder)
        self._space = embedder.name if embedder and self._meaning else "words"
        self._threshold = threshold
        self._readings = Memory[TokenizedText](_PASSAGES)
        self._measured = Memory[_ByWords](_CLAIMS)

    def prepare(self, text: str, title: str = "") -> None:
        """Read a passage now, before claims about it come, and embed it unless it is long.

        Of a long one, the windows that claims come to are embedded when they do.
        """
        reading = self._read(text, title)
        if self._meaning and len(reading.spans) <= _PREPARED:
            self._meaning.embed([reading.text[a:b] for a, b in reading.spans])

    def ahead(self, questions: Sequence[Question]) -> None:
        """Embed in one batch what words leave open of several claims."""
        if self._meaning:
            reading = {q: self._read(q[1], q[2]) for q in questions}
            found = [
                self._by_words(part, reading[q]) for q in questions for part in claim_parts(q[0])
            ]
            self._meaning.ahead([f.beside for f in found if f.beside and not self._is_sure(f)])

    def __call__(self, claim: str, text: str, title: str = "") -> Entailment:
        """Judge one claim against one passage; see `Support`."""
        reading = self._read(text, title)
        parts = [self._judge(part, reading) for part in claim_parts(claim)]
        if not parts:
            return _NOTHING
        worst = min(parts, key=lambda found: found.score)
        denied = next((found for found in parts if found.contradicted), None)
        return replace(denied, score=worst.score) if denied else worst

    def _read(self, text: str, title: str) -> TokenizedText:
        return self._readings.get((text, title), lambda: read_passage(text, title))

    def _judge(self, claim: str, reading: TokenizedText) -> Entailment:
        found = self._by_words(claim, reading)
        beside, fit, measured = found.beside, load_fit(self._space), dict(found.measured)
        if beside is None:
            return _NOTHING
        if self._meaning and self._is_sure(found):
            fit = _words()
        elif self._meaning:
            measured = measured | self._meaning.measure(beside)
        weigh = fit.supported(measured)
        score = weigh.probability(measured)
        supported = score >= self._threshold
        denied = (1 - score) * fit.denied.probability(measured)
        return Entailment(
            supported=supported,
            score=score,
            span=beside.window.span(reading),
            contradicted=not supported and denied >= fit.contradicted,
            reason="" if supported else reason_against(beside, weigh.parts(measured)),
        )

    def _by_words(self, claim: str, reading: TokenizedText) -> _ByWords:
        def made() -> _ByWords:
            beside = put_beside(claim, reading)
            return _ByWords(beside, measure(beside) if beside else {})

        return self._measured.get((claim, reading.text, reading.title), made)

    def _is_sure(self, found: _ByWords) -> bool:
        """Whether vectors would next to never change what words say."""
        low, high = load_fit(self._space).sure
        weigh = _words().supported(found.measured) if found.beside else None
        return weigh is None or not low <= weigh.probability(found.measured) <= high


@dataclass(frozen=True, slots=True)
class _ByWords:
    """A sentence beside a passage with what the words say; None if they share none."""

    beside: Beside | None
    measured: Mapping[str, float]


def _words() -> SupportFit:
    return load_fit("words")


def claim_parts(claim: str) -> list[str]:
    """The sentences of a claim that say something."""
    parts = (claim[a:b] for a, b in sentences(claim))
    return [part for part in parts if content_words(part)]


_PASSAGES, _CLAIMS = 512, 2048
_PREPARED = 40
"""Sentences of a passage that are embedded before anybody asks: 100 ms at most on two cores."""
_NOTHING = Entailment(supported=False, score=0.0, reason="they share no word")

check_by_words = SupportCheck()
"""The packaged judge without an embedder: needs nothing, knows no synonyms."""
