"""Asking somebody who may be slow or wrong: several questions at once, none for long, none fatally.

Whatever is asked, such as a chat model of the host's own, has limits of its own or none; here the
wait is bounded, and whatever goes wrong becomes a line for the record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from dataclasses import dataclass, replace
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Generic, TypeVar
from unicodedata import category

from agent_knowledge.errors import AgentKnowledgeError
from agent_knowledge.ports import InformedJudge, NeedJudge, QueryWriter
from agent_knowledge.types import NEEDS, Need, NeedVerdict, Rewriting, Task, without_surrogates
from agent_knowledge.types.search import SourceBrief

WAIT_S = 10.0
"""Seconds that an answer is waited for."""
AT_ONCE = 8
"""Questions under way together."""
REASON_CHARACTERS = 200
"""Of what a judge says why: a limit."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What a question came to: a value, or what went wrong."""

    value: T | None = None
    failure: str = ""


def ask(questions: Sequence[Callable[[], T]], wait_s: float = WAIT_S) -> list[Outcome[T]]:
    """Ask several questions at once.

    Args:
        questions: Each gives its answer, or raises.
        wait_s: Seconds that each answer is waited for.

    Returns:
        What each came to, in their order.
    """
    if len(questions) < 2:
        return [_within(wait_s, copy_context(), question) for question in questions]
    contexts = [copy_context() for _ in questions]
    with ThreadPoolExecutor(AT_ONCE) as pool:  # an interrupted `map` drops what has not begun
        return list(pool.map(partial(_within, wait_s), contexts, questions))


def one_line(text: object, characters: int = REASON_CHARACTERS) -> str:
    """One line of a model's words, cut to a length; nothing where they are no text."""
    if not isinstance(text, str):
        return ""
    # Control characters could speak to the terminal that shows the line.
    plain = (" " if category(c) == "Cc" else c for c in without_surrogates(text))
    return " ".join("".join(plain).split())[:characters].strip()


def _within(wait_s: float, context: Context, question: Callable[[], T]) -> Outcome[T]:
    """Put a question in a thread of its own, which ends with the process should it hang."""
    answers: SimpleQueue[Outcome[T]] = SimpleQueue()
    Thread(target=lambda: answers.put(context.run(_attempt, question)), daemon=True).start()
    try:
        return answers.get(timeout=wait_s)
    except Empty:
        return Outcome(failure=f"it gave no answer within {wait_s:g} s")


def _attempt(question: Callable[[], T]) -> Outcome[T]:
    try:
        return Outcome(value=question())
    except AgentKnowledgeError as error:
        return Outcome(failure=str(error))
    except Exception as error:  # noqa: BLE001 - a host's own judge may raise anything
        return Outcome(failure=f"it failed ({type(error).__name__})")


QUERY_CHARACTERS = 500
"""Of a query that a chat model wrote: a limit."""


def verdicts(
    judge: NeedJudge | InformedJudge,
    tasks: Sequence[Task],
    sources: Sequence[Sequence[SourceBrief]] = (),
    wait_s: float = WAIT_S,
) -> tuple[NeedVerdict, ...]:
    """Ask what tasks need.

    Args:
        judge: Who is asked.
        tasks: About which tasks.
        sources: Of each task, what a judge who is shown sources is shown of them.
        wait_s: Seconds that each answer is waited for.

    Returns:
        One verdict per task, in their order; one without a need where the judge failed.
    """
    if isinstance(judge, InformedJudge):
        shown = sources or [()] * len(tasks)
        questions = [partial(judge.judge_with, *one) for one in zip(tasks, shown, strict=True)]
    else:
        questions = [partial(judge.judge, task) for task in tasks]
    return tuple(_verdict(judge.name, outcome) for outcome in ask(questions, wait_s))


def rewritings(
    writer: QueryWriter, tasks: Sequence[Task], wait_s: float = WAIT_S
) -> tuple[Rewriting | None, ...]:
    """Ask for what tasks search for; only about those that have a history.

    Args:
        writer: Who is asked.
        tasks: About which tasks.
        wait_s: Seconds that each answer is waited for.

    Returns:
        One per task, in their order: None without a history, one without a query where the writer
        failed.
    """
    turns = [task for task in tasks if task.history]
    outcomes = iter(ask([partial(writer.rewrite, task) for task in turns], wait_s))
    return tuple(
        _rewriting(writer.name, next(outcomes)) if task.history else None for task in tasks
    )


def _verdict(model: str, outcome: Outcome[NeedVerdict]) -> NeedVerdict:
    given, failure = outcome.value, outcome.failure
    if not failure and not (isinstance(given, NeedVerdict) and _says_something(given)):
        failure = "it named no need that there is"
    elif given is not None and not _is_sound(given):
        failure = "it gave numbers that are no probabilities"
    if failure or given is None:
        return NeedVerdict(model=model, need=None, reason=failure)
    return replace(given, model=model, reason=one_line(given.reason))


def _says_something(verdict: NeedVerdict) -> bool:
    """Whether it names a need, or answers in numbers alone."""
    if verdict.need is None:
        return bool(verdict.probabilities or verdict.holds or verdict.fresh is not None)
    return verdict.need in NEEDS


def _is_sound(verdict: NeedVerdict) -> bool:
    """Whether the numbers of a verdict are what they should be; a host's own judge may err."""
    shares: Mapping[Need, float] = verdict.probabilities
    fresh = () if verdict.fresh is None else (verdict.fresh,)
    given = (*shares.values(), *verdict.holds.values(), *fresh)
    offered = not shares or ("direct" in shares and set(shares) <= set(NEEDS))
    return offered and all(map(_is_probability, given)) and (not shares or max(shares.values()) > 0)


def _is_probability(given: object) -> bool:
    return isinstance(given, int | float) and 0 <= given <= 1


def _rewriting(model: str, outcome: Outcome[str]) -> Rewriting:
    query = one_line(outcome.value, QUERY_CHARACTERS)
    failure = "" if query else outcome.failure or "it wrote nothing"
    return Rewriting(model=model, query=query, failure=failure)
