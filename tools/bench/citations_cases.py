"""True claims about the passages of a corpus, and claims made false on purpose."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from agent_knowledge.text import content_words, sentences

_NUMBER = re.compile(r"(?<![\w.,])\d+(?:[.,]\d+)*(?![\w])")
_YEAR = re.compile(r"(?<![\w.,])(?:1[5-9]|20)\d\d(?![\w])")
_MONTH = re.compile(
    r"\b(?:January|February|March|April|May|June|July|August|September|October|November|December)\b"
    r"(?= \d)|(?<=\d )(?:January|February|March|April|May|June|July|August|September|October"
    r"|November|December)\b"
)
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{2,}")
_FULL_NAME = re.compile(r"(?<=[a-z,] )[A-Z][\w'-]+(?: [A-Z][\w'-]+)*")
_AUXILIARY = re.compile(r" (is|are|was|were|can|will|has|have|should|does|may|must) (?!not\b)")
_DENIED = re.compile(
    r"( (?:is|are|was|were|can|will|has|have|should|does|do|did|may|must))(?: not|n't)\b"
    r"|\b(can)not\b"
)
_MONTHS = "January February March April May June July August September October November December"
_LONGEST = 400
_FEWEST_WORDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A claim and the passage that it cites."""

    claim: str
    text: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Cases of one sort, all true or all false.

    Attributes:
        name: What they are.
        cases: In a fixed random order.
        target: The share to accept: at least this of true ones, at most this of false ones; None
            where none is set.
        true: Whether the passages say what the claims say.
    """

    name: str
    cases: list[Case]
    target: float | None
    true: bool = False

    @property
    def wanted(self) -> str:
        """The target as text."""
        if self.target is None:
            return ""
        return f"{'≥' if self.true else '≤'} {self.target:.2f}"

    def met(self, share: float) -> bool:
        """Whether a share of accepted claims meets the target."""
        return self.target is None or (share >= self.target if self.true else share <= self.target)


def corpus_kinds(rows: Sequence[Mapping[str, str]]) -> list[Kind]:
    """The sentences of a corpus, and the same made false in every way."""
    draw = random.Random(7)
    true = [
        Case(claim=text, text=row["text"], title=row["title"])
        for row in rows
        for text in (row["text"][a:b] for a, b in sentences(row["text"]))
        if len(content_words(text)) >= _FEWEST_WORDS
        and len(text) < _LONGEST
        and text != row["title"]
    ]
    draw.shuffle(true)
    others = [Case(claim="", text=row["text"], title=row["title"]) for row in rows]
    return [
        Kind(name="verbatim", cases=true, target=0.98, true=True),
        *_falsified(true, draw),
        Kind(name="negation removed", cases=_changed(true, _affirm), target=0.08),
        Kind(name="source swapped", cases=list(_moved(true, others, draw)), target=0.02),
        Kind(name="half of another passage", cases=_merged(true, draw), target=None),
    ]


def own_words_kinds(
    rows: Sequence[Mapping[str, str]], queries: Sequence[Mapping[str, str]]
) -> list[Kind]:
    """Answers written by people, a sentence each, with their gold passages joined to one."""
    draw = random.Random(7)
    by_id = {row["id"]: row for row in rows}
    right: list[Case] = []
    wrong: list[Case] = []
    for query in queries:
        gold = [by_id[i] for i in query["relevant"] if i in by_id]
        joined = "\n\n".join(f"{row['title']}\n\n{row['text']}" for row in gold)
        other = draw.choice([row for row in rows if row["id"] not in query["relevant"]])
        for claim in _unlabelled_sentences(query["answer"]):
            right.append(Case(claim=claim, text=joined, title=""))
            wrong.append(Case(claim=claim, text=other["text"], title=other["title"]))
    return [
        Kind(name="own words", cases=right, target=0.88, true=True),
        *(replace(kind, name=f"own words, {kind.name}") for kind in _falsified(right, draw)),
        Kind(name="own words, wrong source", cases=wrong, target=0.02),
        Kind(name="own words, half of another", cases=_merged(right, draw), target=None),
    ]


def _unlabelled_sentences(answer: str) -> Iterator[str]:
    """Sentences without the label of a list's item ("2)").

    It states nothing, and no check reads it: a claim with another label would still be true.
    """
    for start, end in sentences(answer):
        sentence = answer[start:end]
        yield sentence[sentences(sentence)[0][0] :]


def _falsified(true: Sequence[Case], draw: random.Random) -> list[Kind]:
    return [
        Kind(
            name="number changed", cases=_changed(true, lambda c: _renumber(c, draw)), target=0.02
        ),
        Kind(name="number of the passage", cases=_swapped(true, _NUMBER, draw), target=0.02),
        Kind(name="year of the passage", cases=_swapped(true, _YEAR, draw), target=0.02),
        Kind(name="month changed", cases=_changed(true, lambda c: _redate(c, draw)), target=0.02),
        Kind(name="name of the passage", cases=_swapped(true, _NAME, draw), target=0.08),
        Kind(name="full name of the passage", cases=_swapped(true, _FULL_NAME, draw), target=0.08),
        Kind(name="negation inserted", cases=_changed(true, _negate), target=0.08),
    ]


def _changed(cases: Sequence[Case], change: Callable[[Case], str | None]) -> list[Case]:
    changed = ((change(case), case) for case in cases)
    return [replace(c, claim=claim) for claim, c in changed if claim and claim not in c.text]


def _swapped(cases: Sequence[Case], kind: re.Pattern[str], draw: random.Random) -> list[Case]:
    return _changed(cases, lambda case: _swap(case, kind, draw))


def _moved(cases: Sequence[Case], others: Sequence[Case], draw: random.Random) -> Iterator[Case]:
    for case in cases:
        other = draw.choice(others)
        if case.claim not in other.text:
            yield replace(other, claim=case.claim)


def _merged(cases: Sequence[Case], draw: random.Random) -> list[Case]:
    """The first half of each claim with the second half of one about another passage."""
    found: list[Case] = []
    for case in cases:
        other = draw.choice(cases)
        ours, theirs = case.claim.split(), other.claim.split()
        if other.text != case.text and min(len(ours), len(theirs)) > _FEWEST_WORDS:
            claim = " ".join([*ours[: (len(ours) + 1) // 2], *theirs[len(theirs) // 2 :]])
            found.append(replace(case, claim=claim))
    return found


def _renumber(case: Case, draw: random.Random) -> str | None:
    found = list(_NUMBER.finditer(case.claim))
    if not found:
        return None
    match = draw.choice(found)
    digits = match.group().replace(",", "")
    changed = str(int(float(digits)) + draw.randint(1, 40)) if digits.count(".") < 2 else "9.9.9"
    if re.search(rf"(?<!\d){changed}(?!\d)", case.text):
        return None
    return case.claim[: match.start()] + changed + case.claim[match.end() :]


def _redate(case: Case, draw: random.Random) -> str | None:
    match = _MONTH.search(case.claim)
    if not match:
        return None
    other = draw.choice([month for month in _MONTHS.split() if month != match.group()])
    return case.claim[: match.start()] + other + case.claim[match.end() :]


def _swap(case: Case, kind: re.Pattern[str], draw: random.Random) -> str | None:
    """Put another number or name of the same passage, foreign to the sentence, into the claim."""
    found = list(kind.finditer(case.claim))
    others = sorted(set(kind.findall(case.text)) - set(kind.findall(case.claim)))
    others = [other for other in others if other not in case.claim]
    if not found or not others:
        return None
    match = draw.choice(found)
    return case.claim[: match.start()] + draw.choice(others) + case.claim[match.end() :]


def _negate(case: Case) -> str | None:
    claim, count = _AUXILIARY.subn(r" \1 not ", case.claim, count=1)
    return claim if count else None


def _affirm(case: Case) -> str | None:
    claim, count = _DENIED.subn(r"\1\2", case.claim, count=1)
    return claim if count else None
