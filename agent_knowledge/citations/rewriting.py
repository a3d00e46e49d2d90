"""Taking markers out of an answer, or other ids into them, without a trace."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from agent_knowledge.citations.markers import Marker, find_markers

PASSES = 4
"""How often to look again: taking a marker out can make another of what stood around it."""
_ROUND = {"(": ")", "（": "）"}


def without_unknown(text: str, known: Collection[str]) -> str:
    """Take out markers, or the part of one, that name no passage.

    Brackets that still make one after a few passes were built to, and become braces.
    """
    for _ in range(PASSES):
        markers = find_markers(text, known)
        kept = {m: tuple(i for i in m.ids if i in known) for m in markers}
        if all(ids == marker.ids for marker, ids in kept.items()):
            return text
        text = rewrite(text, kept)
    return without_brackets(text)


def without_brackets(text: str) -> str:
    """The last resort against a text that was built to grow markers out of what is removed."""
    return text.translate(str.maketrans("[]【】［］()（）", "{}{}{}{}{}"))


def rewrite(text: str, ids: Mapping[Marker, tuple[str, ...]]) -> str:
    """Put other ids into markers, given in order; one left without goes with a blank beside it.

    What was in parentheses stays in them, since they are no markers beside brackets.
    """
    parts: list[str] = []
    at = 0
    for marker, wanted in ids.items():
        if wanted == marker.ids:
            continue
        before, follows = text[at : marker.start], text[marker.end : marker.end + 1]
        opening = text[marker.start]
        at = marker.end
        if wanted:
            opening, closing = (opening, _ROUND[opening]) if opening in _ROUND else ("[", "]")
            parts += [before, opening, ", ".join(wanted), closing]
        elif marker.start == 0 or text[marker.start - 1] == "\n":
            parts.append(before)
            at += follows == " "
        else:
            parts.append(before if follows.isalnum() else before.rstrip(" \t"))
    return "".join([*parts, text[at:]])
