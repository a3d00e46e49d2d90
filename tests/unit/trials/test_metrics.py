"""Scoring one answer."""

from __future__ import annotations

import pytest

from agent_knowledge.trials import scoring as metrics

SCHEMA = '{"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}}'


@pytest.mark.parametrize(
    ("answer", "expected", "score"),
    [
        ("The Eiffel Tower.", ["eiffel tower"], 1),
        ("eiffel  TOWER!", ["x", "Eiffel Tower"], 1),
        ("Eiffel", ["Eiffel Tower"], 0),
        ("¿Dónde?", ["dónde"], 1),
        ("the", ["The"], 1),
        ("+", ["-"], 0),
        ("card_arrival", ["card_arrival"], 1),
    ],
)
def test_a_normalised_match_heeds_words_alone(
    answer: str, expected: list[str], score: float
) -> None:
    assert metrics.normalised_match(answer, expected) == score


def test_an_exact_match_heeds_all_but_blanks_around() -> None:
    assert metrics.exact(" billing\n", ["billing"]) == 1
    assert metrics.exact("Billing", ["billing"]) == 0


def test_token_f1_takes_the_nearest_of_what_is_expected() -> None:
    assert metrics.token_f1("within 30 days", ["30 days", "a month"]) == pytest.approx(0.8)
    assert metrics.token_f1("never", ["30 days"]) == 0


def test_a_regular_expression_is_searched() -> None:
    assert metrics.regex("It takes 30 days.", [r"\b30 days\b"]) == 1
    assert metrics.regex("It takes 300 days.", [r"\b30 days\b"]) == 0


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        ('{"city": "Paris"}', 1),
        ('```json\n{"city":  "Paris"}\n```', 1),
        ('{"city": "Rome"}', 0),
        ('{"city": 1}', 0),
        ("Paris", 0),
    ],
)
def test_json_must_satisfy_the_schema_and_equal_what_is_expected(answer: str, score: float) -> None:
    assert metrics.json_match(answer, ['{"city": "Paris"}'], SCHEMA) == score


def test_where_no_json_is_expected_the_schema_alone_counts() -> None:
    assert metrics.json_match('{"city": "Rome"}', ["a city"], SCHEMA) == 1
    assert metrics.json_valid('{"city": 1}', SCHEMA) == 0


def test_true_is_not_1() -> None:
    assert metrics.json_match("true", ["1"], "") == 0


def test_any_of_several_labels_counts_as_the_first() -> None:
    assert metrics.label("Returns.", ["refund", "returns"]) == ("refund", "refund")
    assert metrics.label("praise", ["refund", "returns"]) == ("refund", "praise")


def test_recall_is_of_the_relevant_documents() -> None:
    assert metrics.recall(["a", "x", "a"], frozenset({"a", "b"})) == 0.5
