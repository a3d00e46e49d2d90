"""Which texts say the same, so that nothing is measured by what it was shown or trained on.

Two texts are the same but for case, white space and compatible forms of a character; they are
near-duplicates where MiniLM puts them at a cosine of 0.92 or more. Shared wording (what MinHash
measures) would find few of those: of banking77's pairs above 0.95, one in twenty shares seven
tenths of its word triples. What is near to a near-duplicate belongs with it, so that nothing on one
side of a split has a near-duplicate on the other.
"""

from __future__ import annotations

import random
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from agent_knowledge.build import packaged_embedder
from agent_knowledge.config.files import UnreadableError, lines_of, read_object, reason_of
from agent_knowledge.errors import InputError
from agent_knowledge.ledger.records import digest
from agent_knowledge.retrieval.embedded import arrays
from agent_knowledge.types import Matrix
from agent_knowledge.types.forms import Form

SAME = 0.92
"""Cosine by MiniLM from which one text restates another: above it banking77's 8,622 questions make
5,606 groups, the largest of 75; above 0.85 whole classes run together."""
_BLOCK = 512
"""Rows compared at once: 40 MB of cosines for 20,000 texts."""
_FILES = ("train.jsonl", "validation.jsonl")
"""What `export` writes."""


def folded(text: str) -> str:
    """A text without case, superfluous white space and compatible forms of characters (NFKC)."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def overlapping(
    texts: Sequence[str], known: Mapping[str, Sequence[str]], cache: Path
) -> dict[str, frozenset[int]]:
    """Find texts that are, or restate, others.

    Args:
        texts: At least one.
        known: The others, by the name of where they are from.
        cache: A folder for their vectors, which are made once.

    Returns:
        By that name, the places of the texts that do.
    """
    vectors = packaged_embedder().embed(texts)
    found: dict[str, frozenset[int]] = {}
    for name, others in known.items():
        exact = {folded(other) for other in others}
        same = {place for place, text in enumerate(texts) if folded(text) in exact}
        near = restating(vectors, _vectors(others, cache / f"{name}.npz")) if others else ()
        found[name] = frozenset(same.union(near))
    return found


def read_training(path: Path, form: Form | None) -> tuple[str, ...]:
    """Read the inputs that a model was trained on.

    Args:
        path: A file of JSON lines, {"input"} or {"messages"}; or a folder that `export` wrote.
        form: What stands around an input in the user's turn of {"messages"}, which is taken off.

    Raises:
        InputError: It cannot be read, or a line is neither.
    """
    files = [path / name for name in _FILES] if path.is_dir() else [path]
    inputs: list[str] = []
    for file in files:
        try:
            with file.open("rb") as held:
                rows = [line for _, line in lines_of(held) if line is None or line.strip()]
            inputs += [_input(read_object(line), form) for line in rows]
        except (OSError, UnreadableError, LookupError, TypeError, StopIteration) as error:
            why = reason_of(error) if isinstance(error, (OSError, UnreadableError)) else "no input"
            msg = (
                f"training.file: cannot read {str(file)!r} ({why}); give JSON lines of "
                '{"input"} or {"messages"}, or the folder that `export` wrote'
            )
            raise InputError(msg) from error
    return tuple(inputs)


def _input(row: Mapping[str, Any], form: Form | None) -> str:
    if "input" in row:
        return str(row["input"])
    turns = cast("list[dict[str, str]]", row["messages"])
    text = next(turn["content"] for turn in reversed(turns) if turn["role"] == "user")
    if form and text.startswith(form.before) and text.endswith(form.after):
        text = text[len(form.before) : len(text) - len(form.after)]
    return text


def _vectors(texts: Sequence[str], cache: Path) -> Matrix:
    embedder = packaged_embedder()
    stamp = f"{embedder.name} {digest(list(texts))}"
    if kept := arrays.read(cache, stamp, ("vectors",)):
        return kept["vectors"]
    vectors = embedder.embed(texts)
    arrays.write(cache, stamp, {"vectors": vectors})
    return vectors


def groups_of(vectors: Matrix, same: float = SAME) -> tuple[int, ...]:
    """Group texts with their near-duplicates, and those with theirs.

    Args:
        vectors: One row of length 1 per text.
        same: Cosine from which two texts belong together.

    Returns:
        Per text its group, which is the place of the group's first text.
    """
    groups = np.arange(len(vectors))
    for start in range(0, len(vectors), _BLOCK):
        cosines = vectors[start : start + _BLOCK] @ vectors[start:].T
        for near in cosines >= same:
            met = groups[start:][near]
            if len(met) and (met != met[0]).any():
                groups[np.isin(groups, met)] = met.min()
    return tuple(groups.tolist())


def restating(vectors: Matrix, others: Matrix, same: float = SAME) -> frozenset[int]:
    """Find texts that restate one of others.

    Args:
        vectors: One row of length 1 per text.
        others: One row of length 1 per other text.
        same: Cosine from which one restates another.

    Returns:
        The places of the texts that do.
    """
    found: list[int] = []
    for start in range(0, len(vectors), _BLOCK):
        near = (vectors[start : start + _BLOCK] @ others.T >= same).any(axis=1)
        found += (np.flatnonzero(near) + start).tolist()
    return frozenset(found)


def contradicting(
    vectors: Matrix, labels: Sequence[str], same: float = SAME
) -> tuple[tuple[int, int], ...]:
    """Find pairs of texts that restate each other and have different labels.

    Args:
        vectors: One row of length 1 per text.
        labels: Per text its label.
        same: Cosine from which one restates another.
    """
    known = np.unique(np.array(labels), return_inverse=True)[1]
    found: list[tuple[int, int]] = []
    for start in range(0, len(vectors), _BLOCK):
        near = vectors[start : start + _BLOCK] @ vectors.T >= same
        near &= known[start : start + _BLOCK, None] != known
        found += [(start + a, b) for a, b in np.argwhere(near).tolist() if start + a < b]
    return tuple(found)


def hold_out(
    groups: Sequence[int], labels: Sequence[str], share: float, seed: int
) -> frozenset[int]:
    """Choose whole groups for validation, by chance, of each label about the same share.

    A group is taken where it overfills no label's share, so a label of few examples, or of one
    large group, may have none.

    Args:
        groups: Per text its group.
        labels: Per text what to keep in proportion.
        share: Of each label, 0..1.
        seed: Of the chance; the same one chooses the same groups.

    Returns:
        The places of the texts to validate on.
    """
    members: dict[int, list[int]] = {}
    for place, group in enumerate(groups):
        members.setdefault(group, []).append(place)
    room = {label: int(share * count + 0.5) for label, count in Counter(labels).items()}
    shuffled = list(members.values())
    random.Random(seed).shuffle(shuffled)  # noqa: S311 - nothing secret rests on it
    chosen: list[int] = []
    for group in shuffled:
        wanted = Counter(labels[place] for place in group)
        if all(room[label] >= count for label, count in wanted.items()):
            chosen += group
            for label, count in wanted.items():
                room[label] -= count
    return frozenset(chosen)
