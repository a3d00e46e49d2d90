"""The values that flow through the package: frozen, serialisable, and free of behaviour.

One way through: `Task` -> `MeasuredTask` (signals and what was found while measuring) ->
`Decision` -> `Knowledge` -> `Answer`. Nothing here imports more than the standard library and
values of ours, so that naming a type costs nothing at import.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from agent_knowledge.types.forms import Form
from agent_knowledge.types.tasks import NEEDS as NEEDS
from agent_knowledge.types.tasks import STRATEGIES as STRATEGIES
from agent_knowledge.types.tasks import CitedTurn as CitedTurn
from agent_knowledge.types.tasks import Message as Message
from agent_knowledge.types.tasks import Need as Need
from agent_knowledge.types.tasks import Passage as Passage
from agent_knowledge.types.tasks import Role as Role
from agent_knowledge.types.tasks import Strategy as Strategy
from agent_knowledge.types.tasks import Task as Task
from agent_knowledge.types.tasks import without_surrogates as without_surrogates

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Vector: TypeAlias = "NDArray[np.float32]"
"""Shape (dimensions,), length 1."""
Matrix: TypeAlias = "NDArray[np.float32]"
"""Shape (texts, dimensions), each row of length 1."""

Rung = Literal["prompt", "few_shot", "retrieval", "retrieval+few_shot", "fine_tuned"]
"""A step of the guide's ladder: what is measured before a fine-tuned model may serve."""
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

RUNGS: tuple[Rung, ...] = ("prompt", "few_shot", "retrieval", "retrieval+few_shot", "fine_tuned")
"""Lowest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A worked example; `score` is its cosine with the task when it was chosen for one."""

    input: str
    output: str
    score: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedVerdict:
    """A chat model's verdict on what a task needs.

    Attributes:
        model: Which one was asked.
        need: Its verdict; None when it gave nothing that can be used.
        reason: Why, in a line of its own words; without a need, what went wrong.
        probabilities: Of each need, from a decision model; empty where one word was said.
        holds: Per source, the probability that it holds what the task asks for.
        fresh: Probability that the answer changes with time; None where that was not asked.
    """

    model: str
    need: Need | None
    reason: str
    probabilities: Mapping[Need, float] = field(default_factory=dict[Need, float])
    holds: Mapping[str, float] = field(default_factory=dict[str, float])
    fresh: float | None = None


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
            hand; pooled with the verdict of a model where one judged.
        fresh: The right answer changes with time; of a turn of a conversation, and it asks for one.
        multi_hop: Answering takes two or more separate look-ups.
        asks_sources: The text itself asks where an answer comes from.
        coverage: Per source, that it holds what is asked; None for an external source, which
            cannot be probed and counts as able.
        pattern: Per example set, that the task is one more instance of it.
        nearest: Per source, the title of the passage nearest to the task, where it has one.
        dates: Per source, the ISO date of that passage's document, where one is known.
        failed: Per source that could not be asked, why; its coverage is 0.
        foreign: The task asks in a language that the text model was not trained on.
        asked: A chat model's verdict on the need, where the policy had one judge.
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
    failed: Mapping[str, str] = field(default_factory=dict[str, str])
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
        query: What they are searched for, as it reads without the conversation.
        rewritten_by: The chat model that wrote what is searched and matched, in place of the turn
            and its history; None when none did.
        sub_queries: The parts of a question of several look-ups, asked beside it.
        multi_hop: The task takes several look-ups: what the best passages name is looked up too.
        dates: Of a task whose answer changes with time: per source, the date of the document that
            seems to hold it, where one is known.
        k: How many passages at most.
        filter: What their metadata must say, a condition each, as `Filter.of` reads it.
        reranked_by: What put them into their last order; None where the fused search did.
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
    filter: tuple[Mapping[str, object], ...] = ()
    reranked_by: str | None = None
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
        rules: The rules for using what follows, in the order in which they are written.
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
