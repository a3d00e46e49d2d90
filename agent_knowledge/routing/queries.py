"""What a source is asked: the turn's own meaning, with the words of the conversation it is in.

Besides the whole, a task has parts: the text that it was given to work on, which an example set is
compared with, and the questions that one of several look-ups is made of.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from agent_knowledge.text import content_words
from agent_knowledge.types import Rewriting, Task

_SOUNDS = re.compile(
    r"\b(?:u+h+|u+m+|h+m+|hh|er+m*|oh|ah|ok|okay|yeah|well|so|great|awesome|perfect|excellent"
    r"|al ?right|right|cool|got it|(?:that )?sounds (?:really |good|great|perfect|interesting)+"
    r"|thanks(?: so much)?|thank you(?: so much)?|please|i mean|by the way"
    r"|(?:one )?last question)\b[ ,.!]*",
    re.IGNORECASE,
)
"""Fillers and courtesies of speech. Without them nDCG@10 in dialogues falls by 0.017
(`tools.ablate`, retrieval), and written follow-ups are routed rightly more often by 0.009
(routing)."""
_JOINT = re.compile(r"^(?:and|but)\s+", re.IGNORECASE)


def without_fillers(turn: str) -> str:
    """Take fillers and courtesies out of a turn.

    "ok great umm do you know if they have parking" asks what "do you know if they have parking"
    asks. In written prose the same words carry meaning, so this is for turns only.

    Returns:
        What is left; the turn as it is when nothing would be.
    """
    left = _JOINT.sub("", " ".join(_SOUNDS.sub(" ", turn).split()))
    return left or turn


_LOOKED_AT_CHARACTERS = 4000
"""A limit."""
_FEWEST_WORDS = 3
"""Of what is worked on. With 2 accuracy rises by 0.001, with 6 it falls by 0.002. Inputs with an
instruction lose 0.085 without quotations, 0.043 without colons, and nothing without paragraphs,
which few have (`tools.ablate`, routing)."""
_QUOTED = re.compile(
    r"\"([^\"]{1,2000})\"|“([^“”]{1,2000})”|«([^«»]{1,2000})»|„([^„“”]{1,2000})[“”]"
)
_BLANK_LINES = re.compile(r"\n\s*\n")
_AFTER_COLON = re.compile(r":\s+(?=\S)")


def payload(text: str) -> str | None:
    """Find what a task works on.

    Args:
        text: A task; of a very long one, the beginning is looked at.

    Returns:
        The longest quotation; else the longest paragraph after the first; else what follows the
        first colon. None when there is none of three words or more.
    """
    text = text[:_LOOKED_AT_CHARACTERS].strip()
    quoted = [next(filter(None, match.groups())) for match in _QUOTED.finditer(text)]
    paragraphs = _BLANK_LINES.split(text)[1:]
    after_colon = _AFTER_COLON.split(text, maxsplit=1)[1:]
    for found in (quoted, paragraphs, after_colon):
        longest = max(found, key=len, default="").strip().strip('"“”«»')
        if len(longest.split()) >= _FEWEST_WORDS:
            return longest
    return None


_MOST = 4
"""Parts that are searched for: a limit, halved or doubled nothing moves (`tools.ablate`,
retrieval)."""
_LEAST_WORDS = 2
"""Content words that a part has at least. With 1 nDCG@10 falls by 0.002 on hotpot and 0.004 on
musique (`tools.ablate`, retrieval)."""
_SEAM = re.compile(
    r"(?:(?<!\s)\s++)?+[,;]\s++|(?<!\s)\s++(?=(?:that|which|who|whom|whose|where|when|and|or|than|while|during|after"
    r"|before|(?:in|for|of|by|to|from|with) (?:which|whom|whose|the)|in what|both|between)\b)",
    re.IGNORECASE,
)
_PARTS_JOINT = re.compile(r"^(?:and|or|than|both|between|while|that|which)\s+", re.IGNORECASE)


def sub_queries(question: str) -> tuple[str, ...]:
    """Cut a question at its seams.

    Returns:
        Up to four parts, in their order; empty when the form shows no seam.
    """
    first, *rest = (piece.strip(" ?.,;!") for piece in _SEAM.split(question))
    pieces = [first, *(_PARTS_JOINT.sub("", piece) for piece in rest)]
    parts = [piece for piece in pieces if len(content_words(piece)) >= _LEAST_WORDS]
    return tuple(dict.fromkeys(parts))[:_MOST] if len(parts) > 1 else ()


_CONVERSATION_CHARACTERS = 600
"""As much as a conversation's topic takes, the turn included: a limit. Halved or doubled, no share
of tasks routed rightly moves (`tools.ablate`, routing)."""
_QUERY_CHARACTERS = 2000
"""A limit: no model here reads more."""
_SHORT_WORDS = 6
"""A shorter turn leans on what was said before. Halved or doubled, no share of tasks routed rightly
moves (`tools.ablate`, routing)."""
_TELLING_WORDS = 2
"""A turn of fewer content words takes its history along. With 1 follow-ups lose 0.056 and thanks
gain 0.013, with 4 follow-ups gain 0.046 and thanks lose 0.013 (`tools.ablate`, routing)."""
_POINTS_BACK = re.compile(
    r"\b(it|its|they|them|their|that|this|these|those|there|he|him|his|she|her|one|ones|same"
    r"|both|either|such|else|instead|also|too)\b|^\s*(and|but|or|so|what about|how about|then)\b",
    re.IGNORECASE,
)


def meant(task: Task, rewriting: Rewriting | None) -> Task:
    """The task as it is searched for; what the other functions here take.

    Where a chat model wrote what the turn asks, that takes the place of the turn and its history.
    """
    if rewriting is None or not rewriting.query:
        return task
    return replace(task, text=rewriting.query, history=())


def own_words(task: Task) -> str:
    """The request alone: a turn of a conversation without its fillers."""
    return without_fillers(task.text) if task.history else task.text


def own_query(task: Task) -> str:
    """The request alone, cut to what a search can use."""
    text = own_words(task).strip()
    return text if len(text) <= _QUERY_CHARACTERS else _clip(text)


def tail(task: Task) -> str:
    """The end of the conversation with the request, when the request leans on it; else empty.

    A request that points back ("and how long does it take?") or is very short does.
    """
    text = own_query(task)
    if not task.history or not _depends_on_history(task.text):
        return ""
    earlier = " ".join(message.content for message in task.history)
    return f"{earlier} {text}"[-max(_CONVERSATION_CHARACTERS, len(text)) :].strip()


def turn_query(task: Task) -> str:
    """What this turn itself asks: the text whose vector search, match and retrieval share.

    A vector of the conversation finds what the conversation was about, whatever the new turn asks;
    the conversation's words and names say of what it asks. Only a turn that says next to nothing
    by itself takes its history along here too. Figures: docs/adr/0010.
    """
    text = own_query(task)
    return text if len(content_words(text)) >= _TELLING_WORDS else tail(task) or text


def standalone_query(task: Task, subjects: Sequence[str]) -> str:
    """Make a query that stands alone, for a person to read and for a search of another's.

    Args:
        task: The task.
        subjects: The names that the conversation before has and the request lacks, the likeliest
            first.

    Returns:
        "do they have parking (Nob Hill Hotel)"; where nothing is named, the end of the
        conversation that the request leans on; else the request as it is.
    """
    return f"{own_query(task)} ({subjects[0]})" if subjects else tail(task) or own_query(task)


def points_back(text: str) -> bool:
    """Whether a turn has a word that points to what was said before, such as "it" or "that"."""
    return _POINTS_BACK.search(text) is not None


def _depends_on_history(text: str) -> bool:
    return len(text.split()) < _SHORT_WORDS or points_back(text)


def _clip(text: str) -> str:
    """Keep both ends of a long task: its question stands at one of them."""
    half = _QUERY_CHARACTERS // 2
    return f"{text[:half]} {text[-half:]}"
