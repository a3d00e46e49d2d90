"""The values that flow through the package: frozen, serialisable, and free of behaviour.

One way through: `Task` -> `Reading` (signals and what was found while measuring) -> `Decision` ->
`Knowledge` -> `Answer`. Nothing here imports more than the standard library and values of ours, so
that reading a type costs nothing at import.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from agent_knowledge import limits
from agent_knowledge.errors import InputError, shown
from agent_knowledge.types.addresses import public_address
from agent_knowledge.types.forms import Form

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Vector: TypeAlias = "NDArray[np.float32]"
"""Shape (dimensions,), length 1."""
Matrix: TypeAlias = "NDArray[np.float32]"
"""Shape (texts, dimensions), each row of length 1."""

Strategy = Literal["direct", "retrieval", "few_shot", "fine_tuned"]
"""What a model is given; see GUIDE rules in `routing.rules`."""
Need = Literal["direct", "retrieval", "few_shot"]
"""What a task lacks: nothing, facts from outside, or a pattern or style to follow."""
Rung = Literal["prompt", "few_shot", "retrieval", "retrieval+few_shot", "fine_tuned"]
"""A step of the guide's ladder: what is measured before a fine-tuned model may serve."""
Role = Literal["user", "assistant"]
CitationPolicy = Literal["always", "when_retrieved", "never"]
RuleName = Literal[
    "passages",
    "cite",
    "no_cite",
    "suspicious",
    "gap",
    "look_up_gap",
    "no_source",
    "instance",
    "examples",
    "style",
    "recalled",
    "named",
]
"""A rule for using what a model is given; `prompts` has the sentence of each."""

