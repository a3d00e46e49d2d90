"""Does a passage say what a claim says?

Two kinds of claim are told apart. One that has most of its words in the passage in the same
order is compared word by word: another name, number, date, unit or opposite in the place of the
passage's own, or a negation that only one of them has, contradicts it, whatever the passage says
elsewhere. One in a writer's own words must find its numbers and names in the passage, nothing
denied that it affirms, and enough of its wording: words first and, where they leave it open and
an embedder is given, its meaning.

`Support` is the door for another judge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from agent_knowledge.citations.comparison import compare
from agent_knowledge.citations.meaning import Meaning, Memory
from agent_knowledge.citations.reading import TokenizedText, read_passage
from agent_knowledge.citations.wording import has_fit, load_fit, undecided
from agent_knowledge.ports import Embedder

THRESHOLD = 0.5
"""Score from which a claim counts as supported; `tools/bench/citations.py` measures it."""

Verdict = Literal["supported", "unsupported", "contradicted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entailment:
    """What a check found.

    Attributes:
        supported: The passage says it.
        score: The probability that it does, 0..1; below THRESHOLD where it does not.
        span: Characters of the passage's text that come closest, if any word is shared.
        contradicted: The passage says otherwise.
        reason: Why it is not supported, in words; empty where it is.
    """

    supported: bool
    score: float
    span: tuple[int, int] | None = None
    contradicted: bool = False
    reason: str = ""

    @property
    def verdict(self) -> Verdict:
        """The finding in one word."""
        if self.supported:
            return "supported"
        return "contradicted" if self.contradicted else "unsupported"


class Support(Protocol):
    """Judges whether a passage supports a claim."""

    def __call__(self, claim: str, text: str, title: str = "") -> Entailment:
        """Judge one claim, without its markers, against one passage and its title."""
        ...


class SupportCheck:
    """The packaged judge. Safe to share between threads.

    It remembers what it read, so that a second claim about the same passage costs little.
    """

    def __init__(self, embedder: Embedder | None = None) -> None:
        """Prepare without reading anything.

        Args:
            embedder: Asked for the meaning of claims that words leave open, if a fit for its
                vectors is packaged (`minilm`); without one, words decide alone.
        """
        self._meaning: Meaning | None = None
        if embedder is not None and has_fit(embedder.name):
            self._meaning = Meaning(embedder, load_fit(embedder.name))
        self._readings = Memory[TokenizedText](_PASSAGES)

    def prepare(self, text: str, title: str = "") -> None:
        """Read a passage and embed its sentences now, before claims about it come."""
        reading = self._read(text, title)
        if self._meaning and reading.spans:
            self._meaning.embed_passage(reading)

    def __call__(self, claim: str, text: str, title: str = "") -> Entailment:
        """Judge one claim against one passage; see `Support`."""
        return self._judge(claim, self._read(text, title))

    def _read(self, text: str, title: str) -> TokenizedText:
        return self._readings.get((text, title), lambda: read_passage(text, title))

    def _judge(self, claim: str, reading: TokenizedText) -> Entailment:
        found = compare(claim, reading)
        if found is None:
            return Entailment(supported=False, score=0.0, reason="they share no word")
        span, fault = found.window.span(reading), found.fault
        if fault:
            return Entailment(
                supported=False,
                score=_REFUTED,
                span=span,
                contradicted=fault.contradicts,
                reason=fault.reason,
            )
        if found.order >= _VERBATIM:
            return Entailment(supported=True, score=found.order, span=span)
        score = self._probability(claim, found.measured, reading)
        supported = score >= THRESHOLD
        reason = "" if supported else found.lacking
        return Entailment(supported=supported, score=score, span=span, reason=reason)

    def _probability(
        self, claim: str, measured: Mapping[str, float], reading: TokenizedText
    ) -> float:
        by_words = load_fit("words").probability(measured)
        low, high = undecided()
        if self._meaning is None or not low < by_words < high:
            return by_words
        return self._meaning.probability(claim, measured, reading)


_PASSAGES = 512
_VERBATIM = 0.9
"""Share of a claim's words in the passage's order from which nothing else need be asked."""
_REFUTED = 0.02
"""The score of a claim that a single fact refutes."""

check_by_words = SupportCheck()
"""The packaged judge without an embedder: needs nothing, knows no synonyms."""
