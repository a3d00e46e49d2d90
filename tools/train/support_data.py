"""The passages that the support check is fitted on, and what is asked of them.

`support_pairs.jsonl` holds passages of invented handbooks, manuals, leaflets and encyclopaedias,
each with true sentences in other words and with false ones. Further false claims are made here.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from agent_knowledge.citations.comparison import compare
from agent_knowledge.citations.reading import read_passage
from agent_knowledge.text import sentences

FILE = Path(__file__).with_name("support_pairs.jsonl")
SEED = 20261126
CROWDS = (0, 4)
"""How many other passages stand in the same document."""
MADE = (
    "another passage",
    "its sentence gone",
    "half of another claim",
)
"""The kinds of false claim that are made here, on which the wording is fitted."""
ALTERED = ("half of another sentence", "name of the document", "number of the document")
"""Kinds made here that rules must find: words say little about them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A claim, the document that it cites, what it is, and the passage that it was made from."""

    claim: str
    text: str
    title: str
    kind: Literal["true"] | str
    group: int


def samples(crowd: int) -> Iterator[Sample]:
    """Claims about documents of one passage and so many others."""
    rng = random.Random(SEED + crowd)
    rows = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
    claims = [claim for row in rows for claim in row["true"]]
    for group, row in enumerate(rows):
        others = rng.sample([r for r in rows if r is not row], crowd + 1)
        foreign, crowded = others[0], [row, *others[1:]]
        rng.shuffle(crowded)
        title, text = _document(crowded)
        for claim in row["true"]:
            cut = _without(row["text"], claim)
            half = _halves(claim, rng.choice([c for c in claims if c not in row["true"]]))
            copied = _halves(_sentence(row, rng), _sentence(rng.choice(others), rng))
            yield Sample(claim=claim, text=text, title=title, kind="true", group=group)
            for kind, said, where in (
                (MADE[0], claim, text.replace(row["text"], foreign["text"])),
                (MADE[1], claim, text.replace(row["text"], cut)),
                (MADE[2], half, text),
                (ALTERED[0], copied, text),
                (ALTERED[1], _swapped(claim, text, _NAME, rng), text),
                (ALTERED[2], _swapped(claim, text, _NUMBER, rng), text),
            ):
                if said:
                    yield Sample(claim=said, text=where, title=title, kind=kind, group=group)
        for false in row["false"]:
            yield Sample(
                claim=false["claim"], text=text, title=title, kind=false["kind"], group=group
            )


def _document(rows: list[dict[str, Any]]) -> tuple[str, str]:
    """Title and text: a passage alone keeps its title apart, several are chapters."""
    if len(rows) == 1:
        return rows[0]["title"], rows[0]["text"]
    return "", "\n\n".join(f"{row['title']}\n\n{row['text']}" for row in rows)


def _without(text: str, claim: str) -> str:
    """The passage without the sentences that come closest to a claim."""
    found = compare(claim, read_passage(text))
    if found is None:
        return text
    start, end = found.window.span(read_passage(text))
    return text[:start] + text[end:]


def _swapped(claim: str, text: str, kind: re.Pattern[str], rng: random.Random) -> str:
    """A claim with another name or number of the document; empty if that cannot be."""
    found = list(kind.finditer(claim))
    others = sorted(set(kind.findall(text)) - set(kind.findall(claim)))
    if not found or not others:
        return ""
    match = rng.choice(found)
    return claim[: match.start()] + rng.choice(others) + claim[match.end() :]


_NAME = re.compile(r"(?<=[a-z,] )[A-Z][\w'-]+(?: [A-Z][\w'-]+)*")
_NUMBER = re.compile(r"(?<![\w.,:])\d+(?:[.,]\d+)*(?![\w:])")


def _sentence(row: dict[str, Any], rng: random.Random) -> str:
    start, end = rng.choice(sentences(row["text"]))
    return row["text"][start:end]


def _halves(first: str, second: str) -> str:
    """The first half of one claim and the second of another."""
    ours, theirs = first.rstrip(".").split(), second.split()
    return " ".join([*ours[: (len(ours) + 1) // 2], *theirs[len(theirs) // 2 :]])
