"""The form of a text: how it looks, whatever it is about.

Inputs of one example set look alike: every one starts with "PR #", or is a title and a line below
it, or is all small letters without an end. `SetForm` says how much likelier a text's form is among
a set's inputs than among tasks at large (naive Bayes over marks of form, smoothed towards the
background, which `tools/train/decision.py` counts).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_READ_CHARACTERS = 2_000
_SHAPED_CHARACTERS = 80
_SHAPE_MARKS = 12
_SMOOTHING = 4
"""A set's own inputs count against as many of the background."""
_RARE = 5e-4
"""The share of the background that has a mark which too few of it had to be kept."""
_SIGNS = ':`#@=|;()[]{}"/\\<>_*-?'
_UPPER = re.compile(r"[^\W\d_a-zß-öø-ÿ]")
_LOWER = re.compile(r"[^\W\d_A-ZÀ-ÖØ-Þ]")
_RUN = re.compile(r"(.)\1+")
_WORD = re.compile(r"[\w#']+")
_ASKING = frozenset(
    ("who", "what", "when", "where", "which", "why", "how", "is", "are", "do", "does", "did")
).union(("can", "could", "may", "will", "would", "should", "has", "have"))
_OF_US = re.compile(r"\b(?:i|we|my|our)\b")
_OF_YOU = re.compile(r"\b(?:you|your|please|pls)\b")
_DIGIT = re.compile(r"\d")


def marks(text: str) -> frozenset[str]:
    """The marks of a text's form, as short names.

    Args:
        text: Any text; what is read of it is bounded.
    """
    text = text[:_READ_CHARACTERS].strip()
    start = text[:_SHAPED_CHARACTERS]
    shape = "^" + _shape(start)
    low = text.lower()
    word = _WORD.search(start.lower())
    found = {f"s{shape[i : i + 3]}" for i in range(min(len(shape) - 2, _SHAPE_MARKS))}
    found |= {f"{sign}{sign in text}" for sign in _SIGNS}
    found |= {
        f"word {word[0] if word else ''}",
        f"asks {bool(word) and word[0] in _ASKING}",
        f"end {'a' if text[-1:].isalnum() else text[-1:]}",
        f"length {min(int(math.log2(len(text) + 1)), 10)}",
        f"lines {min(text.count(chr(10)), 3)}",
        f"us {bool(_OF_US.search(low))}",
        f"you {bool(_OF_YOU.search(low))}",
        f"digit {bool(_DIGIT.search(low))}",
        f"small {text[:1].islower()}",
    }
    return frozenset(found)


def _shape(text: str) -> str:
    """Letters as their case, digits as 0, runs as one sign: "PR #33: Add" is "A #0: Aa"."""
    cased = _LOWER.sub("a", _UPPER.sub("A", text))
    return _RUN.sub(r"\1", _DIGIT.sub("0", cased))


def count_marks(texts: Iterable[str]) -> Counter[str]:
    """In how many texts each mark is found."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(marks(text))
    return counts


@dataclass(frozen=True, slots=True, kw_only=True)
class SetForm:
    """The form of a set's inputs.

    Attributes:
        counts: In how many inputs each mark is found.
        inputs: How many inputs there are.
        background: Share of tasks at large that has each mark, 0..1; without those that few have.
    """

    counts: Mapping[str, int]
    inputs: int
    background: Mapping[str, float]

    @classmethod
    def of(cls, inputs: Sequence[str], background: Mapping[str, float]) -> SetForm:
        """Read a set's inputs."""
        return cls(counts=count_marks(inputs), inputs=len(inputs), background=background)

    def likeness(self, text: str) -> float:
        """How much likelier the text's form is among the inputs than at large.

        Returns:
            The log-likelihood ratio of its marks over the root of their number, which takes out
            most of what they say twice; above 0 is likelier.
        """
        found = marks(text)
        total = 0.0
        for mark in found:
            usual = self.background.get(mark, _RARE)
            own = (self.counts.get(mark, 0) + _SMOOTHING * usual) / (self.inputs + _SMOOTHING)
            total += math.log(own / usual)
        return total / math.sqrt(len(found))