NEEDS: tuple[Need, ...] = ("direct", "retrieval", "few_shot")
STRATEGIES: tuple[Strategy, ...] = (*NEEDS, "fine_tuned")
RUNGS: tuple[Rung, ...] = ("prompt", "few_shot", "retrieval", "retrieval+few_shot", "fine_tuned")
"""Lowest first."""


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

    def __post_init__(self) -> None:
        # Here, since indexes and conversations of earlier versions hold paths too.
        address = public_address(self.uri, self.source, self.document)
        object.__setattr__(self, "uri", address)

    @property
    def id(self) -> str:
        """What tells it from every other passage of the store."""
        return f"{self.source}:{self.document}:{self.start}-{self.end}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CitedTurn:
    """What an answer cited: its passages, by the numbers that its markers name."""

    passages: Mapping[str, Passage] = field(default_factory=dict[str, Passage])


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A worked example; `score` is its cosine with the task when it was chosen for one."""

    input: str
    output: str
    score: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedVerdict:
    """What a chat model said when it was asked what a task needs.

    Attributes:
        model: Which one was asked.
        need: What it said; None when it gave nothing that can be used.
        reason: Why, in a line of its own words; without a need, what went wrong.
    """

    model: str
    need: Need | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewriting:
    """What a chat model made of a turn and its history.

    Attributes:
        model: Which one was asked.
        query: What the turn asks, on one line, complete without the history; empty when the model
            gave nothing that can be used.
        failure: What went wrong then.
    """

    model: str
    query: str
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """A piece of what a decision rests on.

    Attributes:
        name: What was measured, such as `coverage`; docs/how-it-works.md has them all.
        value: What it came to; probabilities as log-odds.
        retrieval: What it moved towards retrieval, in log-odds against direct; below 0 is away.
        few_shot: What it moved towards few-shot.
    """

    name: str
    value: float
    retrieval: float
    few_shot: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What is measured about a task. All numbers but those of `evidence` are probabilities, 0..1.

    Attributes:
        need: Per need, summing to 1, from the text alone, as of a task to a model with nothing at
            hand; where a model was asked, with what it said.
        fresh: The right answer changes with time; of a turn of a conversation, and it asks for one.
        multi_hop: Answering takes two or more separate look-ups.
        asks_sources: The text itself asks where an answer comes from.
        coverage: Per source, that it holds what is asked; None for an external source, which
            cannot be probed and counts as able.
        pattern: Per example set, that the task is one more instance of it.
        nearest: Per source, the title of the passage nearest to the task, where it has one.
        dates: Per source, the ISO date of that passage's document, where one is known.
        foreign: The task asks in a language that the text model was not trained on.
        asked: What a chat model said of the need, where the policy had one asked.
        agent_need: The same from the text as of a task to an agent: whatever any assistant knows
            counts as direct.
        turn: It is a turn of a conversation.
        turn_need: Of a turn, `agent_need` as the turn says it by itself; empty otherwise.
        likely: Per need, summing to 1, by all evidence together: what the decision rests on. Empty
            where nothing was weighed; `need` then stands for it.
        evidence: What it was weighed from, strongest first.
    """

    need: Mapping[Need, float]
    fresh: float = 0.0
    multi_hop: float = 0.0
    asks_sources: bool = False
    coverage: Mapping[str, float | None] = field(default_factory=dict[str, "float | None"])
    pattern: Mapping[str, float] = field(default_factory=dict[str, float])
    nearest: Mapping[str, str] = field(default_factory=dict[str, str])
    dates: Mapping[str, str] = field(default_factory=dict[str, str])
    foreign: bool = False
    asked: NeedVerdict | None = None
    agent_need: Mapping[Need, float] = field(default_factory=dict[Need, float])
    turn: bool = False
    turn_need: Mapping[Need, float] = field(default_factory=dict[Need, float])
    likely: Mapping[Need, float] = field(default_factory=dict[Need, float])
    evidence: tuple[Contribution, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why: a rule of the guide (its id) and what it says of this task."""

    rule: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """Why not: a strategy, the rule of the guide that it breaks here, and how."""

    strategy: Strategy
    rule: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to hand to the model.

    Attributes:
        sources: Sources to retrieve from, best covered first; empty when nothing is retrieved.
        query: What they are asked, as it reads without the conversation.
        rewritten_by: The chat model that wrote what is searched and matched, in place of the turn
            and its history; None when none did.
        sub_queries: The parts of a question of several look-ups, asked beside it.
        multi_hop: The task takes several look-ups: what the best passages name is looked up too.
        dates: Of a task whose answer changes with time: per source, the date of the document that
            seems to hold it, where one is known.
        k: How many passages at most.
        examples: The example set that the task is served by, if any: its template and output form
            apply, and its examples are shown unless an endpoint answers.
        k_examples: How many of them at most.
        versions: Per file behind the prompt (the system prompt, and the example set by its name),
            a hash that changes when it does.
        endpoint: The fine-tuned endpoint to call, if any.
        citations: Whether the answer must, may or must not cite.
        clarify: A question to put to the user instead of answering (`when_unsure: ask`).
    """

    sources: tuple[str, ...] = ()
    query: str = ""
    rewritten_by: str | None = None
    sub_queries: tuple[str, ...] = ()
    multi_hop: bool = False
    dates: Mapping[str, str] = field(default_factory=dict[str, str])
    k: int = 0
    examples: str | None = None
    k_examples: int = 0
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    endpoint: str | None = None
    citations: CitationPolicy = "when_retrieved"
    clarify: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """How a task is to be served, and why; complete enough to explain itself.

    Attributes:
        strategy: The main strategy; `retrieval` whenever the plan has sources.
        plan: What to hand over.
        confidence: Probability that `strategy` is what the task needs, 0..1.
        signals: What was measured.
        reasons: The rules that led here, in the order they were read.
        rejected: Every other strategy with the rules it breaks, first broken rule first.
        gap: Facts are needed and no source holds them.
        unsure: Confidence was below the policy's threshold, and `when_unsure` decided.
        agent: Name of the agent.
        elapsed_ms: Time the decision took.
    """

    strategy: Strategy
    plan: Plan
    confidence: float
    signals: Signals
    reasons: tuple[Reason, ...] = ()
    rejected: tuple[Rejection, ...] = ()
    gap: bool = False
    unsure: bool = False
    agent: str = ""
    elapsed_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """What a plan yields, ready for a model.

    Attributes:
        decision: The decision that asked for it.
        passages: Numbered from 1 in this order wherever they are cited.
        examples: Worked examples, best first.
        instructions: The agent's own system prompt.
        rules: The rules for using what follows, in the order in which they are told.
        named: Numbers of an earlier answer that the task names, with what each means among these
            passages.
        system: The system prompt with the rules, as text: see `prompts.written`.
        prompt: The user's turn: the fenced passages, then the task.
        form: How the set behind it puts tasks, shows its examples, and wants its answers.
        left_out: What the token budget kept out, one line each.
        fallback: What is handed to the agent's own model where the endpoint that this is for fails;
            None where it is for no endpoint.
    """

    decision: Decision
    passages: tuple[Passage, ...] = ()
    examples: tuple[Example, ...] = ()
    instructions: str = ""
    rules: tuple[RuleName, ...] = ()
    named: Mapping[str, int] = field(default_factory=dict[str, int])
    system: str = ""
    prompt: str = ""
    form: Form = field(default_factory=Form)
    left_out: tuple[str, ...] = ()
    fallback: Knowledge | None = None


def to_dict(value: Any) -> dict[str, Any]:
    """Turn a value of this module into plain JSON types (a dict of str, numbers, lists)."""
    return dataclasses.asdict(value)
