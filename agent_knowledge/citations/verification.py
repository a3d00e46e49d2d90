"""Which passages an answer cites, and whether they say what it says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from agent_knowledge.citations.entailment import Entailment, Question, Support, check_by_words
from agent_knowledge.citations.evidence import PassageText
from agent_knowledge.citations.markers import Span, find_markers
from agent_knowledge.citations.quotations import find_quotation
from agent_knowledge.citations.sentences import CitedSentence, Quoted, read_sentences
from agent_knowledge.errors import AgentKnowledgeError
from agent_knowledge.types.answers import Claim, Quotation, Quote

LEAST_QUOTED_WORDS = 3
"""From so many words on, a quotation that is not verbatim decides against its claim. Fewer may be
a name or a term set off by quotation marks."""
NOTHING_CITED = "it cites no passage that exists"

Stored = Callable[[PassageText], str | None]
"""From a passage to the text of its document as it is stored now; None where nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """What claims are checked with.

    Attributes:
        support: Judges one claim against one passage.
        stored: Where quotations are looked up; None for the passages alone.
        ahead: Is given every question of an answer before `support` is asked any.
    """

    support: Support = check_by_words
    stored: Stored | None = None
    ahead: Callable[[Sequence[Question]], None] | None = None

    def remembering(self) -> Checks:
        """The same, asking nothing twice; for the work on one answer."""
        return replace(self, support=lru_cache(maxsize=None)(self.support))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was found about an answer.

    Attributes:
        claims: The sentences that bear markers, in order.
        fabricated: Ids in markers that no passage has, in order, each once.
        uncited: Sentences that state something and bear no marker, as characters of the answer.
        ungrounded: Those of them that no passage supports; none where there are no passages.
    """

    claims: tuple[Claim, ...]
    fabricated: tuple[str, ...]
    uncited: tuple[Span, ...] = ()
    ungrounded: tuple[Span, ...] = ()


def verify(
    answer: str, passages: Mapping[str, PassageText], support: Support = check_by_words
) -> Verification:
    """Verify the citations of an answer.

    A sentence without a marker is no claim, nor is one that says that the sources lack something.

    Args:
        answer: Any text.
        passages: The passages by the id that markers name.
        support: Judges one claim against one passage.
    """
    return verify_with(Checks(support=support), answer, passages)


def verify_with(checks: Checks, answer: str, passages: Mapping[str, PassageText]) -> Verification:
    """`verify` with every check there is."""
    markers = find_markers(answer, passages)
    named = dict.fromkeys(i for marker in markers for i in marker.ids)
    read = read_sentences(answer, markers)
    cited = [(sentence, cited_by(sentence, passages)) for sentence in read.cited]
    bare = [(span, answer[slice(*span)]) for span in read.uncited] if passages else []
    if checks.ahead:
        asked = [(sentence.text, p) for sentence, named in cited for p in named.values()]
        asked += [(text, p) for _, text in bare for p in passages.values()]
        checks.ahead([(text, p.text, p.title) for text, p in asked])
    return Verification(
        claims=tuple(judge(sentence, passages, checks) for sentence, passages in cited),
        fabricated=tuple(i for i in named if i not in passages),
        uncited=read.uncited,
        ungrounded=tuple(
            span for span, text in bare if not _judged(text, passages, checks.support)[1].supported
        ),
    )


def cited_by(
    sentence: CitedSentence, passages: Mapping[str, PassageText]
) -> dict[str, PassageText]:
    """The passages that a sentence cites and that exist, in the order of its markers."""
    ids = dict.fromkeys(i for marker in sentence.markers for i in marker.ids)
    return {i: passages[i] for i in ids if i in passages}


def judge(sentence: CitedSentence, cited: Mapping[str, PassageText], checks: Checks) -> Claim:
    """Judge a sentence against passages.

    The passage that fits best decides, or failing that all of them together: a claim that joins
    what two passages say needs both. A quotation that none of them has is no support, whatever
    the rest of the sentence says.

    Args:
        sentence: The sentence.
        cited: The passages, by id; one that says otherwise contradicts if none supports.
        checks: What to check with.
    """
    best, found = _judged(sentence.text, cited, checks.support)
    quotations = tuple(_quotation(quoted, cited, checks.stored) for quoted in sentence.quoted)
    invented = next(
        (
            quoted
            for quoted, told in zip(sentence.quoted, quotations, strict=True)
            if not told.verbatim and quoted.words >= LEAST_QUOTED_WORDS
        ),
        None,
    )
    if invented and found.supported:
        reason = f"{_shown(invented.text)} is not in the cited text word for word"
        found = replace(found, supported=False, score=min(found.score, _INVENTED), reason=reason)
    span = found.span if found.supported else None
    return Claim(
        text=sentence.text,
        start=sentence.start,
        end=sentence.end,
        cites=tuple(cited),
        supported=found.supported,
        score=found.score,
        quote=Quote(passage=best, start=span[0], end=span[1]) if span else None,
        contradicted=found.contradicted,
        reason=found.reason,
        quotations=quotations,
        opinion=found.opinion,
    )


def _judged(
    claim: str, cited: Mapping[str, PassageText], support: Support
) -> tuple[str, Entailment]:
    """What the passages say of a claim, and the id of the one that says it or comes closest."""
    if not cited:
        return "", Entailment(supported=False, score=0.0, reason=NOTHING_CITED)
    judged = {i: support(claim, passage.text, passage.title) for i, passage in cited.items()}
    best = max(judged, key=lambda i: (judged[i].supported, judged[i].score))
    found = judged[best]
    if not found.supported and sum(j.span is not None for j in judged.values()) > 1:
        together = _judged_together(claim, cited, judged, support)
        if together.supported:
            return best, replace(together, span=found.span)
    against = next((i for i, judgement in judged.items() if judgement.contradicted), None)
    if against is not None and not found.supported:
        return against, judged[against]
    return best, found


def _judged_together(
    claim: str,
    cited: Mapping[str, PassageText],
    judged: Mapping[str, Entailment],
    support: Support,
) -> Entailment:
    """Judge a claim against what each passage has closest to it, as if it were one sentence."""
    spans = [(cited[i].text, j.span) for i, j in judged.items() if j.span]
    said = (" ".join(text[slice(*span)].split()).rstrip(".!?。") for text, span in spans)
    return support(claim, "; ".join(said), "; ".join(p.title for p in cited.values()))


def _quotation(
    quoted: Quoted, cited: Mapping[str, PassageText], stored: Stored | None
) -> Quotation:
    spans = ((i, find_quotation(quoted.text, passage.text)) for i, passage in cited.items())
    found = next((Quote(passage=i, start=s[0], end=s[1]) for i, s in spans if s), None)
    return Quotation(
        start=quoted.start,
        end=quoted.end,
        verbatim=any(
            _holds(quoted.text, passage, _stored_text(passage, stored))
            for passage in cited.values()
        ),
        found=found,
    )


def _holds(quoted: str, passage: PassageText, stored: str | None) -> bool:
    """Whether a document has a quotation now; the passage stands for one that cannot be read."""
    text = passage.text if stored is None else stored
    return any(find_quotation(quoted, held) is not None for held in (text, passage.title))


def _stored_text(passage: PassageText, stored: Stored | None) -> str | None:
    try:
        return stored(passage) if stored else None
    except AgentKnowledgeError:  # such as an index that is being rebuilt
        return None


def _shown(quoted: str) -> str:
    line = " ".join(quoted.split())
    return repr(line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…")


_SHOWN = 80
_INVENTED = 0.02
"""The score of a claim whose quotation nobody finds; `support` gives it to a refuted one too."""
