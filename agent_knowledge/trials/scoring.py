"""Which measure a trial takes, what each answer scores by it, and what else is told of a rung."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from agent_knowledge.citations.markers import find_markers
from agent_knowledge.config.json_schema import check_answer
from agent_knowledge.errors import InputError
from agent_knowledge.ports import ExampleSet
from agent_knowledge.retrieval.labels import are_labels, has_labels
from agent_knowledge.trials.asking import ArmReply
from agent_knowledge.trials.cases import TrialCase
from agent_knowledge.trials.metrics import OwnMetric
from agent_knowledge.trials.statistics import Estimates, macro_f1, of_macro_f1, of_means

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


Metric = Literal[
    "exact", "normalised", "token_f1", "json_schema", "regex", "macro_f1", "citations", "judge"
]
METRICS: tuple[Metric, ...] = get_args(Metric)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """Scores replies.

    Attributes:
        metric: What counts.
        labels: What is expected are labels, so macro-F1 is told too.
        schema: The JSON schema that answers must satisfy; empty for none.
        own: What scores instead, where `metric` names a function of the host's.
    """

    metric: str
    labels: bool = False
    schema: str = ""
    own: OwnMetric | None = None

    def score(self, reply: ArmReply) -> float:
        """What one reply scores, 0..1; 0 where its form is broken. What failed has no score.

        With `macro_f1` this is whether the label is right, since an F1 is of all cases together. A
        case that is asked several times scores the mean.
        """
        return _mean(map(self._score_of_one, reply.all))

    def _score_of_one(self, reply: ArmReply) -> float:
        if reply.finished is None:
            return 0.0
        text, expected = plain(reply), reply.case.expected
        if self.own:
            return self.own(reply.case.task, text, expected)
        if self.metric in TEXT_METRICS:
            return TEXT_METRICS[self.metric](text, expected)
        scored: dict[str, Callable[[], float]] = {
            "macro_f1": lambda: TEXT_METRICS["normalised"](text, expected),
            "regex": lambda: regex(text, expected),
            "json_schema": lambda: json_match(text, expected, self.schema),
            "citations": lambda: support(reply),
            "judge": lambda: reply.verdict.score if reply.verdict else 0.0,
        }
        return scored[self.metric]()

    def estimate(self, arms: Sequence[Sequence[ArmReply]]) -> Estimates:
        """What several arms score on the same cases, and how sure that is."""
        if self.metric == "macro_f1":
            return of_macro_f1(*_labels(arms))
        scores = [[self.score(r) if r.entry else np.nan for r in replies] for replies in arms]
        return of_means(np.array(scores, dtype=float).T)

    def extras(self, replies: Sequence[ArmReply]) -> dict[str, float]:
        """What else is told of one arm, 0..1 each, over what it answered."""
        replies = [one for reply in replies if reply.entry for one in reply.all]
        told = {
            name: _mean(measure(plain(r), r.case.expected) if r.finished else 0.0 for r in replies)
            for name, measure in TEXT_METRICS.items()
        }
        if self.labels and replies:
            expected, answered = _labels([replies])
            told["macro_f1"] = macro_f1(expected, answered[0])
        if self.schema:
            told["json_valid"] = _mean(
                json_valid(plain(r), self.schema) if r.finished else 0.0 for r in replies
            )
        retrieved = [reply for reply in replies if reply.passages]
        if retrieved:
            told["citations"] = _mean(map(support, retrieved))
        if retrieved and (known := [reply for reply in replies if reply.case.relevant]):
            told["recall"] = _mean(
                recall([p.document for p in reply.passages], reply.case.relevant) for reply in known
            )
        if any(reply.verdict for reply in replies):
            told["judge"] = _mean(r.verdict.score if r.verdict else 0.0 for r in replies)
        return {name: round(value, 6) for name, value in told.items() if name != self.metric}


def choose_metric(asked: str, scorer: Scorer, *, judged: bool) -> str:
    """The measure to take.

    Args:
        asked: A metric's name, `module:function` of one's own, or `auto`: JSON where the set has a
            schema, the normalised match where labels are expected, else the judge where there is
            one, else token F1.
        scorer: What is known of the cases.
        judged: There is a judge.

    Raises:
        InputError: There is no such metric, or it asks for a judge and there is none.
    """
    if asked == "judge" and not judged:
        msg = "--metric judge takes a model that judges; add --judge, as --judge openai:NAME"
        raise InputError(msg)
    if asked in METRICS or ":" in asked:
        return asked
    if asked != "auto":
        known = f"give one of: auto, {', '.join(METRICS)}; or a function of yours, module:function"
        msg = f"--metric {asked!r} is unknown; {known}"
        raise InputError(msg)
    if scorer.schema:
        return "json_schema"
    if scorer.labels:
        return "normalised"
    return "judge" if judged else "token_f1"


def expect_labels(cases: Sequence[TrialCase], examples: ExampleSet | None = None) -> bool:
    """Whether what is expected are labels: those of the set, or short and repeated.

    Args:
        cases: The cases.
        examples: The set that they are instances of, if any: of many labels, few cases repeat one.
    """
    if examples and has_labels(examples):
        known = {example.output for example in examples.examples}
        if all(expected in known for case in cases for expected in case.expected):
            return True
    return are_labels([case.expected[0] for case in cases])


def require_patterns(cases: Sequence[TrialCase]) -> None:
    """Check that what is expected can be read as regular expressions.

    Raises:
        InputError: With all that cannot.
    """
    faults: list[str] = []
    for case in cases:
        for pattern in case.expected:
            try:
                re.compile(pattern)
            except re.error as error:
                faults.append(f"case {case.id}: {pattern!r} is no regular expression ({error})")
    if faults:
        raise InputError("--metric regex:\n  " + "\n  ".join(faults))


def plain(reply: ArmReply) -> str:
    """An answer without the markers that cite its passages: they are no part of what it says."""
    if reply.finished is None:
        return ""
    text = reply.finished.text
    known = [str(number) for number in range(1, len(reply.passages) + 1)]
    for marker in reversed(find_markers(text, known) if known else ()):
        text = text[: marker.start].rstrip(" ") + text[marker.end :]
    return text.strip()


def support(reply: ArmReply) -> float:
    """The share of an answer's claims that the passages they cite support.

    A marker that names no passage is a claim without support; an answer that cites nothing has
    none.
    """
    if reply.finished is None:
        return 0.0
    claims = reply.finished.claims
    total = len(claims) + len(reply.finished.fabricated)
    return sum(claim.supported for claim in claims) / total if total else 0.0


def _labels(arms: Sequence[Sequence[ArmReply]]) -> tuple[list[str], list[list[str | None]]]:
    """What was expected of each case, and what each arm answered to it; None where it failed."""
    expected = [label("", reply.case.expected)[0] for reply in arms[0]]
    return expected, [
        [label(plain(r), r.case.expected)[1] if r.entry else None for r in replies]
        for replies in arms
    ]


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed) if listed else 0.0
