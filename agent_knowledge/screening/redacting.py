"""Texts without what a detector of personal data and secrets finds in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

EXTRA = "pip install 'langchain-agent-knowledge[personal-data]'"
"""What brings `screening.personal`, the detector that is packaged."""


class Detector(Protocol):
    """Finds personal data and secrets."""

    @property
    def name(self) -> str:
        """Who looked, with the version."""
        ...

    def find(self, text: str) -> Sequence[tuple[int, int, str]]:
        """What a text holds of it: start, end and kind of each."""
        ...


def redact(text: str, detector: Detector) -> str:
    """A text with all that a detector finds replaced by its kind, as `<EMAIL_ADDRESS>`."""
    pieces, at = list[str](), 0
    for start, end, kind in sorted(detector.find(text), key=lambda hit: (hit[0], -hit[1])):
        if start >= at:
            pieces += [text[at:start], f"<{kind}>"]
        at = max(at, end)
    return "".join([*pieces, text[at:]])
