"""Calling again where that is safe, and giving up in time: for whatever is asked over a network."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
    wait_exponential,
    wait_random,
)

from agent_knowledge.errors import EndpointError
from agent_knowledge.models import background
from agent_knowledge.models.called import GRACE_S, Called, Limits
from agent_knowledge.models.faults import fault_of

T = TypeVar("T")

_backoff = wait_exponential(multiplier=0.2, max=4) + wait_random(0, 0.2)
"""Seconds before the second call 0.2 to 0.4, then twice that each time, at most 4."""


def repeating(limits: Limits) -> AsyncRetrying:
    """Calls again where `faults.fault_of` says that this is safe and the wait fits the budget."""
    return AsyncRetrying(
        sleep=asyncio.sleep,
        retry=retry_if_exception(_may_repeat),
        wait=_wait_s,
        stop=stop_after_attempt(1 + limits.retries) | stop_before_delay(limits.budget_s),
        reraise=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundedCalls:
    """Makes calls that are no chat, such as of a decision model, within limits.

    Attributes:
        called: What is called, as messages name it.
        limits: What one task may take.
    """

    called: Called
    limits: Limits

    def make(self, call: Callable[[], Awaitable[T]]) -> T:
        """Call, and again where that is safe, and wait for what comes of it.

        Raises:
            EndpointError: It failed; kind and status alone are told, for words may hold a key.
        """
        made = 0

        async def counted() -> T:
            nonlocal made
            made += 1
            async with asyncio.timeout(self.limits.timeout_s):
                return await call()

        async def within_budget() -> T:
            async with asyncio.timeout(self.limits.budget_s):
                return await repeating(self.limits)(counted)

        try:
            return background.wait_for(within_budget(), self.limits.budget_s + GRACE_S)
        except Exception as error:  # noqa: BLE001 - each client raises its own kinds
            message = self.called.failed(fault_of(error), self.limits, calls=made)
            raise EndpointError(message) from None


def _may_repeat(error: BaseException) -> bool:
    return isinstance(error, Exception) and fault_of(error).repeat


def _wait_s(state: RetryCallState) -> float:
    """What the server asks for, and some more, so that not all who wait come back at once."""
    error = state.outcome.exception() if state.outcome else None
    asked_s = fault_of(error).wait_s if error else None
    return (asked_s or 0.0) + _backoff(state)
