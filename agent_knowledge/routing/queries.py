"""What a source is asked: the turn's own meaning, with the words of the conversation it is in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from agent_knowledge.routing.speech import without_fillers
from agent_knowledge.text import content_words
from agent_knowledge.types import Rewriting, Task

_CONVERSATION_CHARACTERS = 600
"""As much as a conversation's topic takes, the turn included; more dilutes the question."""
_QUERY_CHARACTERS = 2000
_SHORT_WORDS = 6
_TELLING_WORDS = 2
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
    told = " ".join(message.content for message in task.history)
    return f"{told} {text}"[-max(_CONVERSATION_CHARACTERS, len(text)) :].strip()


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
