"""How right one answer is: pure functions from texts to 0..1."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence

from agent_knowledge.config.json_schema import check_answer

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


def normalised(text: str) -> str:
    """A text without case, punctuation, articles and superfluous blanks.

    As the evaluation script of SQuAD does (Rajpurkar et al. 2016), for any script: what Unicode
    counts as punctuation goes. A text that holds nothing else keeps it.
    """
    lowered = unicodedata.normalize("NFKC", text).lower()
    words = "".join(c for c in lowered if unicodedata.category(c)[0] != "P")
    return " ".join(_ARTICLES.sub(" ", words).split()) or " ".join(lowered.split())


def exact(answer: str, expected: Sequence[str]) -> float:
    """1 where the answer is one of what is expected, but for blanks around it."""
    return float(answer.strip() in {text.strip() for text in expected})


def normalised_match(answer: str, expected: Sequence[str]) -> float:
    """1 where the answer is `normalised` one of what is expected."""
    return float(normalised(answer) in {normalised(text) for text in expected})


def token_f1(answer: str, expected: Sequence[str]) -> float:
    """The overlap of words with the nearest of what is expected: SQuAD's F1."""
    return max(_overlap(normalised(answer).split(), normalised(text).split()) for text in expected)


def regex(answer: str, expected: Sequence[str]) -> float:
    """1 where one of what is expected, read as a regular expression, is found in the answer."""
    return float(any(re.search(pattern, answer) for pattern in expected))


def json_match(answer: str, expected: Sequence[str], schema: str) -> float:
    """1 where the answer is JSON that satisfies a schema and equals one of what is expected.

    Args:
        answer: JSON, also inside a Markdown code fence.
        expected: JSON; where none of it is, satisfying the schema is enough.
        schema: From `schemas.read_schema`; empty accepts any JSON.
    """
    checked = check_answer(answer, schema or "{}")
    if checked.faults:
        return 0.0
    wanted = [value for text in expected for value in _json(text)]
    return float(not wanted or any(_same(json.loads(checked.text), value) for value in wanted))


def json_valid(answer: str, schema: str) -> float:
    """1 where the answer is JSON that satisfies a schema."""
    return float(not check_answer(answer, schema or "{}").faults)


def recall(found: Sequence[str], relevant: frozenset[str]) -> float:
    """The share of the relevant documents that were found."""
    return len(relevant.intersection(found)) / len(relevant)


def label(answer: str, expected: Sequence[str]) -> tuple[str, str]:
    """Which label was expected and which answered, for macro-F1.

    Where several would do, each of them counts as the first.
    """
    said, accepted = normalised(answer), [normalised(text) for text in expected]
    return accepted[0], accepted[0] if said in accepted else said


TEXT_METRICS: dict[str, Callable[[str, Sequence[str]], float]] = {
    "exact": exact,
    "normalised": normalised_match,
    "token_f1": token_f1,
}
"""Measures that apply to any answer."""


def _overlap(said: Sequence[str], wanted: Sequence[str]) -> float:
    shared = sum((Counter(said) & Counter(wanted)).values())
    return 2 * shared / (len(said) + len(wanted)) if shared else 0.0


def _json(text: str) -> list[object]:
    """The value of a JSON text, or nothing."""
    try:
        return [json.loads(text)]
    except (ValueError, RecursionError):
        return []


def _same(one: object, other: object) -> bool:
    """Equal as JSON: true is not 1, whatever Python says."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
