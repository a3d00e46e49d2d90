"""`--filter` and `--tenant`, as they are written."""

from __future__ import annotations

import pytest

from agent_knowledge.cli.filters import scope_of, scope_of_row
from agent_knowledge.errors import InputError


@pytest.mark.parametrize(
    ("written", "matching", "other"),
    [
        ("lang=en", {"lang": "en"}, {"lang": "de"}),
        (" lang = en ", {"lang": "en"}, {}),
        ("title=a = b?", {"title": "a = b?"}, {"title": "a"}),
        ("team=a|b", {"team": ("b", "c")}, {"team": "c"}),
        ("year=2020", {"year": 2020}, {"year": 2021}),
        ("year=2020", {"year": "2020"}, {"year": "2020.0"}),
        ("number=007", {"number": "007"}, {"number": 7}),
        ("open=true", {"open": True}, {"open": 1}),
        ("open=true", {"open": "true"}, {"open": False}),
        ("year>=2020", {"year": 2020}, {"year": 2019}),
        ("year > 2020", {"year": 2020.5}, {"year": 2020}),
        ("price<=-1.5", {"price": -2}, {"price": -1}),
        ("date<2024-05-01", {"date": "2024-04-30"}, {"date": "2024-05-01"}),
        ("reviewed?", {"reviewed": False}, {}),
        ('{"reviewed": {"exists": false}}', {}, {"reviewed": True}),
        ('{"a=b": 1, "c": [2, 3]}', {"a=b": 1, "c": 3}, {"a=b": 1}),
    ],
)
def test_a_condition_is_read(written: str, matching: dict[str, object], other: dict[str, object]):
    found = scope_of([written], None).filter
    assert found.matches(matching)  # pyright: ignore[reportArgumentType]
    assert not found.matches(other)  # pyright: ignore[reportArgumentType]


def test_all_conditions_hold():
    found = scope_of(["year>=2020", "year<2024", "lang=en"], "acme")
    assert found.filter.matches({"year": 2022, "lang": "en"})
    assert not found.filter.matches({"year": 2024, "lang": "en"})
    assert found.tenant == "acme"
    assert scope_of(None, None).filter.matches({})


@pytest.mark.parametrize(
    "written", ["lang", "lang!=en", "=en", "lang=", "reviewed?yes", "year>=soon", "{", "[1]", "{}x"]
)
def test_what_is_no_condition_is_told_with_the_forms(written: str):
    with pytest.raises(InputError, match=r"--filter .*write 'lang=en', 'team=a\|b'"):
        scope_of([written], None)


def test_a_tenant_without_a_name_is_refused():
    with pytest.raises(InputError, match="--tenant: ' ' names nobody"):
        scope_of(None, " ")


def test_a_row_narrows_and_names_no_tenant():
    scope = scope_of_row({"task": "t", "filter": {"lang": "en"}, "tenant": "acme"})
    assert scope.filter.matches({"lang": "en"})
    assert scope.tenant is None
    with pytest.raises(InputError, match="give a mapping of fields"):
        scope_of_row({"filter": "lang=en"})
