"""The most that is taken from a model or an endpoint; docs/security.md lists these numbers."""

from __future__ import annotations

from dataclasses import dataclass

BODY_BYTES = 8 * 2**20
"""Of an answer that comes whole, or of an error. The longest answers that models give, some 128,000
tokens, are half a megabyte of text; the rest is room for what stands around it."""
STREAM_BYTES = 64 * 2**20
"""Of all events of one stream: 128,000 tokens, each in an event of some 350 bytes, are 45 MB."""
ANSWER_CHARACTERS = 1_000_000
"""Of an answer, whoever gives it and in whatever way: twice the longest that models give."""
HELD_PIECES = 32_768
"""Of a stream before it says anything, such as a model's thoughts: some 100 MB of objects."""
QUEUE_PIECES = 1024
"""Of a stream that its taker has not taken yet. An answer of some 800 words fits, so that a slow
taker is not held against the endpoint; the maker of a longer one waits."""
GRACE_S = 1.0
"""Seconds after a budget when a taker gives up on work that cannot be stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a task may take.

    Attributes:
        timeout_s: Seconds for one call, its whole answer included.
        budget_s: Seconds for all calls together, waiting between them included.
        retries: Calls after the first.
    """

    timeout_s: float
    budget_s: float
    retries: int
