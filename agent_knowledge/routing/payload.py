"""The text that a task was given to work on, where it stands apart from what is asked of it.

`Put this ticket into its queue: "I was charged twice"` is one more instance of a set whose examples
are bare tickets; the whole sentence is not near to any of them, the ticket is.
"""

from __future__ import annotations

import re

_LOOKED_AT_CHARACTERS = 4000
_FEWEST_WORDS = 3
_QUOTED = re.compile(
    r"\"([^\"]{1,2000})\"|“([^“”]{1,2000})”|«([^«»]{1,2000})»|„([^„“”]{1,2000})[“”]"
)
_BLANK_LINES = re.compile(r"\n\s*\n")
_AFTER_COLON = re.compile(r":\s+(?=\S)")


def payload(text: str) -> str | None:
    """Find what a task works on.

    Args:
        text: A task; of a very long one, the beginning is looked at.

    Returns:
        The longest quotation; else the longest paragraph after the first; else what follows the
        first colon. None when there is none of three words or more.
    """
    text = text[:_LOOKED_AT_CHARACTERS].strip()
    quoted = [next(filter(None, match.groups())) for match in _QUOTED.finditer(text)]
    paragraphs = _BLANK_LINES.split(text)[1:]
    after_colon = _AFTER_COLON.split(text, maxsplit=1)[1:]
    for found in (quoted, paragraphs, after_colon):
        longest = max(found, key=len, default="").strip().strip('"“”«»')
        if len(longest.split()) >= _FEWEST_WORDS:
            return longest
    return None
