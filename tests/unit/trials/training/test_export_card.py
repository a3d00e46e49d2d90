"""The data card: what it measures, and what it warns of."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from agent_knowledge.trials.data_card import (
    Card,
    LeftOut,
    Personal,
    Split,
    Tokens,
    look_for_personal_data,
    measure_labels,
    measure_tokens,
    render_card,
)

CARD = Card(
    set="triage",
    agent="support",
    format="chat-jsonl",
    made="2026-11-25T00:00:00+00:00",
    package="1.0",
    rows=1000,
    examples="e" * 64,
    versions={"system_prompt": "abc"},
    left_out=LeftOut(),
    split=Split(
        train=900, validation=100, share=0.1, seed=0, threshold=0.92, groups=950, largest_group=3
    ),
    labels=None,
    tokens=Tokens(p50=20, p95=40, longest=60, limit=1024, over=()),
    personal=Personal(by="looker 1.0"),
    files={"train.jsonl": "f" * 64},
)


class Looker:
    """Takes every word with an @ for an address."""

    name = "looker 1.0"

    def find(self, text: str) -> list[tuple[int, int, str]]:
        return [(m.start(), m.end(), "EMAIL_ADDRESS") for m in re.finditer(r"\S+@\S+", text)]


def test_a_set_without_faults_has_no_warning() -> None:
    assert CARD.warnings == ()
    assert "Nothing was found." in render_card(CARD)


@pytest.mark.parametrize(
    ("changed", "warning"),
    [
        ({"split": replace(CARD.split, train=499)}, "enough-data: 499 rows to train on"),
        ({"split": replace(CARD.split, validation=0)}, "no row could be validated on"),
        ({"split": replace(CARD.split, largest_group=101)}, "101 rows are near-duplicates"),
        (
            {"left_out": LeftOut(conflicts=((3, 9, 12), (4, 8)))},
            "5 rows are left out, for 2 inputs that have different outputs",
        ),
        ({"left_out": LeftOut(empty_outputs=(7,))}, "1 row left out for an empty output: 7"),
        (
            {"labels": measure_labels(["a"] * 111 + ["b"] * 11, [0, 111])},
            "the labels are uneven: 11 to 111 rows, 1 to 10",
        ),
        (
            {"labels": measure_labels(["a"] * 20 + ["b"] * 9, [0, 20])},
            "1 label of fewer than 10 rows",
        ),
        (
            {"labels": measure_labels(["a"] * 20 + ["b"] * 20, [0])},
            "1 label without a row in validation.jsonl",
        ),
        (
            {"tokens": replace(CARD.tokens, over=(3, 5))},
            "2 rows longer than 1,024 tokens, where a trainer may cut: 3, 5",
        ),
        ({"personal": Personal(by="x", found={"IBAN_CODE": (4,)})}, "IBAN_CODE in 1 row: 4"),
        ({"personal": Personal()}, "not checked: pip install 'langchain-agent-knowledge["),
    ],
)
def test_each_fault_is_warned_of_alone(changed: dict[str, Any], warning: str) -> None:
    warnings = replace(CARD, **changed).warnings
    assert len(warnings) == 1
    assert warning in warnings[0]


def test_lengths_are_those_that_the_shares_of_rows_stay_below() -> None:
    tokens = measure_tokens({row: row for row in range(1, 101)}, limit=98)
    assert (tokens.p50, tokens.p95, tokens.longest) == (50, 95, 100)
    assert tokens.over == (99, 100)


def test_personal_data_is_named_by_row_and_never_shown() -> None:
    texts = {1: "Write to jane@example.com", 2: "Hello", 5: "or to joe@example.com"}
    personal = look_for_personal_data(texts, Looker())
    assert personal == Personal(by="looker 1.0", found={"EMAIL_ADDRESS": (1, 5)})
    text = render_card(replace(CARD, personal=personal))
    assert "| EMAIL_ADDRESS | 2 | 1, 5 |" in text
    assert "jane" not in text


def test_many_rows_are_counted_and_the_first_are_named() -> None:
    found = {"EMAIL_ADDRESS": tuple(range(1, 101))}
    text = render_card(replace(CARD, personal=Personal(by="x", found=found)))
    assert "| EMAIL_ADDRESS | 100 | 1, 2, 3," in text
    assert "20 and 80 more |" in text
