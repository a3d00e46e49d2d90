from __future__ import annotations

import contextlib
import threading

import pytest

from agent_knowledge.models.breaker import Breaker, BreakerOpenError, shared_breaker


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(2, 30, clock=clock)


def fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        breaker.failed(breaker.admit())


def is_open(breaker: Breaker) -> bool:
    try:
        breaker.released(breaker.admit())
    except BreakerOpenError:
        return True
    return False


def test_it_opens_after_failures_in_a_row_and_says_for_how_long(breaker: Breaker, clock: Clock):
    fail(breaker)
    assert not is_open(breaker)
    fail(breaker)
    clock.now += 10
    with pytest.raises(BreakerOpenError) as caught:
        breaker.admit()
    assert (caught.value.failures, caught.value.wait_s) == (2, 20)


def test_a_success_in_between_starts_the_count_anew(breaker: Breaker):
    fail(breaker)
    breaker.succeeded(breaker.admit())
    fail(breaker)
    assert not is_open(breaker)


def test_what_tells_nothing_neither_counts_nor_starts_anew(breaker: Breaker):
    fail(breaker)
    breaker.released(breaker.admit())
    fail(breaker)
    assert is_open(breaker)


def test_half_open_lets_one_through_and_its_success_closes(breaker: Breaker, clock: Clock):
    fail(breaker, 2)
    clock.now += 30
    probe = breaker.admit()
    with pytest.raises(BreakerOpenError) as caught:
        breaker.admit()
    assert caught.value.wait_s == 0
    breaker.succeeded(probe)
    fail(breaker)
    assert not is_open(breaker)


def test_a_probe_that_fails_opens_it_for_the_whole_time_again(breaker: Breaker, clock: Clock):
    fail(breaker, 2)
    clock.now += 31
    fail(breaker)
    clock.now += 29
    assert is_open(breaker)
    clock.now += 1
    assert not is_open(breaker)


def test_a_probe_that_is_given_up_leaves_the_place_to_the_next(breaker: Breaker, clock: Clock):
    fail(breaker, 2)
    clock.now += 30
    breaker.released(breaker.admit())
    breaker.succeeded(breaker.admit())
    assert not is_open(breaker)


@pytest.mark.parametrize("late", ["succeeded", "failed", "released"])
def test_tasks_from_before_it_opened_change_nothing(breaker: Breaker, clock: Clock, late: str):
    slow = breaker.admit()
    fail(breaker, 2)
    clock.now += 30
    breaker.admit()
    getattr(breaker, late)(slow)
    with pytest.raises(BreakerOpenError) as caught:
        breaker.admit()
    assert caught.value.wait_s == 0, "the probe is still under way"


def test_of_many_threads_one_gets_the_probe(breaker: Breaker, clock: Clock):
    fail(breaker, 2)
    clock.now += 30
    start, admitted = threading.Barrier(16), list[int]()

    def ask() -> None:
        start.wait()
        with contextlib.suppress(BreakerOpenError):
            admitted.append(breaker.admit())

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(admitted) == 1


def test_one_endpoint_has_one_breaker_in_a_process():
    assert shared_breaker(("m", "url"), 5, 30) is shared_breaker(("m", "url"), 5, 30)
    assert shared_breaker(("m", "url"), 5, 30) is not shared_breaker(("m", "other"), 5, 30)
