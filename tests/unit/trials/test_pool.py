"""Many jobs at once, and stopping midway."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from agent_knowledge.trials.pool import Interrupted, Pace, Pool, Watch


class Seen(Watch):
    def __init__(self) -> None:
        self.steps: list[tuple[int, int]] = []
        self.closed = False

    def done(self, done: int, total: int) -> None:
        self.steps.append((done, total))

    def closing(self) -> None:
        self.closed = True


def test_results_come_in_the_order_of_the_jobs() -> None:
    def work(job: int) -> int:
        time.sleep(0.02 * (job % 3))
        return job * 10

    seen = Seen()
    assert Pool(work, Pace(), 4, seen).run(range(8)) == [job * 10 for job in range(8)]
    assert seen.steps[-1] == (8, 8)


def test_jobs_run_at_the_same_time() -> None:
    meet = threading.Barrier(3, timeout=5)

    def work(job: int) -> int:
        meet.wait()  # breaks unless three are here at once
        return job

    assert Pool(work, Pace(), 3).run([1, 2, 3]) == [1, 2, 3]


def test_an_error_stops_what_has_not_begun() -> None:
    begun: list[int] = []

    def work(job: int) -> None:
        begun.append(job)
        if job == 2:
            raise ValueError(job)

    with pytest.raises(ValueError, match="2"):
        Pool(work, Pace(), 1).run(range(100))
    assert begun == [0, 1, 2]


def test_ctrl_c_finishes_what_is_under_way_and_begins_nothing() -> None:
    finished: list[int] = []
    seen = Seen()

    def work(job: int) -> int:
        if job == 3:
            signal.raise_signal(signal.SIGINT)
            time.sleep(0.3)
        finished.append(job)
        return job

    with pytest.raises(Interrupted) as raised:
        Pool(work, Pace(), 1, seen).run(range(100))
    assert finished == [0, 1, 2, 3]
    assert (raised.value.done, raised.value.total) == (4, 100)
    assert seen.closed


def test_calls_keep_their_pace() -> None:
    pace = Pace(per_minute=60 / 0.05)
    started = time.monotonic()
    waited_s = [pace.wait() for _ in range(4)]
    assert time.monotonic() - started >= 0.15
    assert waited_s[0] < 0.04 < waited_s[-1]


def test_who_waits_for_a_turn_is_called_off() -> None:
    pace = Pace(per_minute=1)
    begun: list[int] = []

    def work(job: int) -> None:
        pace.wait()
        begun.append(job)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted):
        Pool(work, pace, 2).run([1, 2, 3])
    assert len(begun) == 1
