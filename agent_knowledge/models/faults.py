"""What a failed call of a model tells: may it be repeated, when, and is the endpoint to blame?

Only kinds and status codes are read, never a provider's words: they may hold a key.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import cast

from openai import APIConnectionError, APITimeoutError
from pydantic import ValidationError

_REPEAT = frozenset({408, 409, 429})
"""Besides 5xx; the same codes that OpenAI's own client repeats."""
_ADVICE = {"true": True, "false": False}
"""What `x-should-retry` may say."""


class BrokenAnswerError(Exception):
    """An endpoint's answer is empty, broke off or breaks a limit; the message may be shown.

    Attributes:
        repeat: Nothing of it was passed on, and another try may do better.
    """

    def __init__(self, message: str, *, repeat: bool = False) -> None:
        super().__init__(message)
        self.repeat = repeat


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFailure:
    """What a failed call tells.

    Attributes:
        what: Its kind and status, to be shown.
        status: The HTTP status; None where there is none.
        timed_out: It took too long.
        repeat: The same call may succeed later.
        counts: The endpoint is to blame, not the request or the key; the breaker counts it.
        wait_s: Seconds that the server asks to be left alone; None where it does not say.
    """

    what: str
    status: int | None = None
    timed_out: bool = False
    repeat: bool = False
    counts: bool = True
    wait_s: float | None = None


def fault_of(error: BaseException) -> CallFailure:
    """Read a failed call.

    A completion changes nothing at the server, so a call may be repeated whenever the failure may
    pass: no connection, a time-out, 408, 409, 429 and 5xx, unless the server says otherwise in
    `x-should-retry`. Any other 4xx is the fault of the request, the key or the configuration: it
    is neither repeated nor counted. Whatever else goes wrong, such as an answer that is no JSON,
    is counted and not repeated.
    """
    broken = next((c for c in _causes(error) if isinstance(c, BrokenAnswerError)), None)
    if broken is not None:
        return CallFailure(what=str(broken), repeat=broken.repeat)
    if isinstance(error, ValidationError):
        return CallFailure(what="an answer in another form than asked for")
    kind = type(error).__name__
    status = _status(error)
    if status is None:
        causes = tuple(_causes(error))
        timed_out = any(isinstance(cause, TimeoutError | APITimeoutError) for cause in causes)
        lost = any(isinstance(cause, OSError | APIConnectionError) for cause in causes)
        return CallFailure(what="time-out" if timed_out else kind, timed_out=timed_out, repeat=lost)
    headers = _headers(error)
    passing = status in _REPEAT or status >= 500
    return CallFailure(
        what=f"{kind}, status {status}",
        status=status,
        repeat=_ADVICE.get(headers.get("x-should-retry", ""), passing),
        counts=passing,
        wait_s=asked_wait_s(headers, time.time()),
    )


def asked_wait_s(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that a server asks to wait: `retry-after-ms`, or `Retry-After` in seconds or a date.

    Args:
        headers: The response's headers, names in lower case or matched in any case.
        now: The time, in seconds since 1970.

    Returns:
        0 or more; None where the headers don't say, or say no time.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            wait_s = float(headers[name]) * unit
        except (KeyError, ValueError):
            continue
        return None if math.isnan(wait_s) else max(wait_s, 0.0)
    try:
        return max(parsedate_to_datetime(headers["retry-after"]).timestamp() - now, 0.0)
    except (KeyError, ValueError, OverflowError):
        return None


def _status(error: BaseException) -> int | None:
    """The HTTP status, or the code of an error that a server sends inside a stream."""
    status: object = getattr(error, "status_code", None)
    if status is None and isinstance(body := getattr(error, "body", None), Mapping):
        status = cast("Mapping[str, object]", body).get("code")
    return status if isinstance(status, int) and 400 <= status < 600 else None


def _headers(error: BaseException) -> Mapping[str, str]:
    headers: object = getattr(getattr(error, "response", None), "headers", None)
    return cast("Mapping[str, str]", headers) if isinstance(headers, Mapping) else {}


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what led to it: clients wrap a lost connection in an error of their own."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__
