"""The verifier: every check of an answer's citations, as one object to keep and to share."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from agent_knowledge.citations.entailment import THRESHOLD, SupportCheck
from agent_knowledge.citations.evidence import GivenPassages, PassageText, as_passages
from agent_knowledge.citations.finish import Finished, Unsupported, finish_with
from agent_knowledge.citations.markers import Span
from agent_knowledge.citations.opinions import DecidingJudge, with_opinions
from agent_knowledge.citations.repair import Search
from agent_knowledge.citations.sentences import CitedSentence, read_sentences
from agent_knowledge.citations.verification import Checks, Verification, judge, verify_with
from agent_knowledge.errors import InputError
from agent_knowledge.ports import ClaimJudge, Embedder
from agent_knowledge.types import Passage, Plan
from agent_knowledge.types.answers import Claim


class CitationVerifier:
    """Verifies the citations of any answer against any passages. Safe to share between threads.

    It remembers what it read, so that one object for many answers is the fast way. `load_verifier`
    makes one with the packaged embedder, which also accepts true claims in a writer's own words
    that share few words with the passage; this constructor alone decides by words.

    Example:
        found = CitationVerifier().verify("Returns take 30 days [1].", ["Returns take 30 days."])
    """

    def __init__(
        self,
        embedder: Embedder | None = None,
        *,
        judge: ClaimJudge | None = None,
        documents: Callable[[Passage], str | None] | None = None,
        threshold: float = THRESHOLD,
        judge_decides: bool = False,
    ) -> None:
        """Put a verifier together; nothing is loaded yet.

        Args:
            embedder: Reads the meaning of words; heeded when the package has a fit for its vectors
                (`minilm`).
            judge: Gives a second opinion on every claim; both verdicts are shown, and the packaged
                one decides.
            documents: From a passage to the text of its document as it is stored now, None where
                that is not known; quotations are looked up there.
            threshold: Probability from which a claim counts as supported, 0..1.
            judge_decides: The judge decides in the packaged check's place, passage by passage, and
                not only on what bears a marker; where it gives no verdict, the packaged one stands.

        Raises:
            InputError: The judge is to decide and there is none.
        """
        if judge_decides and judge is None:
            msg = "judge_decides: there is no judge; give one as judge=..., or leave it false"
            raise InputError(msg)
        self._support = SupportCheck(embedder, threshold)
        self._judge, self._decides = judge, judge_decides
        self._stored = _reader(documents) if documents else None

    def reading(self, documents: Callable[[Passage], str | None]) -> CitationVerifier:
        """The same verifier, looking quotations up in other documents than it does.

        One that looks them up nowhere stays as it is. What was read is remembered in common.
        """
        if self._stored is None:
            return self
        other = copy.copy(self)
        other._stored = _reader(documents)
        return other

    def prepare(self, passages: GivenPassages) -> None:
        """Read passages, and embed their sentences, before answers about them come."""
        for passage in as_passages(passages).values():
            self._support.prepare(passage.text, passage.title)

    def verify(self, answer: str, passages: GivenPassages) -> Verification:
        """Verify an answer as it stands.

        Args:
            answer: Any text.
            passages: By the id that markers name, or in the order in which they are numbered from
                1. A passage is one of ours, a text, a LangChain `Document`, or anything with
                `title` and `text`.

        Raises:
            InputError: A passage is none of these.
        """
        known = as_passages(passages)
        found = verify_with(self._checks().remembering(), answer, known)
        return replace(found, claims=self._with_opinions(found.claims, known))

    def support(self, claim: str, passages: GivenPassages) -> Claim:
        """Judge one claim, which bears no markers, as if it cited all of the passages.

        Raises:
            InputError: A passage is none of what `verify` takes.
        """
        known = as_passages(passages)
        whole = CitedSentence(text=claim, start=0, end=len(claim), markers=())
        found = judge(whole, known, self._checks().remembering())
        return self._with_opinions([found], known)[0]

    def ungrounded(self, text: str, passages: GivenPassages) -> tuple[Span, ...]:
        """Sentences that state something and that no passage supports, markers or not.

        Args:
            text: An answer that bears no markers.
            passages: As in `verify`; where there are none, every statement counts.
        """
        known = as_passages(passages)
        if not known:
            return read_sentences(text, ()).uncited
        return verify_with(self._checks().remembering(), text, known).ungrounded

    def finish(
        self,
        text: str,
        passages: Sequence[Passage] | Mapping[str, Passage],
        unsupported: Unsupported = "annotate",
        *,
        plan: Plan | None = None,
        search: Search | None = None,
    ) -> Finished:
        """Make of what a model said what may be shown; see `citations.finish.finish`.

        The second opinion is asked for at the end, about the claims that are left.
        """
        finished = finish_with(self._checks(), text, passages, unsupported, plan, search)
        claims = self._with_opinions(finished.claims, finished.by_number)
        return replace(finished, claims=claims)

    def _checks(self) -> Checks:
        """What one answer is checked with."""
        if self._judge is None or not self._decides:
            support = self._support
            return Checks(support=support, stored=self._stored, ahead=support.ahead)
        judge = DecidingJudge(self._judge, self._support)
        return Checks(support=judge, stored=self._stored, ahead=judge.ahead)

    def _with_opinions(
        self, claims: Sequence[Claim], passages: Mapping[str, PassageText]
    ) -> tuple[Claim, ...]:
        return with_opinions(claims, passages, None if self._decides else self._judge)


def _reader(
    documents: Callable[[Passage], str | None],
) -> Callable[[PassageText], str | None]:
    """Documents of whatever is a passage of ours."""
    return lambda passage: documents(passage) if isinstance(passage, Passage) else None
