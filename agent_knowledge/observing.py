"""Who watches the stages: tracing, callbacks and the decision log, none of which can change them.

An observer enters when a stage begins and leaves when it ends, so that it can time it and put its
own context around it. Whatever one of them raises becomes a line in the log and nothing else.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import ContextVar
from threading import Lock

from agent_knowledge.errors import as_written, without_words
from agent_knowledge.ports import Observer
from agent_knowledge.types import Decision
from agent_knowledge.types.stages import Stage

_LOG = logging.getLogger(__name__)
_TOLD = logging.getLogger("agent_knowledge")
"""The package's own logger, whose INFO is a line for each decision and each answer."""
CANCELLED = "cancelled"
"""The error of a stage that was left before its end, such as an answer that nobody took whole."""
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
    if _TOLD.isEnabledFor(logging.INFO):
        watching = (*watching, _TELLING)
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
        except BaseException:  # nobody takes the rest of it, or waits for it any longer
            stage.error = stage.error or CANCELLED
            raise


@contextmanager
def _guarded(observer: Observer, stage: Stage) -> Generator[None]:
    """Enter and leave one observer; its own faults are logged."""
    entered: AbstractContextManager[object] | None = None
    try:
        entered = observer.watch(stage)
        entered.__enter__()
    except Exception as error:  # noqa: BLE001 - an observer may raise anything and change nothing
        _LOG.warning("an observer failed at the start of %s: %s", stage.kind, without_words(error))
        entered = None
    try:
        yield
    finally:
        if entered is not None:
            try:
                entered.__exit__(None, None, None)
            except Exception as error:  # noqa: BLE001 - as above
                told = without_words(error)
                _LOG.warning("an observer failed at the end of %s: %s", stage.kind, told)


class _Telling:
    """Tells the log what was decided and answered, and at DEBUG all stages; never a text."""

    @contextmanager
    def watch(self, stage: Stage) -> Generator[None]:
        """Time a stage, and tell what it came to."""
        started = time.perf_counter()
        yield
        took_ms = (time.perf_counter() - started) * 1000
        level = logging.INFO if stage.kind in {"route", "answer"} else logging.DEBUG
        if _TOLD.isEnabledFor(level):
            _TOLD.log(level, "%s: %s", stage.agent, _line(stage, took_ms))
        if stage.decision and stage.kind == "route" and _TOLD.isEnabledFor(logging.DEBUG):
            _TOLD.debug("%s: %s", stage.agent, _measured(stage.decision))


_TELLING = _Telling()


def _line(stage: Stage, took_ms: float) -> str:
    """What a stage came to, in a line."""
    if stage.error:
        return f"{stage.kind} failed after {took_ms:.0f} ms ({stage.error})"
    if stage.kind == "route" and stage.decision:
        return _decided(stage.decision)
    if stage.kind == "retrieve":
        found = f"{len(stage.passages)} of at most {stage.k} passages"
        return f"found {found} of {', '.join(stage.sources)} in {took_ms:.0f} ms"
    if stage.answer is None:
        return f"{stage.kind} ended after {took_ms:.0f} ms"
    answer, parts = stage.answer, list[str]()
    unsupported = sum(not claim.supported for claim in answer.claims)
    parts.append(f"{len(answer.claims)} claims, {unsupported} unsupported")
    parts += [f"{len(answer.fallbacks)} rungs failed before"] if answer.fallbacks else []
    parts += answer.flags
    done = "verified" if stage.kind == "verify" else "answered"
    done += f" by {as_written(answer.model)}" if answer.model and stage.kind == "answer" else ""
    return f"{done} in {took_ms:.0f} ms: {', '.join(parts)}"


def _decided(decision: Decision) -> str:
    flags = [word for word, on in (("gap", decision.gap), ("unsure", decision.unsure)) if on]
    plan = decision.plan
    of = ", ".join(filter(None, (*plan.sources, plan.examples, plan.endpoint)))
    told = f"{decision.strategy} {decision.confidence:.2f}" + (f" of {of}" if of else "")
    return ", ".join([told, *flags]) + f" in {decision.elapsed_ms:.0f} ms"


def _measured(decision: Decision) -> str:
    """What a decision rests on, strongest first."""
    signals = decision.signals
    likely = ", ".join(f"{need} {p:.2f}" for need, p in (signals.likely or signals.need).items())
    rows = (f"{one.name} {one.value:+.2f}" for one in signals.evidence)
    return f"likely {likely}; evidence {', '.join(rows)}"
