"""Turns of a conversation as they are read: without what people say while they think."""

from __future__ import annotations

import re

_SOUNDS = re.compile(
    r"\b(?:u+h+|u+m+|h+m+|hh|er+m*|oh|ah|ok|okay|yeah|well|so|great|awesome|perfect|excellent"
    r"|al ?right|right|cool|got it|(?:that )?sounds (?:really |good|great|perfect|interesting)+"
    r"|thanks(?: so much)?|thank you(?: so much)?|please|i mean|by the way"
    r"|(?:one )?last question)\b[ ,.!]*",
    re.IGNORECASE,
)
_JOINT = re.compile(r"^(?:and|but)\s+", re.IGNORECASE)


def without_fillers(turn: str) -> str:
    """Take fillers and courtesies out of a turn.

    "ok great umm do you know if they have parking" asks what "do you know if they have parking"
    asks. In written prose the same words carry meaning, so this is for turns only.

    Returns:
        What is left; the turn as it is when nothing would be.
    """
    left = _JOINT.sub("", " ".join(_SOUNDS.sub(" ", turn).split()))
    return left or turn
