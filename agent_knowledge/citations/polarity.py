"""What is denied in a text: negations with what they reach, words that deny, opposites."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import Stemmer

from agent_knowledge.citations.reading import Token

_REACH = 4
"""Content words that a negation reaches, within its clause."""
_CLAUSE_END = re.compile(r"[,;:.!?()–—]")
_CLAUSE_WORDS = frozenset("but while whereas although though unless except because since".split())  # noqa: SIM905 - a table of words reads better as words

_stem = Stemmer.Stemmer("english").stemWords  # used at import only: not to be shared by threads

_DENYING = frozenset(
    _stem(
        [
            "only",
            "except",
            "exclude",
            "unless",
            "until",
            "fail",
            "lack",
            "miss",
            "forbid",
            "ban",
            "prohibit",
            "refuse",
            "reject",
            "refrain",
            "avoid",
            "abandon",
            "disable",
            "prevent",
            "stop",
            "cease",
            "impossible",
            "ineligible",
            "unnecessary",
            "unlike",
            "separate",
            "apart",
            "away",
            "out",
            "off",
            "rather",
            "instead",
            "drop",
            "deny",
            "decline",
            "cancel",
            "free",
            "exempt",
            "otherwise",
            "incapable",
            "forbidden",
            "forbade",
            "closed",
            "break",
            "lose",
            "wrong",
            "false",
            "absent",
            "dislike",
            "disagree",
            "keep",
            "neglect",
            "regardless",
        ]
    )
)
"""Stems of words that may say in an affirmative sentence what another one says with "not"."""

_PAIRS = """
north south|east west|northern southern|eastern western|hot cold|warm cold|open closed,shut
wet dry|increase,rise,grow,raise,rose,grew decrease,fall,shrink,lower,reduce,drop,fell,decline
more,greater less,fewer|before,prior after|first,second last|first second|minimum maximum
least most|above,over below,under|on off|begin,start end,finish,stop|buy,bought sell,sold
accept,approve reject,refuse|include exclude|allow,permit,let forbid,ban,prohibit,prevent
enable disable|better worse|best worst|fast,quick,faster,quicker,quickly slow,slower,slowly
fastest slowest|high low|higher lower|highest lowest|large,big,larger,bigger small,smaller
largest,biggest smallest|old,older new,newer,younger|oldest youngest,newest|early late
earlier later|always,sometimes never|all,every none|with without|win,won lose,lost
love,like hate,dislike|hard,harder soft,softer|long,longer short,shorter|easy difficult
familiar unfamiliar|day night|male female|sunny shady|dear,expensive cheap,cheaper
rare,rarely common,often,frequently|weekday weekend|gain loss|profit loss|add,attach remove
public private|internal external|inside outside|left right|upper lower|top bottom,ground
optional compulsory,mandatory,required|separate,separately together|apart together|twice half
double,doubled halve,halved|many few|input output|import export|read write
active inactive,extinct|encrypted unencrypted|noisy silent|possible impossible
safe unsafe,dangerous|supported unsupported|available unavailable|success failure
succeed fail|positive negative|strong,stronger,strongest weak,weaker,weakest
recommended,encouraged discouraged|true false|full empty|same different|old young
""".replace("\n", "|")


def _opposites() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for pair in filter(None, _PAIRS.split("|")):
        left, right = (_stem(side.split(",")) for side in pair.split())
        for here, there in ((left, right), (right, left)):
            for stem in here:
                found.setdefault(stem, set()).update(there)
    return {stem: frozenset(others) for stem, others in found.items()}


OPPOSITES = _opposites()
"""Per stem, the stems of words that say the contrary in most texts."""


@dataclass(frozen=True, slots=True)
class Denials:
    """What a stretch of text denies.

    Attributes:
        reached: The places of the content words that a negation reaches: up to four of them, to
            the end of its clause.
        open: The places of the words of clauses that deny nothing, by no negation and by no word
            that may stand for one.
    """

    reached: frozenset[int]
    open: frozenset[int]


def denials(tokens: Sequence[Token], text: str) -> Denials:
    """Find what a stretch of text denies.

    Args:
        tokens: Its tokens.
        text: The text that they were read from; punctuation stands between them.
    """
    reached: list[int] = []
    open_: list[int] = []
    for clause in _clauses(tokens, text):
        left = 0
        for place in clause:
            if tokens[place].kind == "negation":
                left = _REACH
            elif left and tokens[place].is_content:
                reached.append(place)
                left -= 1
        if not may_deny([tokens[place] for place in clause]):
            open_ += clause
    return Denials(frozenset(reached), frozenset(open_))


def _clauses(tokens: Sequence[Token], text: str) -> Iterator[range]:
    first = 0
    for place in range(1, len(tokens)):
        between = text[tokens[place - 1].end : tokens[place].start]
        if tokens[place].word in _CLAUSE_WORDS or _CLAUSE_END.search(between):
            yield range(first, place)
            first = place
    yield range(first, len(tokens))


def may_deny(tokens: Collection[Token]) -> bool:
    """Whether a text denies anything, by a negation or by a word that may stand for one."""
    return any(
        token.kind == "negation" or token.stem in _DENYING or _DENYING_FORM.match(token.word)
        for token in tokens
    )


_DENYING_FORM = re.compile(r"un(?!der|til|it|iq|iv|ion|if)[a-z]{3,}|non[a-z]{4,}|[a-z]{3,}less$")


def contrary(
    claim: Sequence[Token], window: Sequence[Token], texts: tuple[str, str]
) -> tuple[Token, ...]:
    """The words of a claim that a passage in other words denies, or that deny what it affirms.

    Only what no other word of the clause may explain counts: "Only members may enter" is left
    alone beside "Guests can't enter".

    Args:
        claim: The claim's tokens.
        window: The tokens of the sentences that come closest.
        texts: The claim and the passage's text.
    """
    ours, theirs = denials(claim, texts[0]), denials(window, texts[1])
    return _against(claim, ours, window, theirs) or _against(window, theirs, claim, ours)


def _against(
    denying: Sequence[Token], its: Denials, other: Sequence[Token], others: Denials
) -> tuple[Token, ...]:
    """What one text denies and the other has in clauses that deny nothing, if it is enough."""
    if not its.reached:
        return ()
    affirmed = {other[place].stem for place in others.open}
    excused = {t.stem for place, t in enumerate(other) if place not in others.open}
    found = [
        denying[place]
        for place in sorted(its.reached)
        if denying[place].stem in affirmed - excused
    ]
    return tuple(found) if len(found) >= _ENOUGH * len(its.reached) else ()


_ENOUGH = 0.6
"""Share of what negations reach that the other text must affirm."""


def opposed(claim: Sequence[Token], sentence: Sequence[Token]) -> tuple[Token, ...]:
    """The words of a claim in whose place a sentence has the opposite.

    Args:
        claim: The claim's tokens.
        sentence: The tokens of a sentence that holds most of its other words.
    """
    if may_deny(claim) or may_deny(sentence):
        return ()
    held = {t.stem for t in sentence}
    return tuple(
        t for t in claim if t.stem not in held and OPPOSITES.get(t.stem, frozenset()) & held
    )
