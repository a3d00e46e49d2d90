"""What the passages of a source are about, by name, and which of it a text talks of.

A document goes by its title, by each heading above a passage, and by its short metadata, such as
the hotel that a question is about. A conversation says once whom it talks of and then "do they";
a name that it mentioned tells which of a thousand like passages is meant. A name is found by its
rarer words, close together, so that "the laurel inn" is the "Laurel Inn, a Joie de Vivre Hotel".
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from agent_knowledge.retrieval.lexical import LexicalIndex, stems

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TEXTS = "names.json"
_NUMBERS = "names.npz"
_ARRAYS = ("totals", "positions", "ends", "found_in", "found_ends")
OWN = 3.0
"""What being named in the request itself adds to a passage's rank, in standard deviations. Halved,
nDCG@10 falls by 0.003 on docs_rag, 0.004 on hotpot and 0.009 on musique, and rises by 0.009 in
dialogues; doubled, it falls by 0.036 on docs_rag and 0.005 on hotpot (`tools.ablate`,
retrieval)."""
TOLD = 8.0
"""The same for a name that only the conversation before it has: there the request lacks its
subject, and any other passage that looks like it is about something else. Halved, nDCG@10 in
dialogues falls by 0.225; doubled, it rises by 0.054, of 43 turns (`tools.ablate`, retrieval)."""
LINK = 4.0
"""The same for a name that a passage has which was found: the second look-up of a question of two.
Halved, nDCG@10 falls by 0.016 on hotpot and 0.013 on musique; doubled, by 0.021 and 0.023, where
recall@5 rises by 0.038 and 0.013 (`tools.ablate`, retrieval)."""

_DECAY = 0.85
"""A name counts this much less with each turn that has passed. Halved, nDCG@10 in dialogues falls
by 0.409; doubled, so that older names count more, by 0.457 (`tools.ablate`, retrieval)."""
TURNS = 12
"""Turns before the request that are looked at. Halved, nDCG@10 in dialogues falls by 0.013; doubled
nothing moves (`tools.ablate`, retrieval)."""
_MASS = 4.0
"""A name whose words weigh this much (in IDF) is as telling as 1 - 1/e. Halved, nDCG@10 falls by
0.008 on docs_rag and 0.010 on musique; doubled, by 0.014 on hotpot and musique (`tools.ablate`,
retrieval)."""
LEAST_SHARE = 0.5
"""Less than this share of a name's words is no mention. Halved, nDCG@10 falls by 0.011 on hotpot;
doubled, by 0.014 on musique and 0.084 in dialogues (`tools.ablate`, retrieval)."""
SMALL_WORD = 1.5
"""What a word too common or too short to be looked for weighs in its name: "B on the Go" is not
meant wherever somebody goes."""
MOST_MENTIONS = 64
"""Of one text: a limit, halved or doubled nothing moves (`tools.ablate`, retrieval)."""
_NAME_WORDS = 8
"""A longer title is a sentence, and no name: a limit."""
_HEADINGS = " > "
_ASKED_OF = re.compile(r"(?<=\S)(?: ?:| [-–—]) .*$")
_ADDITION = re.compile(r"(?<=\w)(?:,| [-–:]) .*$")
_ASKING = re.compile(
    r"(?:do|does|did|is|are|was|were|can|could|may|will|would|should|has|have|how|what|when|where"
    r"|which|who|why|any|i|we|you|there|if)\b",
    re.IGNORECASE,
)
_PROPER = re.compile(
    r"(?<=[\w,;:] )(?!(?:I|Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sep|Oct|Nov|Dec|Mon|Tue|Wed|Thu|Fri"
    r"|Sat|Sun)[a-z]*\b)[A-Z]\w+|[\"“][^\"“”]+[\"”]"
)
_LETTERS = re.compile(r"\b(?:[^\W\d_]\.? ){1,4}[^\W\d_]\b\.?")
"""Letters spelled one by one. Without them nDCG@10 in dialogues falls by 0.023 (`tools.ablate`,
retrieval)."""
_UNSPACED = str.maketrans("", "", ". ")
_DIGITS = (
    "zero oh one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty "
    "ninety hundred thousand"
).replace(" ", "|")
_READ_OUT = re.compile(rf"\b(?:(?:{_DIGITS})\b[ ,.]*){{3,}}", re.IGNORECASE)
"""Digits read out, as of a telephone number: no name, whatever "Restaurant One Seven" is called.
Without it nDCG@10 in dialogues falls by 0.017 (`tools.ablate`, retrieval)."""


def names_of(title: str, keywords: str) -> tuple[str, ...]:
    """The names that a passage goes by.

    Args:
        title: Its document's title with heading path.
        keywords: Short metadata, a line each.
    """
    parts = [_bare(_called(_bare(part))) for part in title.split(_HEADINGS)]
    found = (*parts, *(_called(line.strip()) for line in keywords.split("\n")))
    names = [name for name in found if name and _is_name(name)]
    short = [_ADDITION.sub("", name) for name in names]  # "Laurel Inn" of "Laurel Inn, a ... Hotel"
    return tuple(dict.fromkeys((*names, *short)))


def proper_stems(text: str) -> Sequence[str]:
    """The stems of what a text seems to name: capitals inside a sentence, and quotations."""
    return stems(" ".join(_PROPER.findall(text)))


def _bare(text: str) -> str:
    """A title without what stands in parentheses at its end, which tells it from its namesakes."""
    bare = text.strip()
    before, opening, aside = bare.rpartition("(")
    is_last = aside.endswith(")") and aside.count(")") == 1
    return before.strip() if opening and is_last else bare


def _called(text: str) -> str:
    """A text itself; of one that is no name, as "Harbour House: Which cards?", what it is about."""
    return text if _is_name(text) else _ASKED_OF.sub("", text)


def _is_name(text: str) -> bool:
    """A title may be a question that its text answers, or a sentence: nobody calls it by that."""
    asks = text.endswith(("?", ".", "/", "!")) or _ASKING.match(text)
    return not asks and len(text.split()) <= _NAME_WORDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A name as a store keeps it.

    Attributes:
        text: How it is written.
        stems: Its distinct stems.
        small: How many words of it are too common or too short to be looked for.
        total: What all its words weigh (in IDF); 0 until it is known how rare they are.
    """

    text: str
    stems: tuple[str, ...]
    small: int = 0
    total: float = 0.0

    @classmethod
    def of(cls, text: str) -> Named:
        """Read a name."""
        found = tuple(dict.fromkeys(stems(text)))
        return cls(text=text, stems=found, small=max(0, len(text.split()) - len(found)))


