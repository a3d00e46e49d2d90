"""What is usual in a source of others, measured by searching it.

Nobody lists such a source or shows its vectors, but any search of it can be repeated: from what is
found for its description to what is near to that, and so on. A walk of a few dozen searches shows
how near its passages are to each other, how rare words are, and on what scale its scores are.
"""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agent_knowledge.retrieval.lexical import stems
from agent_knowledge.retrieval.others.finders import Finder, ForeignHit
from agent_knowledge.types.filters import Filter
from agent_knowledge.types.search import CANDIDATES, SourceStatistics

if TYPE_CHECKING:
    from agent_knowledge.types import Matrix, Vector

_SEARCHES = 32
"""Passages that a walk searches for: means over them are known to a sixth of their standard
deviation, and the walk takes seconds where a store is near."""
_SAMPLE = 128
"""Texts that are embedded, where that can be done: three seconds of the packaged model."""
_OFF = 0.02
"""How far a cosine may be from what a score says, on average, for the score to tell it: a limit
above the rounding of quantised vectors."""
_FEWEST = 4
"""Pairs of a score and a cosine that a line is drawn through: a limit."""
_ALIKE = 1e-3
"""Scores that differ by less, beside their size, tell no line."""
_FORMAT = 1
_COUNTED_ANEW = 0.2
"""A source that has grown or shrunk by this share is measured anew: a limit."""
_LASTS = timedelta(days=30)
"""Then it is measured anew in any case, since most retrievers do not say how many they have."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ForeignStatistics:
    """What a walk found.

    Attributes:
        statistics: Of the source, on the scale that `dense` brings scores to; its `spread` is 0
            where that is not known.
        slope: What a score is multiplied by; below 0 where a store tells distances.
        offset: What is added then.
        are_cosines: Whether that makes them cosines in the space of the source's embedding.
        texts: Passages whose words were counted.
        holders: Of each stem, how many of them have it.
    """

    statistics: SourceStatistics
    slope: float = 1.0
    offset: float = 0.0
    are_cosines: bool = False
    texts: int = 0
    holders: Mapping[str, int]

    def dense(self, score: float) -> float:
        """A store's score, higher for nearer."""
        return self.slope * score + self.offset

    def idf(self, stem: str) -> float:
        """How rare a stem is, as `LexicalIndex.idf` tells it."""
        holders = self.holders.get(stem, 0)
        if not holders:
            return math.log(1 + max(self.texts - 0.5, 0.5) / 1.5)
        return math.log(1 + (self.texts - holders + 0.5) / (holders + 0.5))


def measure_foreign(finder: Finder, seeds: Sequence[str], wanted: Filter) -> ForeignStatistics:
    """Walk through a source.

    Args:
        finder: What searches it.
        seeds: Texts to begin with, such as what the source is said to hold.
        wanted: What is searched of it.

    Raises:
        SourceError: It cannot serve.
    """
    walk = _SourceWalk(finder, wanted)
    for seed in seeds:
        walk.search(seed)
    for _ in range(_SEARCHES):
        walk.go_on()
    found = list(walk.met.values())
    counted = Counter(stem for hit in found for stem in set(stems(words_of(hit))))
    sign = 1.0 if sum(ends[0] - ends[-1] for ends in walk.scores) >= 0 else -1.0
    slope, offset, are_cosines = walk.scale(sign)
    return ForeignStatistics(
        statistics=walk.statistics(slope, offset, finder.count() or len(found)),
        slope=slope,
        offset=offset,
        are_cosines=are_cosines,
        texts=len(found),
        holders=dict(counted),
    )


def words_of(hit: ForeignHit) -> str:
    """The words that a passage is found by."""
    return f"{hit.passage.title}\n{hit.passage.text}"


