"""The opening and the closing of a text, where people say what they want."""

from __future__ import annotations

import re

_HEAD = 2_400
_TAIL = 800
_OPENING = 500
_CLOSING = 300
_QUOTED = re.compile(r"[\"“”«»]([^\"“”«»\n]{1,400})[\"“”«»]|`([^`\n]{1,200})`")
_BLANK_LINES = re.compile(r"\n[^\S\n]*\n")


def ends(text: str) -> str:
    """Cut a text down to its opening and its closing, with quotations replaced by "Q".

    Args:
        text: Any text, of any length; a 50 MB text costs no more than a page.
    """
    read = text if len(text) <= _HEAD + _TAIL else f"{text[:_HEAD]}\n\n{text[-_TAIL:]}"
    blocks = [block.strip() for block in _BLANK_LINES.split(read.strip())]
    paragraphs = [block for block in blocks if block] or [""]
    opening = paragraphs[0][:_OPENING]
    rest = paragraphs[-1] if len(paragraphs) > 1 else paragraphs[0][_OPENING:]
    parts = (opening, rest[-_CLOSING:])
    return "\n".join(_QUOTED.sub("Q", part) for part in parts if part)
