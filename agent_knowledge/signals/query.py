"""The standalone query: what a source is asked, so that it needs no history to be understood."""

from __future__ import annotations

import re

from agent_knowledge.types import Task

_HISTORY_CHARACTERS = 600
"""As much as a conversation's topic takes; more dilutes the question."""
_QUERY_CHARACTERS = 2000
_SHORT_WORDS = 6
_POINTS_BACK = re.compile(
    r"\b(it|its|they|them|their|that|this|these|those|there|he|him|his|she|her|one|ones|same"
    r"|both|either|such|else|instead|also|too)\b|^\s*(and|but|or|so|what about|how about|then)\b",
    re.IGNORECASE,
)


def standalone_query(task: Task) -> str:
    """Make a query that stands alone.

    A request that points back ("and how long does it take?") or is very short is put after the
    end of the conversation it belongs to; any other is asked as it is. No model is called.
    """
    text = task.text.strip()
    text = text if len(text) <= _QUERY_CHARACTERS else _clip(text)
    if not task.history or not _depends_on_history(text):
        return text
    told = " ".join(message.content for message in task.history)
    return f"{told[-_HISTORY_CHARACTERS:]} {text}".strip()


def _depends_on_history(text: str) -> bool:
    return len(text.split()) < _SHORT_WORDS or _POINTS_BACK.search(text) is not None


def _clip(text: str) -> str:
    """Keep both ends of a long task: its question stands at one of them."""
    half = _QUERY_CHARACTERS // 2
    return f"{text[:half]} {text[-half:]}"
