"""One turn of a conversation as it comes: pieces of text, then what is shown in their place."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agent_knowledge.answerer import Answerer
from agent_knowledge.errors import AgentKnowledgeError, without_words
from agent_knowledge.types import Task
from agent_knowledge.types.answers import Answer

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAnswer:
    """Why a turn has no answer, in words that may be shown."""

    reason: str


def replies(opened: Callable[[], Answerer], task: Task) -> Iterator[str | Answer | NoAnswer]:
    """Answer a task piece by piece; nothing is raised.

    Args:
        opened: Gives the answerer; what is wrong with its configuration is told as any failure.
        task: The task.

    Yields:
        The model's text as it comes, unverified; last, the verified answer, or why there is none.
    """
    try:
        yield from opened().stream(task)
    except AgentKnowledgeError as error:
        yield NoAnswer(reason=str(error))
    except Exception as error:  # noqa: BLE001 - a model, a store, a host's function may raise anything
        _LOG.error("a turn of the page failed: %s", without_words(error))
        kind = type(error).__name__
        yield NoAnswer(reason=f"something failed that should not ({kind}); the log says what")
