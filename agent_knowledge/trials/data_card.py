"""The data card of an export: what is in the files, where it comes from and what was checked.

It names rows, never what they say: a row is an example's place in the set's file, from 1, blank
lines not counted.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence, Sized
from dataclasses import dataclass, field

from agent_knowledge.routing.rules import MIN_TRAINING_EXAMPLES
from agent_knowledge.screening.redacting import EXTRA, Detector
from agent_knowledge.trials.pages import render

FEW_A_LABEL = 10
"""Fewer examples of a label are named: a model learns little from them."""
_UNEVEN = 10.0
"""Times the largest label may outnumber the smallest unremarked."""
_SHOWN_ROWS = 20
"""A limit of what is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Rows that are not exported.

    Attributes:
        duplicates: Each with the row that it repeats.
        conflicts: Rows that share an input and differ in the output, together.
        near_conflicts: Pairs of rows that are exported, restate each other and differ in the label.
        empty_outputs: Rows whose output is empty.
        cases: Rows that restate a case which the model is to be measured on.
    """

    duplicates: tuple[tuple[int, int], ...] = ()
    conflicts: tuple[tuple[int, ...], ...] = ()
    near_conflicts: tuple[tuple[int, int], ...] = ()
    empty_outputs: tuple[int, ...] = ()
    cases: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """How validation was split off.

    Attributes:
        train: Rows to train on.
        validation: Rows to validate on.
        share: The share of validation that was asked for, 0..1.
        seed: Of the chance.
        threshold: Cosine from which two inputs are near-duplicates.
        groups: Groups of near-duplicates; a row without one is a group.
        largest_group: Rows of the largest.
    """

    train: int
    validation: int
    share: float
    seed: int
    threshold: float
    groups: int
    largest_group: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """How even the labels are, of a set whose outputs are labels.

    Attributes:
        count: Number of labels.
        smallest: Rows of the rarest one.
        largest: Rows of the most frequent one.
        few: Labels of fewer than `FEW_A_LABEL` rows, with their rows.
        not_validated: Labels without a row to validate on.
    """

    count: int
    smallest: int
    largest: int
    few: Mapping[str, int]
    not_validated: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """How long rows are, system prompt and all, in estimated tokens.

    Attributes:
        p50: Half of the rows are no longer.
        p95: 95 % of the rows are no longer.
        longest: The longest.
        limit: What a trainer is expected to cut off at.
        over: Rows that are longer.
    """

    p50: int
    p95: int
    longest: int
    limit: int
    over: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Personal:
    """What was found of personal data.

    Attributes:
        by: Who looked; None when nobody did.
        found: Rows by kind.
        redacted: What was found was replaced by its kind.
    """

    by: str | None = None
    found: Mapping[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])
    redacted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """All that is known about an export.

    Attributes:
        set: The example set.
        agent: Whose prompt the rows have.
        format: Form of the files.
        made: ISO time, UTC.
        package: Version of this package.
        rows: Rows of the set's file.
        examples: Hash of the set's examples, as trials record it.
        versions: Per file behind the prompt, its hash; as `Plan.versions`.
        left_out: What is not exported.
        split: How validation was split off.
        labels: None where outputs are no labels.
        tokens: How long rows are.
        personal: What was found of personal data.
        files: SHA-256 of each file.
        licence: Of the data.
    """

    set: str
    agent: str
    format: str
    made: str
    package: str
    rows: int
    examples: str
    versions: Mapping[str, str]
    left_out: LeftOut
    split: Split
    labels: Labels | None
    tokens: Tokens
    personal: Personal
    files: Mapping[str, str]
    licence: str = "not stated in the configuration"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to look at before training, a line each."""
        found = (_split_warnings(self.split), _left_out_warnings(self.left_out))
        labels = _label_warnings(self.labels) if self.labels else {}
        told = {**found[0], **found[1], **labels, **_row_warnings(self.tokens, self.personal)}
        return tuple(line for line, applies in told.items() if applies)


def render_card(card: Card) -> str:
    """Write a card as Markdown; its form is `templates/card.md`."""
    values = {
        "card": card,
        "listed": listed,
        "most": _SHOWN_ROWS,
        "few_a_label": FEW_A_LABEL,
        "extra": EXTRA,
    }
    return render("card.md", values)


