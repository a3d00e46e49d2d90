"""How far an index run is: bars on a terminal, a plain line now and then in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from agent_knowledge.cli.terminal import Terminal, complain

if TYPE_CHECKING:
    from agent_knowledge.build.indexing import Progress as Tell

EVERY_S = 10.0
"""Between two lines in a pipe, and before the first one: a limit of what a log is to hold."""


@contextmanager
def telling(*, silent: bool) -> Generator[Tell | None]:
    """Tell on standard error how far a run is, in the form that fits what stands there.

    Args:
        silent: Tell nothing.
    """
    if silent:
        yield None
    elif sys.stderr.isatty():
        with bars(Terminal(stderr=True)) as told:
            yield told
    else:
        yield Lines(complain, time.monotonic)


class Lines:
    """Tells a line every ten seconds; nothing of a run that is over before."""

    def __init__(self, tell: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._tell = tell
        self._clock = clock
        self._told = clock()
        self._began: dict[tuple[str, bool], float] = {}

    def __call__(self, name: str, done: int, total: int) -> None:
        """Be told how far a source is; see `build.indexing.Progress`."""
        now = self._clock()
        began = self._began.setdefault((name, total > 0), now)
        if now - self._told >= EVERY_S:
            self._told = now
            self._tell(line(name, done, total, now - began))


def line(name: str, done: int, total: int, elapsed_s: float) -> str:
    """Say how far a source is.

    Args:
        name: The source.
        done: Documents read, or windows of their passages embedded.
        total: Windows to embed; 0 while the source is read.
        elapsed_s: Seconds since its reading, or its embedding, began.
    """
    rate = done / elapsed_s if elapsed_s > 0 else 0.0
    pace = f", {rate:,.1f}/s" if rate else ""
    if not total:
        return f"{name}: {done:,} documents read{pace}"
    left = f", about {_duration((total - done) / rate)} left" if rate and done < total else ""
    return f"{name}: {done:,} of {total:,} windows embedded{pace}{left}"


def _duration(seconds: float) -> str:
    """A time as a person says it."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 1):.0f} s"


class _Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.1f}/s" if speed else "", style="progress.data.speed")


@contextmanager
def bars(console: Terminal) -> Generator[Tell]:
    """A bar per source: documents while they are read, then windows while they are embedded."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate())
    with Progress(*columns, TimeRemainingColumn(), console=console) as shown:
        tasks: dict[str, TaskID] = {}

        def advance(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = shown.add_task(name, total=None)
            if total and not done:  # it is read: the bar begins anew
                shown.reset(tasks[name], total=total)
            shown.update(tasks[name], completed=done, total=total or None)

        yield advance
