"""How far a command is: bars on a terminal, a plain line now and then in a pipe."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from agent_knowledge.cli.terminal import Terminal, complain

if TYPE_CHECKING:
    from agent_knowledge.build.indexing import Progress as Tell

Count = Callable[[int, int], None]
"""Told how many are done, and of how many."""
_BAR = 20
"""Columns of a bar: half of what rich gives it, so that a name beside it is whole on 80."""
EVERY_S = 10.0
"""Between two lines in a pipe, and before the first one: a limit of what a log is to hold."""


INDEXED = ("documents read", "windows embedded")
"""What an index run counts while a source is read, and once its end is known."""


@contextmanager
def telling(*, silent: bool = False, counted: tuple[str, str] = INDEXED) -> Generator[Tell | None]:
    """Tell on standard error how far a run is, in the form that fits what stands there.

    Args:
        silent: Tell nothing.
        counted: What is counted: while no end is known, and towards one.
    """
    if silent:
        yield None
    elif sys.stderr.isatty():
        with bars(Terminal(stderr=True)) as told:
            yield told
    else:
        yield Lines(complain, time.monotonic, counted)


@contextmanager
def counting(name: str, counted: str, *, silent: bool = False) -> Generator[Count]:
    """Tell how many of something are done, of how many; of 0 where nobody knows yet.

    Args:
        name: What is being done.
        counted: What is counted.
        silent: Tell nothing.
    """
    with telling(silent=silent, counted=(counted, counted)) as told:
        yield lambda done, total: told(name, done, total) if told else None


@contextmanager
def waiting(name: str) -> Generator[None]:
    """Tell that something goes on of which nobody knows how long it takes.

    Args:
        name: What is being done.
    """
    if sys.stderr.isatty():
        with Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=Terminal(stderr=True),
            transient=True,
        ) as shown:
            shown.add_task(name, total=None)
            yield
        return
    over, began = threading.Event(), time.monotonic()

    def beat() -> None:
        while not over.wait(EVERY_S):
            complain(f"{name}: {_duration(time.monotonic() - began)} so far")

    teller = threading.Thread(target=beat, daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()


class Lines:
    """Tells a line every ten seconds; nothing of a run that is over before."""

    def __init__(
        self,
        tell: Callable[[str], None],
        clock: Callable[[], float],
        counted: tuple[str, str] = INDEXED,
    ) -> None:
        self._tell = tell
        self._clock = clock
        self._counted = counted
        self._told = clock()
        self._began: dict[tuple[str, bool], float] = {}

    def __call__(self, name: str, done: int, total: int) -> None:
        """Be told how far something is; see `build.indexing.Progress`."""
        now = self._clock()
        began = self._began.setdefault((name, total > 0), now)
        if now - self._told >= EVERY_S:
            self._told = now
            self._tell(line(name, done, total, now - began, self._counted))


def line(
    name: str, done: int, total: int, elapsed_s: float, counted: tuple[str, str] = INDEXED
) -> str:
    """Say how far something is.

    Args:
        name: What is being done.
        done: How many of it are.
        total: Of how many; 0 while nobody knows.
        elapsed_s: Seconds since it began, or since its end is known.
        counted: What is counted: while no end is known, and towards one.
    """
    rate = done / elapsed_s if elapsed_s > 0 else 0.0
    pace = f", {rate:,.1f}/s" if rate else ""
    if not total:
        return f"{name}: {done:,} {counted[0]}{pace}"
    left = f", about {_duration((total - done) / rate)} left" if rate and done < total else ""
    return f"{name}: {done:,} of {total:,} {counted[1]}{pace}{left}"


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
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=_BAR),
        MofNCompleteColumn(),
        _Rate(),
    )
    with Progress(*columns, TimeRemainingColumn(), console=console) as shown:
        tasks: dict[str, TaskID] = {}

        def advance(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = shown.add_task(name, total=None)
            if total and not done:  # it is read: the bar begins anew
                shown.reset(tasks[name], total=total)
            shown.update(tasks[name], completed=done, total=total or None)

        yield advance
