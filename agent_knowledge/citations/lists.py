"""Lists under words that deny: of "What is not covered" each item says what is not covered."""

from __future__ import annotations

import re

_ITEM = re.compile(r"[ \t]*(?:[-*+•–]|\d{1,3}[.)])[ \t]+")
_HEADING = re.compile(r"[ \t]*#{1,6}[ \t]+")
_LEAD_CHARACTERS = 200
"""Of the words above a list: longer ones are a paragraph. A limit."""


def lead_ins(text: str, title: str) -> list[tuple[int, int, str]]:
    """What the lists of a passage stand under.

    Args:
        text: The passage's text.
        title: Its title, with the headings above it behind " > ".

    Returns:
        For each item: where it begins and ends, and the words above its list: the heading or the
        line with a colon just above, or else the last heading of the title; empty for none.
    """
    found: list[tuple[int, int, str]] = []
    lead, at, within = title.rpartition(" > ")[2], 0, False
    for line in text.splitlines(keepends=True):
        end, said = at + len(line), line.strip()
        heading = _HEADING.match(said)
        if _ITEM.match(line):
            found.append((at, end, lead))
            within = True
        elif found and said and not heading and (within or line[0] in " \t"):
            found[-1] = (found[-1][0], end, found[-1][2])  # an item goes on in its next line
        elif said:
            lead = ""
            if (heading or said.endswith(":")) and len(said) <= _LEAD_CHARACTERS:
                lead = said[heading.end() if heading else 0 :].rstrip(":#* ")
        within = within and bool(said) and not heading
        at = end
    return found
