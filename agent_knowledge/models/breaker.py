"""A circuit breaker: leaves an endpoint alone that keeps failing, and lets one task try it again.

Of our own since the libraries that we looked at let every task through where one probe should go
(docs/adr/0013-circuit-breaker.md).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable


class BreakerOpenError(Exception):
    """The endpoint is left alone for now.

    Attributes:
        failures: Tasks that failed one after another before it was.
        wait_s: Seconds until a task may try it again; 0 while one is trying it.
    """

    def __init__(self, failures: int, wait_s: float) -> None:
        super().__init__(f"open for another {wait_s:.1f} s")
        self.failures = failures
        self.wait_s = wait_s


class Breaker:
    """Counts the tasks that fail one after another. Safe to share between threads.

    Closed, it lets every task through. After `failures` failed tasks it opens: none goes through
    for `reset_s` seconds, then one at a time does (half-open). The first that succeeds closes it;
    one that fails opens it again. No lock is held while a task runs.

    Each task gets a ticket, which it hands back with what came of it. A ticket from before the
    last change of state counts for nothing: a task that began earlier tells nothing newer.
    """

    def __init__(
        self, failures: int | None, reset_s: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Make a closed breaker.

        Args:
            failures: Failed tasks in a row that open it, at least 1; None for one that never opens.
            reset_s: Seconds until it is tried again.
            clock: Tells the time in seconds.
        """
        self._limit = failures
        self._reset_s = reset_s
        self._clock = clock
        self._lock = threading.Lock()
        self._failed = 0
        self._open_until: float | None = None
        self._probing = False
        self._ticket = 0

    def admit(self) -> int:
        """Let a task through.

        Returns:
            Its ticket.

        Raises:
            BreakerOpenError: It may not go through.
        """
        with self._lock:
            if self._open_until is None:
                return self._ticket
            wait_s = self._open_until - self._clock()
            if wait_s > 0 or self._probing:
                raise BreakerOpenError(self._failed, max(wait_s, 0.0))
            self._probing = True
            return self._ticket

    def succeeded(self, ticket: int) -> None:
        """The endpoint served the task."""
        with self._lock:
            if ticket == self._ticket:
                self._failed = 0
                if self._probing:
                    self._change(open_until=None)

    def failed(self, ticket: int) -> None:
        """The endpoint failed the task."""
        with self._lock:
            if ticket == self._ticket:
                self._failed += 1
                if self._probing or (self._limit is not None and self._failed >= self._limit):
                    self._change(open_until=self._clock() + self._reset_s)

    def released(self, ticket: int) -> None:
        """The task ended and tells nothing about the endpoint, such as one that was cancelled."""
        with self._lock:
            if ticket == self._ticket:
                self._probing = False

    def _change(self, open_until: float | None) -> None:
        self._open_until = open_until
        self._probing = False
        self._ticket += 1


_SHARED: dict[tuple[Hashable, int, float], Breaker] = {}


def shared_breaker(endpoint: Hashable, failures: int, reset_s: float) -> Breaker:
    """The breaker of one endpoint, the same for all of its users in this process.

    Args:
        endpoint: What makes it this endpoint: its model, URL and key.
        failures: See `Breaker`.
        reset_s: See `Breaker`.
    """
    return _SHARED.setdefault((endpoint, failures, reset_s), Breaker(failures, reset_s))
