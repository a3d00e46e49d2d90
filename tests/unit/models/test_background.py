"""What is made in one thread and taken in another: bounded, in time, and stopped by who leaves."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from agent_knowledge.limits import QUEUE_PIECES
from agent_knowledge.models import background


class Maker:
    """Makes pieces without end or pause, and swallows cancellations, as clients do."""

    def __init__(self) -> None:
        self.made = 0
        self.closed = threading.Event()

    async def pieces(self) -> AsyncGenerator[int]:
        try:
            while True:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(0)
                self.made += 1
                yield self.made
        finally:
            self.closed.set()


def take(pieces: AsyncGenerator[int], way: str, count: int) -> None:
    """Take some, rest a while, and leave."""
    if way == "iterate":
        taken = background.iterate(pieces, 5)
        for _ in range(count):
            next(taken)
        time.sleep(0.3)
        taken.close()  # pyright: ignore[reportAttributeAccessIssue]
        return

    async def work() -> None:
        taken: Any = background.aiterate(pieces, 5)
        for _ in range(count):
            await anext(taken)
        await asyncio.sleep(0.3)
        await taken.aclose()

    asyncio.run(work())


@pytest.mark.parametrize("way", ["iterate", "aiterate"])
def test_a_maker_waits_for_a_slow_taker(way: str):
    maker = Maker()
    take(maker.pieces(), way, 3)
    assert QUEUE_PIECES <= maker.made <= QUEUE_PIECES + 5


@pytest.mark.parametrize("way", ["iterate", "aiterate"])
def test_who_leaves_stops_a_maker_that_swallows_it(way: str):
    maker = Maker()
    take(background.hold(maker.pieces(), float("inf")), way, 3)
    assert maker.closed.wait(2)
    made = maker.made
    time.sleep(0.05)
    assert maker.made == made


def test_the_clock_stops_a_maker_that_swallows_it():
    maker = Maker()

    async def work() -> None:
        until = asyncio.get_running_loop().time() + 0.1
        async for _ in background.hold(maker.pieces(), until):
            pass

    with pytest.raises(TimeoutError):
        background.wait_for(work(), 5)
    assert maker.closed.is_set()


def test_whoever_waits_for_work_that_cannot_be_stopped_has_a_clock_of_their_own():
    async def stuck() -> None:
        time.sleep(1.5)  # as a client that blocks the loop

    async def pieces() -> AsyncGenerator[int]:
        await stuck()
        yield 1

    async def waiting() -> None:
        await background.wait_in_loop(stuck(), 0.1)

    began = time.monotonic()
    for wait in (
        lambda: background.wait_for(stuck(), 0.1),
        lambda: asyncio.run(waiting()),
        lambda: list(background.iterate(pieces(), 0.1)),
    ):
        with pytest.raises(TimeoutError):
            wait()
    assert time.monotonic() - began < 1.4