Spoken = Sequence[tuple[int, str]]
"""The stems of a text as names are looked for in it, each with its place among its words."""


def spoken(text: str) -> Spoken:
    """Read a text for names: also neighbours as one word ("sea food" is the "Seafood Grill")."""
    words = stems(_as_written(text))
    joined = (a + b for a, b in pairwise(words))
    return [*enumerate(words), *enumerate(joined)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    """The names of a source, as arrays: a hundred thousand are read in a tenth of a second.

    Attributes:
        texts: How each is written.
        words: Its stems, parted by spaces.
        totals: What its words weigh (in IDF).
        positions: The passages that go by the first name, then those of the second ...
        ends: Of each name, where its passages end in `positions`.
        stems: Every stem of a name.
        found_in: The names that have the first stem, then those of the second ...
        found_ends: Of each stem, where its names end in `found_in`.
    """

    texts: Sequence[str]
    words: Sequence[str]
    totals: NDArray[np.float64]
    positions: NDArray[np.intp]
    ends: NDArray[np.intp]
    stems: Sequence[str]
    found_in: NDArray[np.intp]
    found_ends: NDArray[np.intp]

    @classmethod
    def of(
        cls, named: Sequence[Named], totals: Sequence[float], places: Sequence[Sequence[int]]
    ) -> _Names:
        """Arrange names, each with what it weighs and where the passages stand that go by it."""
        found_in: dict[str, list[int]] = {}
        for place, name in enumerate(named):
            for stem in name.stems:
                found_in.setdefault(stem, []).append(place)
        positions, ends = _flat(places)
        found, found_ends = _flat(list(found_in.values()))
        return cls(
            texts=[name.text for name in named],
            words=[" ".join(name.stems) for name in named],
            totals=np.array(totals, dtype=np.float64),
            positions=positions,
            ends=ends,
            stems=list(found_in),
            found_in=found,
            found_ends=found_ends,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkedOf:
    """What a conversation talks of.

    Attributes:
        gains: What being named adds to each passage's rank, in standard deviations of a ranking.
        mentioned: How clearly the latest turn names something, 0..1.
        subjects: The names that only the turns before it have, strongest first.
    """

    gains: NDArray[np.float32]
    mentioned: float
    subjects: tuple[str, ...]


class NameIndex:
    """The names of one source. Immutable; safe to share between threads."""

    def __init__(self, names: _Names, lexical: LexicalIndex) -> None:
        """Hold what `of` or `load` made."""
        self._names = names
        self._lexical = lexical
        self._stems = {stem: place for place, stem in enumerate(names.stems)}

    @classmethod
    def of(cls, passages: Iterable[tuple[str, str]], lexical: LexicalIndex) -> NameIndex:
        """Collect the names of passages.

        Args:
            passages: Title and keywords of each, in the order of `lexical.numbers`.
            lexical: Says how rare each word is in the source.
        """
        holders: dict[str, list[int]] = {}
        known: dict[tuple[str, str], tuple[str, ...]] = {}
        for position, passage in enumerate(passages):
            if passage not in known:
                known[passage] = names_of(*passage)
            for name in known[passage]:
                holders.setdefault(name, []).append(position)
        named = [name for name in map(Named.of, holders) if name.stems]
        totals = [sum(map(lexical.idf, name.stems)) + name.small * SMALL_WORD for name in named]
        places = [holders[name.text] for name in named]
        return cls(_Names.of(named, totals, places), lexical)

    @classmethod
    def among(cls, named: Sequence[Named], lexical: LexicalIndex) -> NameIndex:
        """Take some names of a source, as a store found them for a text.

        Args:
            named: The names; each counts as a passage of its own, that goes by it alone.
            lexical: Says how rare their words are in the source.
        """
        alone = [[place] for place in range(len(named))]
        return cls(_Names.of(named, [name.total for name in named], alone), lexical)

    def within(self, mask: NDArray[np.bool_] | None) -> NameIndex:
        """The names of some passages alone; of all where there is no mask."""
        if mask is None:
            return self
        names = self._names
        kept = mask[names.positions]
        left = np.concatenate(([0], np.cumsum(kept)))
        ends = left[names.ends]
        used = np.diff(ends, prepend=0) > 0
        within = copy(self)
        within._names = replace(
            names,
            totals=np.where(used, names.totals, np.inf),  # no text weighs as much
            positions=names.positions[kept],
            ends=ends,
        )
        return within

    def save(self, folder: Path) -> None:
        """Write them into a folder as JSON and arrays."""
        names = self._names
        rows = {"texts": names.texts, "words": names.words, "stems": names.stems}
        (folder / _TEXTS).write_text(json.dumps(rows), encoding="utf-8")
        arrays = {name: getattr(names, name) for name in _ARRAYS}
        np.savez(folder / _NUMBERS, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, folder: Path, lexical: LexicalIndex) -> NameIndex:
        """Read what `save` wrote, from a folder that was compared with its manifest."""
        rows: dict[str, list[str]] = json.loads((folder / _TEXTS).read_text(encoding="utf-8"))
        with np.load(folder / _NUMBERS, allow_pickle=False) as arrays:
            return cls(_Names(**rows, **{name: arrays[name] for name in _ARRAYS}), lexical)

    def talked_of(self, request: Spoken, earlier: Sequence[Spoken]) -> TalkedOf:
        """What a conversation talks of.

        Args:
            request: The latest turn.
            earlier: The turns before it, the last one first.
        """
        own = self._mentions(request)
        gains = {name: OWN * strength for name, strength in own.items()}
        # A request that says itself what it is about has left what was talked of before.
        mentioned = max(own.values(), default=0.0)
        before: dict[int, float] = {}
        for age, turn in enumerate(earlier, start=1):
            for name, strength in self._mentions(turn).items():
                faded = strength * _DECAY**age * (1 - mentioned)
                before[name] = max(before.get(name, 0.0), faded)
        for name, strength in before.items():
            gains[name] = max(gains.get(name, 0.0), TOLD * strength)
        subjects = sorted(before.keys() - own.keys(), key=lambda name: -before[name])
        return TalkedOf(
            gains=self._spread(gains),
            mentioned=mentioned,
            subjects=tuple(self._names.texts[name] for name in subjects),
        )

    def mentioned(self, text: Spoken, *, but_of: int | None) -> NDArray[np.float32]:
        """How clearly a text names each passage, 0..1.

        Args:
            text: Any text, such as that of a passage.
            but_of: Position of the passage whose own names do not count.
        """
        mentions = self._mentions(text)
        others = {
            name: strength
            for name, strength in mentions.items()
            if but_of is None or but_of not in self._positions(name)
        }
        return self._spread(others)

    def _spread(self, strengths: Mapping[int, float]) -> NDArray[np.float32]:
        """From names to the passages that go by them."""
        spread = np.zeros(len(self._lexical.numbers), dtype=np.float32)
        for name, strength in strengths.items():
            positions = self._positions(name)
            spread[positions] = np.maximum(spread[positions], strength)
        return spread

    def _mentions(self, text: Spoken) -> dict[int, float]:
        """The names that a text mentions, each with how clearly, 0..1."""
        known = [(at, stem) for at, stem in text if stem in self._stems]
        if not known:
            return {}
        names = self._names
        mass = np.zeros(len(names.texts))
        for stem in dict.fromkeys(stem for _, stem in known):
            having = _part(names.found_in, names.found_ends, self._stems[stem])
            mass[having] += self._lexical.idf(stem)
        likely = np.flatnonzero(mass >= LEAST_SHARE * names.totals)
        if len(likely) > MOST_MENTIONS:
            likely = likely[np.argsort(-mass[likely], kind="stable")[:MOST_MENTIONS]]
        found = {name: self._strength(name, known) for name in likely.tolist()}
        return {name: strength for name, strength in found.items() if strength > 0}

    def _strength(self, name: int, words: Sequence[tuple[int, str]]) -> float:
        """How clearly a name is mentioned: by its words within one short stretch of the text."""
        weights = {stem: self._lexical.idf(stem) for stem in self._names.words[name].split(" ")}
        places = sorted((at, stem) for at, stem in words if stem in weights)
        stretch = len(weights) + 1
        mass = max(
            sum(weights[stem] for stem in _from(places, first, stretch))
            for first in range(len(places))
        )
        share = mass / float(self._names.totals[name])
        return share**2 * (1 - math.exp(-mass / _MASS)) if share >= LEAST_SHARE else 0.0

    def _positions(self, name: int) -> NDArray[np.intp]:
        """The passages that go by a name."""
        return _part(self._names.positions, self._names.ends, name)


def _flat(rows: Sequence[Sequence[int]]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows one behind the other, and where each ends."""
    ends = np.cumsum([len(row) for row in rows], dtype=np.intp)
    return np.fromiter((value for row in rows for value in row), dtype=np.intp), ends


def _part(values: NDArray[np.intp], ends: NDArray[np.intp], row: int) -> NDArray[np.intp]:
    """A row of what `_flat` made."""
    return values[ends[row - 1] if row else 0 : ends[row]]


def _from(places: Spoken, first: int, stretch: int) -> frozenset[str]:
    """The stems within so many words from the first of several places on, which are in order."""
    end = places[first][0] + stretch
    near = places[first : first + 2 * stretch]  # two a word: itself, and joined with the next
    return frozenset(stem for at, stem in near if at < end)


def _as_written(text: str) -> str:
    """Undo what speech does to names: letters spelled one by one, numbers read out."""
    return _LETTERS.sub(lambda match: match[0].translate(_UNSPACED), _READ_OUT.sub(" ", text))
