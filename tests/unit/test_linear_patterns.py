"""No regular expression of the package takes more than linear time, whatever text it is given."""

from __future__ import annotations

import ast
import inspect
import re

import pytest

from tests.hostile import (
    MOST_GROWTH,
    compiled_patterns,
    package_modules,
    uses_of,
    worst_growth,
)

PATTERNS = compiled_patterns()


@pytest.mark.parametrize("path", PATTERNS)
def test_a_pattern_takes_linear_time(path: str):
    for use in uses_of(path, PATTERNS[path]):
        assert worst_growth(PATTERNS[path], use) <= MOST_GROWTH


def test_every_pattern_is_compiled_where_this_test_finds_it():
    """A text given to `re` itself, or compiled inside a function, would escape it."""
    escaped = [
        f"{module.__name__}:{call.lineno}"
        for module in package_modules()
        for call in _calls_of_re(ast.parse(inspect.getsource(module)))
    ]
    assert escaped == []


def _calls_of_re(tree: ast.Module) -> list[ast.Call]:
    at_top = {
        id(node)
        for statement in tree.body
        if not isinstance(statement, ast.FunctionDef | ast.ClassDef)
        for node in ast.walk(statement)
    }
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "re"
        and node.args
        and not isinstance(node.args[0], ast.Name)  # a user's own pattern comes in a variable
        and not (node.func.attr == "compile" and id(node) in at_top)
    ]


@pytest.mark.parametrize(
    "slow",
    [
        r"[ \t]*\n[ \t]*",
        r"^(?: {0,3})(?:(#{1,6})[ \t]+(\S.*?)[ \t]*#*[ \t]*$|(`{3,}|~{3,}))",
        r"[\"“][^\"”]+[\"”]",
        r"\[[0-9, ]+(?:,[0-9, ]+)+\]",
        r"(a|a)*b",
    ],
)
def test_slow_patterns_are_told(slow: str):
    pattern = re.compile(slow, re.MULTILINE | re.DOTALL)
    assert worst_growth(pattern, "finditer") > MOST_GROWTH
