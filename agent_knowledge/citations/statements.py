"""Which sentences of an answer state something that a source could be asked for.

Told by form alone and in English: what is not recognised counts as a statement, so that a
sentence in another language is reported rather than passed over.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent_knowledge.citations.markers import Span
from agent_knowledge.text import content_words, words

_LEAST_WORDS = 3
_LEAST_CONTENT = 2
_HEADING_WORDS = 8
_GREETING_WORDS = 6
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
_ITEM = re.compile(r"[ \t>]*(?:[-*+•‣◦]|\d{1,3}[.)])[ \t]")
_TABLE_RULE = re.compile(r"^(?=[ \t:|]*+-)[ \t:|-]++(?:\n|\Z)", re.MULTILINE)


def is_list_of_sources(sentence: str) -> bool:
    """Whether a sentence only says that sources follow ("Sources: [1], [2]"), or says nothing."""
    return set(words(sentence)) <= _NO_STATEMENT


def admits_a_gap(sentence: str) -> bool:
    """Whether a sentence says that the sources lack something, which no passage can say."""
    return _ADMISSION.search(sentence) is not None


def states_something(text: str, span: Span, code: Sequence[Span]) -> bool:
    """Whether a sentence states a fact that should bear a marker.

    Not taken for such: what stands in code; questions; headings, labels and the head of a table;
    a line that leads in what follows; greetings and what the writer says of himself; guesses that
    say so; admissions that the sources lack something; fragments of a word or two.

    Args:
        text: The answer without its markers.
        span: The sentence.
        code: The spans of code in the text.
    """
    start, end = span
    sentence = text[start:end].strip("*_ ")
    if any(begin <= start and end <= stop for begin, stop in code):
        return False
    if len(words(sentence)) < _LEAST_WORDS or len(content_words(sentence)) < _LEAST_CONTENT:
        return False
    if any(form.search(sentence) for form in (_QUESTION, _LEAD_IN, _ADMISSION, _SPEECH, _HEDGE)):
        return False
    if _GREETING.search(sentence) and len(words(sentence)) <= _GREETING_WORDS:
        return False
    return not is_list_of_sources(sentence) and not _is_heading(text, span, sentence)


def _is_heading(text: str, span: Span, sentence: str) -> bool:
    """A line by itself that is no sentence: a heading, a label, the head of a table."""
    line_start = text.rfind("\n", 0, span[0]) + 1
    line_end = text.find("\n", span[1])
    line_end = len(text) if line_end < 0 else line_end
    line = text[line_start:line_end]
    if line.lstrip().startswith("#"):
        return True
    if line.lstrip().startswith("|"):
        return _TABLE_RULE.match(text, line_end + 1) is not None
    alone = not text[span[1] : line_end].strip("*_ \t")
    short = len(words(sentence)) <= _HEADING_WORDS
    return alone and short and not _SENTENCE_END.search(sentence) and not _ITEM.match(line)
