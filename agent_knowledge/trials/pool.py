"""Doing many jobs at once, so that stopping midway loses nothing that is done."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")

_LOOK_UP_S = 0.2
"""How often a waiting main thread looks up, so that Ctrl-C reaches it on every system."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C came before all was done.

    Attributes:
        done: Jobs that were finished and kept.
        total: Jobs there were.
    """

    def __init__(self, done: int, total: int) -> None:
        """Say how far it came."""
        super().__init__(f"{done} of {total} done")
        self.done, self.total = done, total


class Watch:
    """Sees how far work has come; this one looks away."""

    def done(self, done: int, total: int) -> None:
        """So many jobs are done, of so many."""

    def closing(self) -> None:
        """Ctrl-C came; what is under way is being finished."""


class ClosingError(Exception):
    """No call is begun any more."""


class Pace:
    """Lets calls through no faster than a rate, and none once all is being stopped."""

    def __init__(self, per_minute: float | None = None) -> None:
        """Set the rate; None is no limit."""
        self.closing = threading.Event()
        self._gap_s = 60 / per_minute if per_minute else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> float:
        """Wait for one's turn.

        Returns:
            Seconds waited.

        Raises:
            ClosingError: It was called off.
        """
        came = time.monotonic()
        with self._lock:
            turn = max(self._next, came)
            self._next = turn + self._gap_s
        if self.closing.wait(max(0.0, turn - time.monotonic())):
            raise ClosingError
        return time.monotonic() - came


class Pool(Generic[_Job, _Result]):
    """Works through jobs on several threads, in order, and gives the results in that order.

    When a job raises, or Ctrl-C comes, no further job is begun; those under way are finished
    first, since they are paid for. A second Ctrl-C leaves them.
    """

    def __init__(
        self, work: Callable[[_Job], _Result], pace: Pace, workers: int, watch: Watch | None = None
    ) -> None:
        """Put a pool together.

        Args:
            work: Does one job; called from several threads.
            pace: What its calls wait for.
            workers: Jobs at once.
            watch: Told, in the caller's thread, how far it has come.
        """
        self._work, self._workers, self._watch = work, workers, watch or Watch()
        self._closing = pace.closing

    def run(self, jobs: Sequence[_Job]) -> list[_Result]:
        """Do all jobs.

        Raises:
            Interrupted: Ctrl-C came.
            Exception: Whatever the first job that failed raised.
        """
        todo, done = deque(enumerate(jobs)), SimpleQueue[tuple[int, _Result | Exception]]()
        threads = [
            threading.Thread(target=self._serve, args=(todo, done), daemon=True)
            for _ in range(min(self._workers, len(jobs)))
        ]
        results: dict[int, _Result] = {}
        try:
            for thread in threads:
                thread.start()
            self._collect(done, results, len(jobs))
        except BaseException as stopped:
            self._closing.set()
            interrupted = isinstance(stopped, KeyboardInterrupt)
            if interrupted:
                self._watch.closing()
            finished = _join(threads, done)
            if interrupted:
                raise Interrupted(len(results) + finished, len(jobs)) from None
            raise
        return [results[place] for place in range(len(jobs))]

    def _collect(
        self,
        done: SimpleQueue[tuple[int, _Result | Exception]],
        results: dict[int, _Result],
        total: int,
    ) -> None:
        while len(results) < total:
            try:
                place, result = done.get(timeout=_LOOK_UP_S)
            except Empty:
                continue
            if isinstance(result, Exception):
                raise result
            results[place] = result
            self._watch.done(len(results), total)

    def _serve(
        self, todo: deque[tuple[int, _Job]], done: SimpleQueue[tuple[int, _Result | Exception]]
    ) -> None:
        while not self._closing.is_set():
            try:
                place, job = todo.popleft()
            except IndexError:
                return
            try:
                done.put((place, self._work(job)))
            except Exception as error:  # noqa: BLE001 - it is raised in the caller's thread
                done.put((place, error))
                self._closing.set()


def _join(
    threads: Sequence[threading.Thread], done: SimpleQueue[tuple[int, _Result | Exception]]
) -> int:
    """Wait for what is under way, looking up for a second Ctrl-C; how many came to a result."""
    try:
        for thread in threads:
            while thread.is_alive():
                thread.join(_LOOK_UP_S)
    except KeyboardInterrupt:
        pass  # enough waited
    finished = 0
    while not done.empty():
        finished += not isinstance(done.get()[1], Exception)
    return finished