class _SourceWalk:
    """A walk while it lasts."""

    def __init__(self, finder: Finder, wanted: Filter) -> None:
        self._finder = finder
        self._wanted = wanted
        self._chance = random.Random(0)  # noqa: S311 - the same walk every time
        self._walked: dict[int, Vector | None] = {}
        self._found: list[tuple[int, int, float]] = []
        self.met: dict[int, ForeignHit] = {}
        self.scores: list[list[float]] = []
        self.near: list[float] = []

    def search(self, text: str, vector: Vector | None = None) -> Sequence[ForeignHit]:
        """Search for a text, and remember what is met."""
        if vector is None:
            vector = self._embedded([text])[0]
        hits = [
            hit
            for hit in self._finder.near(text, vector, CANDIDATES, self._wanted)
            if self._wanted.matches(hit.passage.fields)
        ]
        self.met |= {hit.number: hit for hit in hits}
        if scores := [hit.score for hit in hits if hit.score is not None]:
            self.scores.append(scores)
        return hits

    def go_on(self) -> None:
        """Search for a passage that was met and not yet searched for."""
        left = [number for number in self.met if number not in self._walked]
        if not left:
            return
        own = self.met[self._chance.choice(left)]
        vector = self._embedded([own.passage.text])[0]
        self._walked[own.number] = vector
        others = [
            hit
            for hit in self.search(own.passage.text, vector)
            if hit.passage.text != own.passage.text
        ]
        self._found += [
            (own.number, hit.number, hit.score) for hit in others if hit.score is not None
        ]
        if others and others[0].score is not None:
            self.near.append(others[0].score)

    def _embedded(self, texts: Sequence[str]) -> Sequence[Vector | None]:
        vectors = self._finder.embed(texts)
        return [None] * len(texts) if vectors is None else [*vectors]

    def scale(self, sign: float) -> tuple[float, float, bool]:
        """What makes cosines of scores, if a line does; else what makes higher mean nearer."""
        known = {number: _unit(one) for number, one in self._walked.items() if one is not None}
        pairs = [
            (score, float(known[one] @ known[other]))
            for one, other, score in self._found
            if one in known and other in known
        ]
        scores, cosines = np.array(pairs).reshape(-1, 2).T
        if len(pairs) < _FEWEST or scores.std() <= _ALIKE * np.abs(scores).max():
            return sign, 0.0, False
        slope = np.cov(scores, cosines, bias=True)[0, 1] / scores.var()
        offset = cosines.mean() - slope * scores.mean()
        off = np.abs(slope * scores + offset - cosines).mean()
        if off > _OFF or slope * sign < 0:
            return sign, 0.0, False
        return float(slope), float(offset), True

    def statistics(self, slope: float, offset: float, passages: int) -> SourceStatistics:
        """What is usual, on the scale that a slope and an offset make."""
        near = slope * np.array(self.near) + offset
        center, spread = self._center()
        if center is None or not len(near):
            return SourceStatistics(
                passages=passages, center=None, spread=0.0, near=0.0, near_spread=0.0
            )
        return SourceStatistics(
            passages=passages,
            center=center,
            spread=spread,
            near=float(near.mean()),
            near_spread=float(near.std()),
        )

    def _center(self) -> tuple[Vector | None, float]:
        """Mean of the vectors of a sample, and the standard deviation of its cosines."""
        left = [number for number in self.met if number not in self._walked]
        more = self._chance.sample(left, min(len(left), max(_SAMPLE - len(self._walked), 0)))
        texts = [self.met[number].passage.text for number in more]
        more_vectors = self._embedded(texts) if texts else ()
        vectors: list[Vector | None] = [*self._walked.values(), *more_vectors]
        known = [_unit(vector) for vector in vectors if vector is not None]
        if len(known) < 2:
            return None, 0.0
        sample: Matrix = np.stack(known)
        cosines = sample @ sample.T
        np.fill_diagonal(cosines, np.nan)
        return sample.mean(axis=0), float(np.nanstd(cosines, axis=1).mean())


def _unit(vector: Vector) -> Vector:
    return vector / max(float(np.linalg.norm(vector)), 1e-12)


def save(measured: ForeignStatistics, file: Path, made_of: str) -> None:
    """Keep what a walk found; all of it appears at once.

    Args:
        measured: What it found.
        file: Where.
        made_of: What searches the source.
    """
    of = measured.statistics
    row = {
        "format": _FORMAT,
        "made_of": made_of,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "passages": of.passages,
        "center": None if of.center is None else of.center.tolist(),
        "spread": of.spread,
        "near": of.near,
        "near_spread": of.near_spread,
        "slope": measured.slope,
        "offset": measured.offset,
        "are_cosines": measured.are_cosines,
        "texts": measured.texts,
        "holders": dict(measured.holders),
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    following = file.with_suffix(".next")
    following.write_text(json.dumps(row), encoding="utf-8")
    following.replace(file)


def load(file: Path, made_of: str, passages: int | None) -> ForeignStatistics | None:
    """Read what `save` wrote.

    Args:
        file: Where.
        made_of: What searches the source.
        passages: How many the source has now, where that is known.

    Returns:
        None where nothing that can be used is there, or the source is another one by now.
    """
    try:
        row: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        age = datetime.now(UTC) - datetime.fromisoformat(row["measured_at"])
        if (row["format"], row["made_of"]) != (_FORMAT, made_of) or age > _LASTS:
            return None
        center = None if row["center"] is None else np.array(row["center"], dtype=np.float32)
        found = ForeignStatistics(
            statistics=SourceStatistics(
                passages=int(row["passages"]),
                center=center,
                spread=float(row["spread"]),
                near=float(row["near"]),
                near_spread=float(row["near_spread"]),
            ),
            slope=float(row["slope"]),
            offset=float(row["offset"]),
            are_cosines=bool(row["are_cosines"]),
            texts=int(row["texts"]),
            holders={str(stem): int(count) for stem, count in row["holders"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    before = found.statistics.passages
    grown = passages is not None and abs(passages - before) > _COUNTED_ANEW * max(before, 1)
    return None if grown else found
