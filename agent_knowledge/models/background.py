"""One event loop in a thread of its own, for calls that must end by a deadline.

A blocking HTTP client bounds each read and not the whole call, so a server that trickles bytes
holds it for ever. A coroutine can be stopped at any point, and stopping it closes its connection.
All calls run on the same loop, since the connections that a client keeps open belong to the loop
that opened them.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

_LOCK = threading.RLock()  # the collector may run `start` where `start` holds it
_LOOPS: dict[int, asyncio.AbstractEventLoop] = {}
"""By process: a thread does not survive a fork."""


@dataclass(frozen=True, slots=True)
class _End:
    """After the last piece: what went wrong, if anything."""

    error: BaseException | None


def wait_for(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in the background and wait for it; an interrupted wait stops it."""
    future = start(work)
    try:
        return future.result()
    finally:
        future.cancel()  # nothing to do once it has ended


async def wait_in_loop(work: Coroutine[Any, Any, T]) -> T:
    """`wait_for`, awaited; a cancelled wait stops the coroutine."""
    return await asyncio.wrap_future(start(work))


def iterate(pieces: AsyncIterator[T]) -> Iterator[T]:
    """Pass on what is made in the background, as it comes.

    The maker never waits for the taker. A taker who closes the iterator stops it.
    """
    made: queue.SimpleQueue[T | _End] = queue.SimpleQueue()
    future = start(_pump(pieces, made.put))
    try:
        while not isinstance(piece := made.get(), _End):
            yield piece
    finally:
        future.cancel()
    if piece.error:
        raise piece.error


async def aiterate(pieces: AsyncIterator[T]) -> AsyncIterator[T]:
    """`iterate`, awaited."""
    loop = asyncio.get_running_loop()
    made: asyncio.Queue[T | _End] = asyncio.Queue()
    future = start(
        _pump(pieces, lambda piece: loop.call_soon_threadsafe(made.put_nowait, piece)),
    )
    try:
        while not isinstance(piece := await made.get(), _End):
            yield piece
    finally:
        future.cancel()
    if piece.error:
        raise piece.error


async def _pump(pieces: AsyncIterator[T], put: Callable[[T | _End], object]) -> None:
    try:
        async for piece in pieces:
            put(piece)
    except Exception as error:  # noqa: BLE001 - the taker raises it
        put(_End(error))
    else:
        put(_End(None))


def start(work: Coroutine[Any, Any, T]) -> Future[T]:
    """Run a coroutine in the background."""
    with _LOCK:
        loop = _LOOPS.get(os.getpid())
        if loop is None:
            loop = _LOOPS[os.getpid()] = asyncio.new_event_loop()
            name = "agent-knowledge-endpoints"
            threading.Thread(target=loop.run_forever, name=name, daemon=True).start()
    return asyncio.run_coroutine_threadsafe(work, loop)
