"""Near-duplicates: which inputs restate one another, and a split that keeps them together.

Two inputs are near-duplicates where MiniLM puts them at a cosine of 0.92 or more. Shared wording
(what MinHash measures) would find few of them: of banking77's pairs above 0.95, one in twenty
shares seven tenths of its word triples. What is near to a near-duplicate belongs with it, so that
nothing on one side of a split has a near-duplicate on the other.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import numpy as np

from agent_knowledge.types import Matrix

SAME = 0.92
"""Cosine by MiniLM from which one text restates another: above it banking77's 8,622 questions make
5,606 groups, the largest of 75; above 0.85 whole classes run together."""
_BLOCK = 512
"""Rows compared at once: 40 MB of cosines for 20,000 texts."""


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
