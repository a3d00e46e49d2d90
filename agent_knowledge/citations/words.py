"""What is denied in a text: negations with what they reach, words that deny, opposites."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import cast

import Stemmer

from agent_knowledge.citations.tokens import Token


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_REACH = 4
"""Content words that a negation reaches, within its clause."""
_CLAUSE_END = re.compile(r"[,;:.!?()–—]")
_CLAUSE_WORDS = _set("but while whereas although though unless except because since")

_stem = cast("Callable[[Sequence[str]], Sequence[str]]", Stemmer.Stemmer("english").stemWords)
# used at import only: it is not to be shared by threads

_DENYING = frozenset(
    _stem(
        [
            *_set("""
only except exclude unless until fail lack miss forbid ban prohibit refuse reject refrain
avoid abandon disable prevent stop cease impossible ineligible unnecessary unlike separate
apart away out off rather instead drop deny decline cancel free exempt otherwise incapable
forbidden forbade closed break lose wrong false absent dislike disagree keep neglect
regardless lost alone empty extinct limit same
""")
        ]
    )
)
"""Stems of words that may say in an affirmative sentence what another one says with "not"."""

FRAMES = _set("""
    myth false falsely wrongly wrong rumour rumor whether allegedly alleged supposed supposedly
    contrary hoax fiction proposed nobody denied disputed misconception mistaken incorrect
    incorrectly untrue""")
"""Words of a sentence that reports what it does not say itself."""
HEDGES = _set("""
    might could possibly perhaps probably likely some sometimes often usually generally about
    approximately roughly almost nearly up around suggests suggest appears seems should planned
    plans expected""")
QUANTIFIERS = _set("""
    all every only always never no must none both each most first last least any entire whole
    exactly completely fully solely exclusively before after until since""")

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


def opposites(word: str) -> frozenset[str]:
    """The words that say the contrary of a word, as the table writes them; for made claims."""
    return _WRITTEN.get(word, frozenset())


def _written() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for pair in filter(None, _PAIRS.split("|")):
        left, right = (side.split(",") for side in pair.split())
        for here, there in ((left, right), (right, left)):
            for word in here:
                found.setdefault(word, set()).add(there[0])
    return {word: frozenset(others) for word, others in found.items()}


_WRITTEN = _written()


def mark_denials(tokens: Sequence[Token], text: str) -> Iterator[Token]:
    """Tell the tokens of a text what denies them: sets `denied` and `plain`.

    Args:
        tokens: The tokens.
        text: The text that they were read from; punctuation stands between them.
    """
    for clause in _clauses(tokens, text):
        if not may_deny(clause):
            yield from clause
            continue
        left = 0
        for token in clause:
            denied = left > 0 and token.is_content
            left = _REACH if token.kind == "negation" else left - denied
            yield replace(token, denied=denied, plain=False)


def _clauses(tokens: Sequence[Token], text: str) -> Iterator[Sequence[Token]]:
    first = 0
    for place in range(1, len(tokens)):
        between = text[tokens[place - 1].end : tokens[place].start]
        if tokens[place].word in _CLAUSE_WORDS or (between != " " and _CLAUSE_END.search(between)):
            yield tokens[first:place]
            first = place
    yield tokens[first:]


def may_deny(tokens: Collection[Token]) -> bool:
    """Whether a text denies anything, by a negation or by a word that may stand for one."""
    return any(
        token.kind == "negation" or token.stem in _DENYING or _DENYING_FORM.match(token.word)
        for token in tokens
    )


_DENYING_FORM = re.compile(r"un(?!der|til|it|iq|iv|ion|if)[a-z]{3,}|non[a-z]{4,}|[a-z]{3,}less$")


def contrary(claim: Sequence[Token], window: Sequence[Token]) -> tuple[Token, ...]:
    """The words of a claim that a passage in other words denies, or that deny what it affirms.

    Only what no other word of the clause may explain counts: "Only members may enter" is left
    alone beside "Guests can't enter".

    Args:
        claim: The claim's tokens.
        window: The tokens of the sentences that come closest.
    """
    return _against(claim, window) or _against(window, claim)


def _against(denying: Sequence[Token], other: Sequence[Token]) -> tuple[Token, ...]:
    """What one text denies and the other has in clauses that deny nothing, if it is enough."""
    denied = [token for token in denying if token.denied]
    if not denied:
        return ()
    affirmed = {t.stem for t in other if t.plain} - {t.stem for t in other if not t.plain}
    found = tuple(token for token in denied if token.stem in affirmed)
    return found if len(found) >= _ENOUGH * len(denied) else ()


_ENOUGH = 0.6
"""Share of what negations reach that the other text must affirm."""


def opposed(claim: Sequence[Token], sentence: Sequence[Token]) -> tuple[Token, ...]:
    """The words of a claim in whose place a sentence has the opposite.

    Args:
        claim: The claim's tokens.
        sentence: The tokens of a sentence that holds most of its other words.
    """
    if not all(token.plain for token in (*claim, *sentence)):
        return ()
    held = {t.stem for t in sentence}
    return tuple(
        t for t in claim if t.stem not in held and OPPOSITES.get(t.stem, frozenset()) & held
    )
