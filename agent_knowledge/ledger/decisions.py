"""The log of decisions: what was decided and answered, kept where the host asks for it (`log:`).

It watches like any other observer. A thread of its own writes, so that no answer waits for a disk;
what that thread cannot keep up with is dropped, counted, and told by the next row.
"""

from __future__ import annotations

import atexit
import hashlib
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Condition, Thread
from typing import Literal

from agent_knowledge.errors import as_written
from agent_knowledge.ledger.records import Records
from agent_knowledge.types import Decision, Message, Strategy, Task
from agent_knowledge.types.answers import Answer
from agent_knowledge.types.stages import Stage

FILE = "decisions.jsonl"
LogText = Literal["whole", "hash", "none"]
"""What is kept of tasks, queries and answers."""
_LOG = logging.getLogger(__name__)
MOST_WAITING = 1_000
"""Turns that wait to be written; further ones are dropped. A limit of memory."""
_MOST_CHARACTERS = 20_000
"""Of a task with its history and its answer: of a longer turn no text is kept. A limit: finding
personal data takes time that grows with the text."""
_DIGITS = 16
"""Of a hash, hexadecimal."""
_PRIVATE = 0o600
_AT_EXIT_S = 2.0
"""Seconds that the end of the process may wait for what is not yet written: a plain limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedTurn:
    """One decision, or one answer with the decision behind it.

    Attributes:
        at: ISO time in UTC when it ended, with milliseconds.
        id: The same in the row of a decision and in that of its answer.
        agent: Whose task.
        strategy: What was decided; of an answer, what served in the end.
        confidence: Of the decision, 0..1.
        gap: Facts are needed and no source holds them.
        unsure: The policy's `when_unsure` decided.
        decided_ms: Time that the decision took.
        sources: What was searched.
        coverage: Per source; see `Signals`.
        digest: A hash of the task, by which equal ones are told; empty where no text is kept.
        task: The task, where text is kept whole; so with the next three.
        history: Earlier turns.
        query: What the sources were searched for.
        answer: The answer.
        answered_ms: Time that the whole answer took; None where there is a decision alone.
        claims: Cited sentences of the answer.
        unsupported: Those of them that no passage says.
        flags: Of the answer; see `Answer.flags`.
        model: Who answered.
        fallbacks: How many rungs failed before.
        error: The kind of error that ended the turn.
        dropped: How many turns before this one were not kept, since too many waited.
    """

    at: str
    id: str
    agent: str
    strategy: Strategy
    confidence: float
    gap: bool = False
    unsure: bool = False
    decided_ms: float = 0.0
    sources: tuple[str, ...] = ()
    coverage: Mapping[str, float | None] = field(default_factory=dict[str, "float | None"])
    digest: str = ""
    task: str = ""
    history: tuple[Message, ...] = ()
    query: str = ""
    answer: str = ""
    answered_ms: float | None = None
    claims: int = 0
    unsupported: int = 0
    flags: tuple[str, ...] = ()
    model: str = ""
    fallbacks: int = 0
    error: str = ""
    dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    """A stage that ended, not yet written."""

    stage: Stage
    decision: Decision
    at: str
    took_ms: float


class DecisionLog:
    """Writes a row for each decision and each answer; an `Observer`."""

    def __init__(
        self,
        file: Path,
        *,
        text: LogText = "none",
        redact: Callable[[str], str] | None = None,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        """Name the file; it is made, for its owner alone, when there is something to write.

        Args:
            file: Its path.
            text: What is kept of tasks, queries and answers.
            redact: What is done with a text before it is kept.
            most_waiting: Turns that may wait to be written.
        """
        self.file = file
        self._text, self._redact, self._most = text, redact, most_waiting
        self._records = Records(file, LoggedTurn)
        # Rows must tell which answer is whose, and not whose task it was.
        self._salt = os.urandom(_DIGITS)
        self._begin()
        atexit.register(self.flush)
        if hasattr(os, "register_at_fork"):
            # The thread that writes stays with the parent, and with it what waits.
            os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        """With nothing that waits, and nobody who writes."""
        self._waiting: deque[_Ended] = deque()
        self._changed = Condition()
        self._writing = False
        self._dropped = 0
        self._failed = ""

    @contextmanager
    def watch(self, stage: Stage) -> Generator[None]:
        """Time a stage, and have it written once it has ended."""
        started = time.perf_counter()
        yield
        if stage.kind not in {"route", "answer"} or stage.decision is None:
            return
        took_ms = (time.perf_counter() - started) * 1000
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._hand_over(_Ended(stage=stage, decision=stage.decision, at=at, took_ms=took_ms))

    def flush(self, wait_s: float = _AT_EXIT_S) -> bool:
        """Wait until everything is written, at most so many seconds.

        Returns:
            Whether it is.
        """
        with self._changed:
            return self._changed.wait_for(lambda: not self._writing, wait_s)

    def _hand_over(self, ended: _Ended) -> None:
        with self._changed:
            if len(self._waiting) >= self._most:
                self._drop("too many turns wait to be written to")
                return
            self._waiting.append(ended)
            if self._writing:
                return
            # A thread that ends when there is nothing left: a log that is idle costs nothing.
            Thread(target=self._write, name="agent-knowledge-log", daemon=True).start()
            self._writing = True

    def _write(self) -> None:
        """Write what waits, and end."""
        while True:
            with self._changed:
                if not self._waiting:
                    self._writing = False
                    self._changed.notify_all()
                    return
                ended, dropped = self._waiting.popleft(), self._dropped
            try:
                self._append(self._row(ended, dropped))
            except Exception as error:  # noqa: BLE001 - whatever it is, it ends no answer
                with self._changed:
                    self._drop(f"cannot write ({type(error).__name__}) to")
            else:
                with self._changed:
                    self._dropped -= dropped
                    self._failed = ""

    def _append(self, row: LoggedTurn) -> None:
        if not self.file.exists():
            self.file.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.file, os.O_CREAT | os.O_WRONLY, _PRIVATE))
        self._records.append(row, sync=False)

    def _drop(self, why: str) -> None:
        """Count a turn that is not kept; the first for a reason is told."""
        self._dropped += 1
        if self._failed != why:
            self._failed = why
            _LOG.warning("%s the log of decisions; turns are dropped and counted", why)

    def _row(self, ended: _Ended, dropped: int) -> LoggedTurn:
        stage, decision = ended.stage, ended.decision
        answer, answered = stage.answer, stage.kind == "answer"
        digest, kept = self._kept(stage.task, decision, answer)
        return LoggedTurn(
            at=ended.at,
            id=self._id(stage, decision),
            agent=stage.agent,
            strategy=decision.strategy,
            confidence=decision.confidence,
            gap=decision.gap,
            unsure=decision.unsure,
            decided_ms=decision.elapsed_ms,
            sources=decision.plan.sources,
            coverage=_rounded(decision.signals.coverage),
            digest=digest,
            task=kept.get("task", ""),
            history=self._history(stage.task) if kept else (),
            query=kept.get("query", ""),
            answer=kept.get("answer", ""),
            answered_ms=round(ended.took_ms, 3) if answered else None,
            claims=len(answer.claims) if answer else 0,
            unsupported=sum(not one.supported for one in answer.claims) if answer else 0,
            flags=answer.flags if answer else (),
            model=as_written(answer.model) if answer else "",
            fallbacks=len(answer.fallbacks) if answer else 0,
            error=stage.error,
            dropped=dropped,
        )

    def _id(self, stage: Stage, decision: Decision) -> str:
        """What a decision's row and its answer's have in common, and no other turn's.

        An agent that has called tools since has kept the decision without its signals.
        """
        task = stage.task.text if stage.task else ""
        told = repr((decision.agent, decision.elapsed_ms, task)).encode()
        return hashlib.blake2b(told, key=self._salt, digest_size=_DIGITS // 2).hexdigest()

    def _kept(
        self, task: Task | None, decision: Decision, answer: Answer | None
    ) -> tuple[str, Mapping[str, str]]:
        """A hash of the task, and the texts, as far as they are kept."""
        if task is None or self._text == "none":
            return "", {}
        texts = {"task": task.text, "query": decision.plan.query}
        texts["answer"] = answer.text if answer else ""
        size = sum(map(len, texts.values())) + sum(len(turn.content) for turn in task.history)
        if self._text == "hash" or size > _MOST_CHARACTERS:
            return _hashed(task.text), {}
        kept = {name: self._without_personal(text) for name, text in texts.items()}
        return _hashed(kept["task"]), kept

    def _history(self, task: Task | None) -> tuple[Message, ...]:
        turns = task.history if task else ()
        return tuple(Message(t.role, self._without_personal(t.content)) for t in turns)

    def _without_personal(self, text: str) -> str:
        return self._redact(text) if self._redact and text else text


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def _rounded(coverage: Mapping[str, float | None]) -> Mapping[str, float | None]:
    return {name: None if p is None else round(p, 4) for name, p in coverage.items()}


def read_turns(file: Path, since: str = "", agent: str | None = None) -> tuple[LoggedTurn, ...]:
    """The turns of a log, oldest first, each once: with its answer, where it was answered.

    Args:
        file: The log.
        since: ISO time in UTC; what ended before is left out.
        agent: Whose turns; None for all.

    Raises:
        SourceError: There is a file, and it cannot be read.
    """
    turns: list[LoggedTurn] = []
    alone: dict[tuple[str, bool], int] = {}  # places of rows whose other half may yet come
    for row in Records(file, LoggedTurn).read():
        answered = row.answered_ms is not None
        place = alone.pop((row.id, not answered), None)
        if place is None:
            alone[row.id, answered] = len(turns)
            turns.append(row)
        else:
            turns[place] = _joined(turns[place], row)
    return tuple(row for row in turns if row.at >= since and agent in {None, row.agent})


def _joined(one: LoggedTurn, other: LoggedTurn) -> LoggedTurn:
    """A decision and its answer as one, whichever was written first."""
    whole = one if other.answered_ms is None else other
    coverage = one.coverage or other.coverage
    return replace(whole, coverage=coverage, dropped=one.dropped + other.dropped)
