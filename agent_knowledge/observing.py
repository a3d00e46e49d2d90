"""Who watches the stages: tracing, callbacks and the decision log, none of which can change them.

An observer enters when a stage begins and leaves when it ends, so that it can time it and put its
own context around it. Whatever one of them raises becomes a line in the log and nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import ContextVar
from threading import Lock

from agent_knowledge.ports import Observer
from agent_knowledge.types.stages import Stage

_LOG = logging.getLogger(__name__)
_of_context: ContextVar[tuple[Observer, ...]] = ContextVar("observers", default=())
_of_process: list[Observer] = []
_changing = Lock()


def add_observer(observer: Observer) -> Callable[[], None]:
    """Have every router of this process watched.

    Returns:
        Ends it; calling it twice does no harm.
    """
    with _changing:
        _of_process.append(observer)

    def remove() -> None:
        with _changing:
            if observer in _of_process:
                _of_process.remove(observer)

    return remove


@contextmanager
def observed_by(*observers: Observer) -> Generator[None]:
    """Have what runs in this context watched, such as one run of an agent."""
    token = _of_context.set((*_of_context.get(), *observers))
    try:
        yield
    finally:
        _of_context.reset(token)


@contextmanager
def observe(stage: Stage, own: Sequence[Observer] = ()) -> Generator[Stage]:
    """Tell everybody who watches that a stage begins, and when it ends.

    Args:
        stage: What begins; its values may be filled in until the end.
        own: Observers of the router at work, beside those of the context and of the process.

    Yields:
        The stage.
    """
    watching = (*own, *_of_context.get(), *_of_process)
    if not watching:
        yield stage
        return
    with ExitStack() as stack:
        for observer in watching:
            stack.enter_context(_guarded(observer, stage))
        try:
            yield stage
        except Exception as error:
            stage.error = stage.error or type(error).__name__
            raise


@contextmanager
def _guarded(observer: Observer, stage: Stage) -> Generator[None]:
    """Enter and leave one observer; its own faults are logged."""
    entered: AbstractContextManager[object] | None = None
    try:
        entered = observer.watch(stage)
        entered.__enter__()
    except Exception:  # noqa: BLE001 - an observer may raise anything and change nothing
        _LOG.warning("an observer failed at the start of %s", stage.kind, exc_info=True)
        entered = None
    try:
        yield
    finally:
        if entered is not None:
            try:
                entered.__exit__(None, None, None)
            except Exception:  # noqa: BLE001 - as above
                _LOG.warning("an observer failed at the end of %s", stage.kind, exc_info=True)
