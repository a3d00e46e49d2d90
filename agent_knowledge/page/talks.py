"""The conversations that a page holds: in memory alone, the oldest one goes first."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from threading import Lock

from markupsafe import Markup

from agent_knowledge.types import CitedTurn, Message, Strategy, Task
from agent_knowledge.types.answers import Answer

MOST_TALKS = 200
"""Conversations that are held at once: a limit."""
MOST_TURNS = 40
"""Turns that one holds, of which its next task is told: a limit, so that memory has one."""
MOST_CHARACTERS = 50_000_000
"""Of all turns that are held, as asked and as shown: a limit of memory, which questions of a
million characters would fill otherwise."""
_ID_BYTES = 18
"""Of a conversation's id: 144 random bits, which nobody guesses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownTurn:
    """One question and what was shown for it.

    Attributes:
        task: What was asked, with the turns before it.
        strategy: How it was served; None where it failed.
        said: The answer as HTML.
        story: The story of its decision as HTML; empty where there is none.
        number: Its own in the conversation, from 1; 0 until it is part of one.
        kept: What became of the reader's feedback; empty while there is none.
    """

    task: Task
    strategy: Strategy | None
    said: Markup
    story: Markup = field(default_factory=Markup)
    number: int = 0
    kept: str = ""

    @property
    def characters(self) -> int:
        """What it takes to hold it."""
        return len(self.task.text) + len(self.said) + len(self.story)


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """One conversation with one agent; a new value for each turn."""

    id: str
    agent: str
    turns: tuple[ShownTurn, ...] = ()
    history: tuple[Message, ...] = ()
    cited: tuple[CitedTurn, ...] = ()

    def task(self, text: str) -> Task:
        """The next request of this conversation."""
        return Task(text, history=self.history, cited=self.cited)

    def turn(self, number: str) -> ShownTurn | None:
        """A turn by its number, as a form has it; None where there is none, or no longer."""
        return next((turn for turn in self.turns if str(turn.number) == number), None)

    @property
    def characters(self) -> int:
        """What it takes to hold it."""
        return sum(turn.characters for turn in self.turns)

    @property
    def next_number(self) -> int:
        """The number of the next turn."""
        return self.turns[-1].number + 1 if self.turns else 1


class Talks:
    """The conversations of all who use a page. Safe to share between threads."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = Lock()
        self._talks: OrderedDict[str, Talk] = OrderedDict()

    def get(self, id_: str, agent: str) -> Talk:
        """A conversation by its id; a new one where that is unknown or with another agent.

        An id that nobody was given is never taken over: a new conversation has an id of our own.
        """
        with self._lock:
            found = self._talks.get(id_)
            if found is None or found.agent != agent:
                return Talk(id=secrets.token_urlsafe(_ID_BYTES), agent=agent)
            self._talks.move_to_end(id_)
            return found

    def add(self, talk: Talk, turn: ShownTurn, answer: Answer | None) -> ShownTurn:
        """Put a turn at the end of a conversation.

        Args:
            talk: The conversation as it was when the question came.
            turn: What is shown; its number is given here.
            answer: What the next turns are told of; None where the turn failed.

        Returns:
            The turn with its number.
        """
        with self._lock:
            now = self._talks.pop(talk.id, talk)
            turn = replace(turn, number=now.next_number)
            said: Sequence[Message] = ()
            cited: Sequence[CitedTurn] = ()
            if answer is not None:
                said = (Message("user", turn.task.text), Message("assistant", answer.text))
                cited = (answer.cited_turn,)
            now = replace(
                now,
                turns=(*now.turns, turn)[-MOST_TURNS:],
                history=(*now.history, *said)[-2 * MOST_TURNS :],
                cited=(*now.cited, *cited)[-MOST_TURNS:],
            )
            while len(now.turns) > 1 and now.characters > MOST_CHARACTERS:
                now = replace(now, turns=now.turns[1:])
            self._talks[talk.id] = now
            held = sum(one.characters for one in self._talks.values())
            while len(self._talks) > 1 and (
                len(self._talks) > MOST_TALKS or held > MOST_CHARACTERS
            ):
                held -= self._talks.popitem(last=False)[1].characters
            return turn

    def keep(self, talk: Talk, number: int, kept: str) -> None:
        """Note on a turn what became of the feedback to it."""
        with self._lock:
            now = self._talks.get(talk.id)
            if now:
                turns = (replace(t, kept=kept) if t.number == number else t for t in now.turns)
                self._talks[talk.id] = replace(now, turns=tuple(turns))
