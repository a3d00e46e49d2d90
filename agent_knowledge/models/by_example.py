"""Which worked example is nearest to a task, and so which output to give."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace

from agent_knowledge.models.quotes import stems
from agent_knowledge.ports import Embedder
from agent_knowledge.types import Example

_LABEL_CHARACTERS = 60
_FEWEST_FRAMED = 2
_TO_LAST_SPACE = re.compile(r".*\s", re.DOTALL)
_SHARPNESS = 10.0
"""How much more a nearer example's vote counts: a factor of e for each 0.1 of similarity."""


def nearest_example(
    text: str, examples: Sequence[Example], embedder: Embedder | None = None
) -> tuple[Example, float]:
    """Choose the example whose output to give for a text.

    Where outputs are labels, examples vote, the nearer ones with more weight.

    Args:
        text: The task.
        examples: At least one.
        embedder: Measures similarity; else the share of common words does.

    Returns:
        The nearest example of the winning output, and its similarity.
    """
    similar = _similarities(text, [example.input for example in examples], embedder)
    votes: dict[str, float] = {}
    for example, similarity in zip(examples, similar, strict=True):
        if len(example.output) <= _LABEL_CHARACTERS:
            vote = math.exp(_SHARPNESS * similarity)
            votes[example.output] = votes.get(example.output, 0.0) + vote
    places = range(len(examples))
    nearest = max(places, key=lambda i: similar[i])
    if votes and len(examples[nearest].output) <= _LABEL_CHARACTERS:
        label = max(votes, key=lambda output: votes[output])
        nearest = max((i for i in places if examples[i].output == label), key=lambda i: similar[i])
    return examples[nearest], similar[nearest]


def without_frame(text: str, examples: Sequence[Example]) -> tuple[str, Sequence[Example]]:
    """Take off what a task and all examples begin and end with: a set's template, and no matter.

    Args:
        text: The task, as it was put.
        examples: As they were put; of fewer than two, nothing can be told.

    Returns:
        Both without it, cut between words; as they are where one would be left empty.
    """
    texts = [text, *(example.input for example in examples)]
    start = _shared(texts)
    end = _shared([whole[start:][::-1] for whole in texts])
    inner = [whole[start : len(whole) - end].strip() for whole in texts]
    if len(examples) < _FEWEST_FRAMED or not all(inner):
        return text, examples
    return inner[0], [
        replace(example, input=cut) for example, cut in zip(examples, inner[1:], strict=True)
    ]


def _shared(texts: Sequence[str]) -> int:
    """How many characters texts begin with in common, up to the last white space of them."""
    least, greatest = min(texts), max(texts)  # what these two share, all between them do
    pairs = enumerate(zip(least, greatest, strict=False))
    common = next((place for place, (one, other) in pairs if one != other), len(least))
    whole_words = _TO_LAST_SPACE.match(least[:common])
    return whole_words.end() if whole_words else 0


def _similarities(text: str, inputs: Sequence[str], embedder: Embedder | None) -> list[float]:
    if embedder is not None:
        vectors = embedder.embed([text, *inputs])
        return [float(similarity) for similarity in vectors[1:] @ vectors[0]]
    own = stems(text)
    others = [stems(other) for other in inputs]
    return [len(own & other) / (len(own | other) or 1) for other in others]
