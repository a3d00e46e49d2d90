"""What comes in and what is shown: a task with its history, and passages.

Nothing here imports more than the standard library and values of ours, as in all of `types` but
`types.search`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from agent_knowledge import limits
from agent_knowledge.errors import InputError, shown
from agent_knowledge.types.addresses import public_address
from agent_knowledge.types.filters import Fields, Value

Strategy = Literal["direct", "retrieval", "few_shot", "fine_tuned"]
"""What a model is given; see GUIDE rules in `routing.rules`."""
Need = Literal["direct", "retrieval", "few_shot"]
"""What a task lacks: nothing, facts from outside, or a pattern or style to follow."""
Role = Literal["user", "assistant"]
NEEDS: tuple[Need, ...] = ("direct", "retrieval", "few_shot")
STRATEGIES: tuple[Strategy, ...] = (*NEEDS, "fine_tuned")


def without_surrogates(text: str) -> str:
    """Replace lone surrogates, which no UTF-8 text can carry, by U+FFFD; offsets stay the same."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)
    return text


@dataclass(frozen=True, slots=True)
class Message:
    """One earlier turn of a conversation; lone surrogates in it are replaced by U+FFFD.

    Raises:
        InputError: The role is none, or the content no text.
    """

    role: Role
    content: str

    def __post_init__(self) -> None:
        if self.role not in get_args(Role):
            msg = f"the role of a turn is {shown(self.role)}; give 'user' or 'assistant'"
            raise InputError(msg)
        object.__setattr__(self, "content", _text("the content of a turn", self.content))


@dataclass(frozen=True, slots=True)
class Task:
    """One request to an agent, with its history.

    Attributes:
        text: The request itself. Lone surrogates are replaced by U+FFFD: a broken character from
            a chat client must not end a conversation.
        history: Earlier turns, oldest first, without the request.
        citations: The caller asks for sources, whatever the text says.
        id: The caller's own id, given back unchanged.
        strategy: The strategy that the caller asks for: granted unless a rule of the guide refuses
            it, and the decision says which; None leaves the choice to the router.
        cited: What each earlier answer cited, oldest first (`Answer.cited_turn`), so that "what
            does [2] say?" can be answered; an answer that cited nothing counts too.

    Raises:
        InputError: `strategy` is none of `STRATEGIES`, something is of another type, or text or
            history are larger than `limits` has it.
    """

    text: str
    history: tuple[Message, ...] = ()
    citations: bool = False
    id: str | None = None
    strategy: Strategy | None = None
    cited: tuple[CitedTurn, ...] = field(default=(), hash=False, repr=False)

    def __post_init__(self) -> None:
        if self.strategy is not None and self.strategy not in STRATEGIES:
            accepted = ", ".join(STRATEGIES)
            msg = f"strategy: {self.strategy!r} is not accepted; give one of: {accepted}"
            raise InputError(msg)
        object.__setattr__(self, "text", _text("the task", self.text))
        object.__setattr__(self, "history", _turns(self.history))
        object.__setattr__(self, "cited", _cited(self.cited))
        if len(self.text) > limits.TASK_CHARACTERS:
            accepted = f"at most {limits.TASK_CHARACTERS:,} are accepted"
            msg = f"the task has {len(self.text):,} characters; {accepted}"
            raise InputError(msg)


def _text(what: str, value: object) -> str:
    if not isinstance(value, str):
        msg = f"{what} is {shown(value)}; give a text"
        raise InputError(msg)
    return without_surrogates(value)


def _turns(given: Iterable[Message]) -> tuple[Message, ...]:
    """A history, as a tuple within its limits.

    Raises:
        InputError: It holds something else than turns, or too much.
    """
    if isinstance(given, str) or not isinstance(given, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance] - callers err
        msg = f"the history is {shown(given)}; give a list of Message(role, content)"
        raise InputError(msg)
    history = tuple(given)
    other = next((turn for turn in history if not isinstance(turn, Message)), None)  # pyright: ignore[reportUnnecessaryIsInstance] - callers err
    if other is not None:
        msg = f"a turn of the history is {shown(other)}; give Message(role, content)"
        raise InputError(msg)
    characters = sum(len(turn.content) for turn in history)
    if len(history) > limits.HISTORY_TURNS or characters > limits.HISTORY_CHARACTERS:
        msg = (
            f"the history has {len(history):,} turns of {characters:,} characters together; at "
            f"most {limits.HISTORY_TURNS:,} turns of {limits.HISTORY_CHARACTERS:,} are accepted: "
            "leave out the oldest"
        )
        raise InputError(msg)
    return history


def _cited(given: Iterable[CitedTurn]) -> tuple[CitedTurn, ...]:
    """What earlier answers cited, as a tuple.

    Raises:
        InputError: It holds something else.
    """
    turns = tuple(given) if isinstance(given, Iterable) else (given,)  # pyright: ignore[reportUnnecessaryIsInstance] - callers err
    other = next((turn for turn in turns if not isinstance(turn, CitedTurn)), None)  # pyright: ignore[reportUnnecessaryIsInstance] - callers err
    if other is not None:
        msg = f"what an earlier answer cited is {shown(other)}; give its `cited_turn`"
        raise InputError(msg)
    return turns


def as_task(task: Task | str) -> Task:
    """A request as a task.

    Raises:
        InputError: It is something else, or empty.
    """
    made = Task(task) if isinstance(task, str) else task
    if not isinstance(made, Task):  # pyright: ignore[reportUnnecessaryIsInstance] - callers err
        msg = f"the task is {task!r}; give a text or a Task"
        raise InputError(msg)
    if not made.text.strip():
        msg = f"the task is empty ({made.text!r}); give the request as text"
        raise InputError(msg)
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A span of a stored document.

    Attributes:
        source: Name of the source in the configuration.
        document: The document's id in its source: a row's own id, or a file's path.
        title: Title with heading path, such as "Refunds > How long it takes"; may be empty.
        uri: Where a person finds the document: a web address, or relative to the source, as
            `handbook/refunds.md`; never a path of this machine.
        text: The passage, which is `stored_text[start:end]`.
        start: First character in the stored document text.
        end: One past the last character.
        score: How well it fits the query, comparable within one search only; higher is better.
        date: ISO date of the document's last change, when known.
        document_hash: Hash of the stored document's content, when known: another one means that
            the document changed since.
        lines: The stored document's lines that it begins and ends on, from 1, when known.
        suspicious: Kinds of what in it speaks to the model that reads it, each once; see
            `SuspiciousSpan`. Told of passages that are handed over; none of a source that is not
            screened.
        fields: What a filter reads: the typed metadata of its document, with `document`, `title`,
            `uri` and `date`, where its store tells it.
    """

    source: str
    document: str
    title: str
    uri: str
    text: str
    start: int
    end: int
    score: float = 0.0
    date: str | None = None
    document_hash: str | None = None
    lines: tuple[int, int] | None = None
    suspicious: tuple[str, ...] = ()
    fields: Fields = field(default_factory=dict[str, Value], hash=False)

    def __post_init__(self) -> None:
        # Here, since indexes and conversations of earlier versions hold paths too.
        address = public_address(self.uri, self.source, self.document)
        object.__setattr__(self, "uri", address)

    @property
    def id(self) -> str:
        """What distinguishes it from every other passage of the store."""
        return f"{self.source}:{self.document}:{self.start}-{self.end}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CitedTurn:
    """What an answer cited: its passages, by the numbers that its markers name."""

    passages: Mapping[str, Passage] = field(default_factory=dict[str, Passage])
