"""An answer as it streams, so that no page ever shows half a citation marker."""

from __future__ import annotations

import re

_UNFINISHED = re.compile(
    r"(?:[\[【［][^\[\]【】［］\n]{0,60}|[(（][0-9\s,;^–-]{0,20})\Z",
)


class MarkerBuffer:
    """Holds back a bracket until it is closed, or cannot be a marker any more."""

    def __init__(self) -> None:
        """Begin an answer."""
        self._held = ""

    def feed(self, piece: str) -> str:
        """Take the next piece, and give what may be shown of it and of those before; may be empty.

        The pieces given, with that of `flush`, are the answer, unchanged.
        """
        text = self._held + piece
        unfinished = _UNFINISHED.search(text)
        end = unfinished.start() if unfinished else len(text)
        self._held = text[end:]
        return text[:end]

    def flush(self) -> str:
        """What is held at the answer's end."""
        held, self._held = self._held, ""
        return held
