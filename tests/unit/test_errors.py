from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent_knowledge import errors
from agent_knowledge.errors import (
    AgentKnowledgeError,
    CitationError,
    ConfigError,
    EndpointError,
    InputError,
    MissingExtraError,
    RunError,
    SourceError,
    StoreLockedError,
    UserError,
    hide,
    nearest,
    shown,
    without_password,
)


def test_errors_can_be_caught_at_the_height_that_is_needed():
    for kind in (ConfigError, MissingExtraError, InputError):
        assert issubclass(kind, UserError)
    for kind in (SourceError, EndpointError, StoreLockedError, CitationError):
        assert issubclass(kind, RunError)
    assert UserError.__base__ is RunError.__base__ is AgentKnowledgeError


def test_the_tree_in_the_docstring_names_every_error():
    kinds = {name for name in vars(errors) if name.endswith("Error")}
    assert set(re.findall(r"\b\w+Error\b", errors.__doc__ or "")) == kinds


@pytest.mark.parametrize(
    ("name", "known", "says"),
    [
        ("handbok", ["faq", "handbook"], "did you mean 'handbook'?"),
        ("zzz", ["b", "a"], "known: a, b"),
        ("zzz", [], "none is defined"),
        ("", ["a"], "known: a"),
    ],
)
def test_an_unknown_name_is_answered_with_what_is_known(name: str, known: list[str], says: str):
    assert nearest(name, known) == says


@pytest.mark.parametrize(
    "address",
    ["postgresql://u:secret@host/db", "http://u:sec@ret@host:1", "postgresql://u:sec/ret@host/db"],
)
def test_what_others_say_of_an_address_has_no_password_in_it(address: str):
    said = without_password(f"cannot reach {address} today")
    assert "sec" not in said
    assert "ret@" not in said
    assert "host" in said


@pytest.mark.parametrize("before", [10, 50, 70, 76, 90])
def test_no_part_of_a_variable_is_left_where_a_long_value_is_cut(
    before: int, monkeypatch: pytest.MonkeyPatch
):
    secret = "tree-rings-4711-" * 5
    monkeypatch.setattr(errors, "_expanded", {})
    hide(secret, "${PLACE}")
    for given in (f"{'d' * before}/{secret}/docs", Path("d" * before, secret, "docs")):
        assert "rings" not in shown(given)
