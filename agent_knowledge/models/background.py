"""One event loop in a thread of its own, for calls that must end by a deadline.

A blocking HTTP client bounds each read and not the whole call, so a server that trickles bytes
holds it for ever. A coroutine can be stopped at any point, and stopping it closes its connection.
All calls run on the same loop, since the connections that a client keeps open belong to the loop
that opened them.

Who waits also has a clock of its own, for work that cannot be stopped: it raises `TimeoutError`.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

from agent_knowledge.limits import QUEUE_PIECES

T = TypeVar("T")

_LOCK = threading.RLock()  # the collector may run `start` where `start` holds it
_LOOPS: dict[int, asyncio.AbstractEventLoop] = {}
"""By process: a thread does not survive a fork."""


@dataclass(frozen=True, slots=True)
class _End:
    """After the last piece: what went wrong, if anything."""

    error: Exception | None


def wait_for(work: Coroutine[Any, Any, T], within_s: float) -> T:
    """Run a coroutine in the background and wait for it; an interrupted wait stops it.

    Raises:
        TimeoutError: It took longer than `within_s` seconds.
    """
    future = start(work)
    try:
        return future.result(within_s)
    finally:
        future.cancel()  # nothing to do once it has ended


async def wait_in_loop(work: Coroutine[Any, Any, T], within_s: float) -> T:
    """`wait_for`, awaited; a cancelled wait stops the coroutine."""
    async with asyncio.timeout(within_s):
        return await asyncio.wrap_future(start(work))


def iterate(pieces: AsyncGenerator[T], within_s: float) -> Iterator[T]:
    """Pass on what is made in the background, as it comes.

    The maker waits for the taker once `limits.QUEUE_PIECES` are made and not taken. A taker who
    closes the iterator stops it.

    Raises:
        TimeoutError: The next piece took longer than `within_s` seconds.
    """
    made: asyncio.Queue[T | _End] = asyncio.Queue(QUEUE_PIECES)
    pump = start(_pump(pieces, made))
    try:
        while not isinstance(piece := wait_for(made.get(), within_s), _End):
            yield piece
    finally:
        pump.cancel()
    if piece.error:
        raise piece.error


async def aiterate(pieces: AsyncGenerator[T], within_s: float) -> AsyncIterator[T]:
    """`iterate`, awaited."""
    made: asyncio.Queue[T | _End] = asyncio.Queue(QUEUE_PIECES)
    pump = start(_pump(pieces, made))
    try:
        while not isinstance(piece := await wait_in_loop(made.get(), within_s), _End):
            yield piece
    finally:
        pump.cancel()
    if piece.error:
        raise piece.error


async def hold(pieces: AsyncGenerator[T], until: float) -> AsyncGenerator[T]:
    """Pass pieces on until a time of the loop's clock; at the end their maker is closed.

    Clock and cancellation are read at each piece too: `asyncio.wait_for`, which clients put around
    their reads, may swallow a cancellation where a piece arrives at the same moment (Python 3.11),
    and with a server that never pauses each does.

    Raises:
        TimeoutError: The time has come.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    async with aclosing(pieces):
        while True:
            try:
                async with asyncio.timeout_at(until):
                    piece = await anext(pieces)
            except StopAsyncIteration:
                return
            if task and task.cancelling():
                raise asyncio.CancelledError
            if loop.time() >= until:
                raise TimeoutError
            yield piece


async def _pump(pieces: AsyncGenerator[T], made: asyncio.Queue[T | _End]) -> None:
    end = _End(None)
    try:
        async with aclosing(pieces):
            async for piece in pieces:
                await made.put(piece)
    except Exception as error:  # noqa: BLE001 - the taker raises it
        end = _End(error)
    await made.put(end)


def start(work: Coroutine[Any, Any, T]) -> Future[T]:
    """Run a coroutine in the background."""
    with _LOCK:
        loop = _LOOPS.get(os.getpid())
        if loop is None:
            loop = _LOOPS[os.getpid()] = asyncio.new_event_loop()
            name = "agent-knowledge-endpoints"
            threading.Thread(target=loop.run_forever, name=name, daemon=True).start()
    return asyncio.run_coroutine_threadsafe(work, loop)
