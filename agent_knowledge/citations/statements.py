"""Which sentences of an answer state something that a source could be asked for.

Told by form alone and in English: what is not recognised counts as a statement, so that a
sentence in another language is reported rather than passed over.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from agent_knowledge.citations.markers import Span, lies_in
from agent_knowledge.text import content_words, words

_LEAST_WORDS = 3
"""Fewer words state nothing: English form."""
_LEAST_CONTENT = 2
"""The same of words that say something by themselves."""
_HEADING_WORDS = 8
"""A longer line is no heading."""
_GREETING_WORDS = 6
"""A longer sentence says more than a greeting."""
_NO_STATEMENT = frozenset({"source", "sources", "reference", "references", "citations", "see"})
_SAY = (
    r"(?:say|state|mention|contain|specify|answer|address|describe|discuss|tell|hold|include"
    r"|(?:provide|give|offer)(?: any| enough| further| an?)? (?:information|details?|answer))"
)
_GIVEN = (
    r"(?:(?:the|these|those|my|our|your|any|all|none|of|available|provided|given|retrieved|cited)\s){1,8}"
    r"(?:sources?|passages?|context|excerpts?|(?:provided|given|retrieved)\s(?:text|documents?)"
    r"|documents? (?:provided|given|retrieved))"
)
_ADMISSION = re.compile(
    rf"\b{_GIVEN}\b[^.!?]{{0,30}}?\b(?:do|does|did)(?:n['’]t| not)\b[^.!?]{{0,20}}?\b{_SAY}"
    rf"|\b{_GIVEN}\b (?:lacks?|(?:is|are) silent|says? nothing|(?:has|have|had) no(?:thing)?\b)"
    rf"|\b(?:not|nothing|isn['’]t|aren['’]t) (?:\w+ ){{0,3}}(?:in|by|from) {_GIVEN}"
    rf"|\bno (?:information|mention|answer|details?)\b[^.!?]{{0,60}}? (?:in|by|from) {_GIVEN}"
    r"|\AI (?:don['’]t|do not|can['’]t|cannot|could not|couldn['’]t|was unable to|am unable to)"
    r" (?:know|find|tell|answer|determine|confirm|see|say)\b"
    r"|\bnot found in the sources\b",
    re.IGNORECASE,
)
_SPEECH = re.compile(
    r"\A(?:I|I['’](?:m|ll|ve|d)|let me|let['’]s|here(?:['’]s| is| are)|sure|certainly|of course"
    r"|okay|ok|thanks|thank you|please|feel free|you['’]re welcome|sorry|glad|happy to"
    r"|hope(?:fully)?|if you (?:have|need|want|would like|['’]d like)|searched(?=:))\b",
    re.IGNORECASE,
)
_GREETING = re.compile(
    r"\A(?:hello|hi|hey|dear|welcome|good (?:morning|afternoon|evening|question)|great question"
    r"|yes|no|in (?:short|summary|brief))\b",
    re.IGNORECASE,
)
_HEDGE = re.compile(
    r"\b(?:I (?:think|believe|guess|assume|suppose)|as far as I know|perhaps|maybe|presumably"
    r"|it (?:seems|appears)|(?:not|un)(?: sure|certain|clear))\b",
    re.IGNORECASE,
)
_QUESTION = re.compile(r"[?？][\"'”’»)*_]*\Z")
_LEAD_IN = re.compile(r"[:：][*_]*\Z")
_SENTENCE_END = re.compile(r"[.!。！…][\"'”’»)*_]*\Z")
_ITEM = re.compile(r"^[ \t>]*+(?:[-*+•‣◦]|\d{1,3}[.)])[ \t]", re.MULTILINE)
_LINE_SIGN = re.compile(r"^[^\S\n]*+([#|]?)", re.MULTILINE)
_REST_OF_LINE = re.compile(r"[*_ \t]{0,80}+(?:\n|\Z)")
_TABLE_RULE = re.compile(r"^(?=[ \t:|]*+-)[ \t:|-]++(?:\n|\Z)", re.MULTILINE)


def is_list_of_sources(sentence: str) -> bool:
    """Whether a sentence only says that sources follow ("Sources: [1], [2]"), or says nothing."""
    return set(words(sentence)) <= _NO_STATEMENT


def admits_a_gap(sentence: str) -> bool:
    """Whether a sentence says that the sources lack something, which no passage can say."""
    return _ADMISSION.search(sentence) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The lines of a text, looked at once for all of its sentences.

    Attributes:
        text: An answer without its markers.
        code: The spans of code in it, in order.
        starts: Where each line begins.
        signs: What each opens with, if that is `#` or `|`; else empty.
        rules: The starts of those that are the rule below the head of a table.
    """

    text: str
    code: Sequence[Span]
    starts: Sequence[int]
    signs: Sequence[str]
    rules: frozenset[int]

    @classmethod
    def of(cls, text: str, code: Sequence[Span]) -> Layout:
        """Look at the lines of a text."""
        lines = list(_LINE_SIGN.finditer(text))
        return cls(
            text=text,
            code=code,
            starts=[line.start() for line in lines],
            signs=[line.group(1) for line in lines],
            rules=frozenset(rule.start() for rule in _TABLE_RULE.finditer(text)),
        )

    def is_rule(self, line: int) -> bool:
        """Whether the line of that number is the rule below the head of a table."""
        return line < len(self.starts) and self.starts[line] in self.rules


def states_something(layout: Layout, span: Span) -> bool:
    """Whether a sentence states a fact that should bear a marker.

    Not taken for such: what stands in code; questions; headings, labels and the head of a table;
    a line that leads in what follows; greetings and what the writer says of himself; guesses that
    say so; admissions that the sources lack something; fragments of a word or two.

    Args:
        layout: The answer without its markers.
        span: The sentence.
    """
    start, end = span
    sentence = layout.text[start:end].strip("*_ ")
    if lies_in(layout.code, start, end):
        return False
    if len(words(sentence)) < _LEAST_WORDS or len(content_words(sentence)) < _LEAST_CONTENT:
        return False
    if any(form.search(sentence) for form in (_QUESTION, _LEAD_IN, _ADMISSION, _SPEECH, _HEDGE)):
        return False
    if _GREETING.search(sentence) and len(words(sentence)) <= _GREETING_WORDS:
        return False
    return not is_list_of_sources(sentence) and not _is_heading(layout, span, sentence)


def _is_heading(layout: Layout, span: Span, sentence: str) -> bool:
    """A line by itself that is no sentence: a heading, a label, the head of a table."""
    line = bisect_right(layout.starts, span[0]) - 1
    sign = layout.signs[line]
    if sign == "#":
        return True
    if sign == "|":
        return layout.is_rule(bisect_right(layout.starts, span[1]))
    alone = _REST_OF_LINE.match(layout.text, span[1]) is not None
    short = len(words(sentence)) <= _HEADING_WORDS
    return (
        alone
        and short
        and not _SENTENCE_END.search(sentence)
        and not _ITEM.match(layout.text, layout.starts[line])
    )
