"""An answer with its evidence: claims, what they cite, and whether the passages say so.

Values like those of `types`, which they build on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from agent_knowledge.types import CitedTurn, Decision, Knowledge, Passage

Verdict = Literal["supported", "unsupported", "contradicted"]
Flag = Literal["no_citation", "states_in_gap"]
FLAGS: Mapping[Flag, str] = {
    "no_citation": "nothing is cited, although passages were given",
    "states_in_gap": "something is stated, although no source was found to hold it",
}
"""What each flag says of an answer, for whoever shows it."""


class Judged(Protocol):
    """What has a verdict."""

    @property
    def supported(self) -> bool:
        """A passage says it."""
        ...

    @property
    def contradicted(self) -> bool:
        """A passage says otherwise."""
        ...


def verdict_of(judged: Judged) -> Verdict:
    """The finding in one word."""
    if judged.supported:
        return "supported"
    return "contradicted" if judged.contradicted else "unsupported"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Where a passage says it: characters `start:end` of passage number `passage`'s text."""

    passage: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotation:
    """Words of an answer between quotation marks, or in a block quotation, beside a citation.

    Attributes:
        start: Its first character in the answer, behind the mark.
        end: One past its last.
        verbatim: The cited document has them, white space and typography aside: a cited passage
            or its title, or where the stored document can be read, that as it is now.
        found: Where a cited passage has them, if one does.
    """

    start: int
    end: int
    verbatim: bool
    found: Quote | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What a second judge says of a claim, beside the packaged check or in its place.

    Attributes:
        judge: Who was asked.
        supported: What it says; None where it gave nothing that can be used.
        reason: Why, in its words; or what went wrong.
        contradicted: It says that the passages say otherwise.
        score: Its probability that they say it, 0..1, if it gave one.
    """

    judge: str
    supported: bool | None
    reason: str = ""
    contradicted: bool = False
    score: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A sentence of an answer that bears citation markers.

    Attributes:
        text: The sentence without its markers.
        start: Its first character in the answer.
        end: One past its last, markers included.
        cites: Ids of the passages that it names and that exist.
        supported: A cited passage says it.
        score: The probability that the cited passages say it, 0..1.
        quote: Where that passage says it, when it does.
        contradicted: It is not supported, and a cited passage says otherwise.
        reason: Why it is not supported, in words; empty where it is.
        quotations: What it puts between quotation marks, each found verbatim or not.
        opinion: What a second judge says, where one is asked.
    """

    text: str
    start: int
    end: int
    cites: tuple[str, ...]
    supported: bool
    score: float
    quote: Quote | None = None
    contradicted: bool = False
    reason: str = ""
    quotations: tuple[Quotation, ...] = ()
    opinion: Opinion | None = None

    @property
    def verdict(self) -> Verdict:
        """The finding in one word."""
        return verdict_of(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """A claim in an answer tied to one passage, verified.

    Attributes:
        start: First character of the claim in the answer.
        end: One past its last.
        number: The passage's number in the answer, as in `[1]`.
        passage: The passage.
        supported: Whether the passage was found to say it.
        score: Degree of support, 0..1.
        quote: Where the passage says it: characters of the passage's text.
        contradicted: The passage says otherwise.
    """

    start: int
    end: int
    number: int
    passage: Passage
    supported: bool
    score: float
    quote: tuple[int, int] | None = None
    contradicted: bool = False

    @property
    def verdict(self) -> Verdict:
        """The finding in one word."""
        return verdict_of(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer with its evidence.

    Attributes:
        text: What to show; no marker in it names a passage that does not exist.
        citations: One per claim and passage, in order of the text.
        claims: Every sentence with a marker, verified.
        fabricated: Markers that the model wrote and that name no passage; removed from the text.
        knowledge: What the model was given, with the decision; under `unsupported: repair` with
            the passages behind its own that a fresh search found for a claim.
        model: Which model answered.
        fallbacks: Rungs that were tried first and failed, with what went wrong.
        uncited: Sentences that state something and bear no marker, as characters of `text`; told
            under `citations: always`.
        ungrounded: Those sentences without a marker that no passage of `knowledge` supports, of an
            answer that was given passages or that answers a gap.
        faults: How the text breaks its set's JSON schema, after one try to repair it.
        flags: Told under every policy: `no_citation` where it states something and cites nothing
            although passages were given, `states_in_gap` where it states something, cited or not,
            although the decision says that no source can serve. See `FLAGS`.
    """

    text: str
    knowledge: Knowledge
    citations: tuple[Citation, ...] = ()
    claims: tuple[Claim, ...] = ()
    fabricated: tuple[str, ...] = ()
    uncited: tuple[tuple[int, int], ...] = ()
    ungrounded: tuple[tuple[int, int], ...] = ()
    model: str = ""
    fallbacks: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    flags: tuple[Flag, ...] = ()

    @property
    def decision(self) -> Decision:
        """The decision behind the answer."""
        return self.knowledge.decision

    @property
    def cited_turn(self) -> CitedTurn:
        """What it cited, for `Task.cited` of the conversation's further turns."""
        return CitedTurn(passages={str(one.number): one.passage for one in self.citations})
