"""What is to be told of an answer whatever its policy: it cites nothing, or it answers a gap."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from typing import cast

from agent_knowledge.citations.markers import find_markers
from agent_knowledge.citations.sentences import read_sentences
from agent_knowledge.types.answers import Flag


def flags_of(
    texts: Iterable[str], known: Collection[str], *, cited: bool, given: bool, gap: bool
) -> tuple[Flag, ...]:
    """The flags of an answer.

    Args:
        texts: The answer; the strings of a structured one.
        known: Ids that its markers may name.
        cited: It has a citation.
        given: Whoever wrote it was given passages.
        gap: It answers a task that needs sources of which none can serve.
    """
    uncited = given and not cited
    if not (uncited or gap) or not any(_states(text, known) for text in texts):
        return ()
    flags: dict[Flag, bool] = {"no_citation": uncited, "states_in_gap": gap}
    return tuple(flag for flag, holds in flags.items() if holds)


def texts_of_json(text: str) -> Iterable[str]:
    """The strings of an answer in JSON, which are read each by itself; else the whole text."""
    try:
        return [*strings_of(json.loads(text))]
    except (ValueError, RecursionError):
        return (text,)


def strings_of(value: object) -> Iterator[str]:
    """The strings of a JSON value, names of keys left out."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            left.extend(cast("dict[str, object]", one).values())
        elif isinstance(one, list):
            left.extend(cast("list[object]", one))


def _states(text: str, known: Collection[str]) -> bool:
    read = read_sentences(text, find_markers(text, known))
    return bool(read.cited or read.uncited)