def measure_labels(outputs: Sequence[str], validated: Collection[int]) -> Labels:
    """Count labels.

    Args:
        outputs: Per row its label; at least one.
        validated: Places of the rows to validate on.
    """
    counts = Counter(outputs)
    few = {label: n for label, n in sorted(counts.items()) if n < FEW_A_LABEL}
    seen = {outputs[place] for place in validated}
    return Labels(
        count=len(counts),
        smallest=min(counts.values()),
        largest=max(counts.values()),
        few=few,
        not_validated=tuple(sorted(counts.keys() - seen)),
    )


def measure_tokens(lengths: Mapping[int, int], limit: int) -> Tokens:
    """Measure lengths.

    Args:
        lengths: Tokens by row; at least one.
        limit: In tokens.
    """
    ordered = sorted(lengths.values())
    return Tokens(
        p50=_quantile(ordered, 0.50),
        p95=_quantile(ordered, 0.95),
        longest=ordered[-1],
        limit=limit,
        over=tuple(row for row, length in lengths.items() if length > limit),
    )


def look_for_personal_data(texts: Mapping[int, str], detector: Detector | None) -> Personal:
    """Look through rows; without a detector nothing is looked at, and the card says so."""
    if detector is None:
        return Personal()
    found: dict[str, list[int]] = {}
    for row, text in texts.items():
        for kind in sorted({kind for _, _, kind in detector.find(text)}):
            found.setdefault(kind, []).append(row)
    return Personal(by=detector.name, found={k: tuple(rows) for k, rows in sorted(found.items())})


def _split_warnings(split: Split) -> dict[str, bool]:
    """Every warning about a split, and whether it applies."""
    return {
        f"enough-data: {split.train} rows to train on; the gate stays shut for an endpoint trained"
        f" on fewer than {MIN_TRAINING_EXAMPLES}": split.train < MIN_TRAINING_EXAMPLES,
        "no row could be validated on without a near-duplicate in training": not split.validation,
        f"{split.largest_group} rows are near-duplicates of one another: the set says the same"
        " thing over and over": split.largest_group > split.validation > 0,
    }


def _left_out_warnings(gone: LeftOut) -> dict[str, bool]:
    rows, pairs = sum(map(len, gone.conflicts)), gone.near_conflicts
    named = ", ".join(f"{a} and {b}" for a, b in pairs[:_SHOWN_ROWS])
    return {
        f"{rows} rows are left out, for {_count(gone.conflicts, 'input')} that have different"
        " outputs: decide which is right": rows > 0,
        f"{_count(pairs, 'pair')} of rows restate each other and have different labels: decide"
        f" which is right: {named}": bool(pairs),
        f"{_count(gone.empty_outputs, 'row')} left out for an empty output:"
        f" {listed(gone.empty_outputs)}": bool(gone.empty_outputs),
    }


def _label_warnings(labels: Labels) -> dict[str, bool]:
    uneven = f"{labels.smallest} to {labels.largest} rows, 1 to"
    uneven += f" {labels.largest / labels.smallest:.0f}"
    missing = labels.not_validated
    return {
        f"the labels are uneven: {uneven}": labels.largest > _UNEVEN * labels.smallest,
        f"{_count(labels.few, 'label')} of fewer than {FEW_A_LABEL} rows": bool(labels.few),
        f"{_count(missing, 'label')} without a row in validation.jsonl": bool(missing),
    }


def _row_warnings(tokens: Tokens, personal: Personal) -> dict[str, bool]:
    long = (
        f"{_count(tokens.over, 'row')} longer than {tokens.limit:,} tokens, where a trainer may cut"
    )
    return {
        f"{long}: {listed(tokens.over)}": bool(tokens.over),
        f"personal data was not checked: {EXTRA}": personal.by is None,
        **{
            f"personal data or secret: {kind} in {_count(rows, 'row')}: {listed(rows)}": True
            for kind, rows in personal.found.items()
            if not personal.redacted
        },
    }


def _quantile(ordered: Sequence[int], share: float) -> int:
    """The least value that `share` of the values do not exceed."""
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def _count(rows: Sized, what: str) -> str:
    return f"{len(rows):,} {what}{'' if len(rows) == 1 else 's'}"


def listed(rows: Sequence[int]) -> str:
    """Name the first rows, and count the rest."""
    shown = ", ".join(str(row) for row in rows[:_SHOWN_ROWS])
    more = len(rows) - _SHOWN_ROWS
    return f"{shown} and {more:,} more" if more > 0 else shown
