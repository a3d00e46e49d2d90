from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_knowledge.config.templates import (
    faults,
    fill,
    fill_around,
    placeholders,
    read_template,
    second_divider,
)

ACCEPTED = {"agent": "", "shop": "", "input": "belongs below the line '---'"}


def test_values_are_put_in_by_name():
    text = "You are {{agent}} of {{ shop }}, {{agent}}."
    assert fill(text, {"agent": "Ada", "shop": "Lumen"}) == "You are Ada of Lumen, Ada."


@given(st.text(), st.text())
def test_what_is_put_in_is_not_looked_through_again(one: str, other: str):
    assert fill("{{a}}|{{b}}", {"a": one + "{{b}}", "b": other}) == f"{one}{{{{b}}}}|{other}"


def test_a_backslash_makes_braces_of_braces():
    assert fill(r"\{{agent}} {{agent}} {x} }}", {"agent": "Ada"}) == "{{agent}} Ada {x} }}"
    assert list(placeholders(r"\{{agent}}")) == []


def test_a_file_is_divided_at_its_line_of_dashes():
    made = read_template("Sort tickets.\n\n--- \n\nTicket: {{input}}\n\nQueue:\n")
    assert made.instructions == "Sort tickets."
    assert (made.turn, made.turn_line) == ("Ticket: {{input}}\n\nQueue:", 5)
    assert second_divider("a\n---\nb\n---\nc") == 4


def test_a_file_without_one_is_the_form_of_a_turn():
    made = read_template("\nTicket: {{input}} -- ---\n")
    assert (made.instructions, made.turn, made.turn_line) == ("", "Ticket: {{input}} -- ---", 2)
    assert second_divider("| a |\n|---|\n---") is None


def test_what_stands_around_the_input_is_filled():
    turn = "{{shop}}: {{input}} ({{agent}})"
    before, after = fill_around(turn, {"shop": "{{input}}", "agent": "Ada"})
    assert (before, after) == ("{{input}}: ", " (Ada)")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\n\n{{shopp}}", (12, "unknown placeholder {{shopp}}; did you mean 'shop'? Accepted: ")),
        ("{{x}}", (10, "unknown placeholder {{x}}; Accepted: {{agent}}, {{shop}}")),
        ("\n{{agent", (11, r"'{{' opens no placeholder; write \{{")),
        ("{{{agent}}}", (10, r"'{{' opens no placeholder; write \{{")),
        ("{{agent\n}}", (10, r"'{{' opens no placeholder; write \{{")),
        ("{{input}}", (10, "{{input}} belongs below the line '---'")),
    ],
)
def test_each_fault_has_its_line_and_the_way_out(text: str, expected: tuple[int, str]):
    (line, said), *more = faults(text, ACCEPTED, line=10)
    assert (line, said.startswith(expected[1])) == (expected[0], True)
    assert not more
