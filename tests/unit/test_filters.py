"""What a filter means, and that it is read and written without loss."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_knowledge.errors import InputError
from agent_knowledge.types.filters import Between, Equals, Exists, Filter, OneOf

DOCUMENT = {
    "lang": "en",
    "year": 2021,
    "tags": ("a", "b"),
    "day": "2024-05-01T10:00:00+02:00",
    "ok": True,
}


@pytest.mark.parametrize(
    ("written", "matches"),
    [
        ({}, True),
        ({"lang": "en"}, True),
        ({"lang": "EN"}, False),
        ({"lang": ["de", "en"]}, True),
        ({"year": 2021.0}, True),
        ({"year": "2021"}, False),
        ({"year": {"gte": 2021, "lt": 2022}}, True),
        ({"year": {"gt": 2021}}, False),
        ({"tags": "b"}, True),
        ({"tags": ["c", "d"]}, False),
        ({"ok": True}, True),
        ({"ok": 1}, False),
        ({"day": {"gte": "2024-05-01"}}, True),
        ({"day": {"lt": "2024-05-01T08:00:01Z"}}, True),
        ({"day": {"lte": "2024-05-01"}}, False),
        ({"lang": {"gte": 1}}, False),
        ({"none": {"exists": False}}, True),
        ({"lang": {"exists": True}, "year": 2021}, True),
        ({"none": "x"}, False),
    ],
)
def test_a_filter_means_what_its_form_says(written: dict[str, object], matches: bool) -> None:
    assert Filter.of(written).matches(DOCUMENT) is matches


@pytest.mark.parametrize(
    "written",
    [
        {"": 1}, {"x": None}, {"x": []}, {"x": {}}, {"x": {"$gt": 1}}, {"x": {"gt": "high"}},
        {"x": {"gt": 1, "lt": "2024-01-01"}}, {"x": {"exists": 1}}, {"x": float("nan")},
        {"x": [{"a": 1}]}, {"x": {"in": "ab"}}, {"x": {"gte": True}}, {1: 2}, {"a\0b": 1},
    ],
)  # fmt: skip
def test_what_is_no_filter_is_refused_with_what_is_accepted(written: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"give a value, a list|is no name of"):
        Filter.of(written)


whole = st.integers(1 - 2**63, 2**63 - 1)
scalars = (
    st.text(max_size=5) | whole | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)
)
names = st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=8)
conditions = (
    st.builds(Equals, names, scalars)
    | st.builds(OneOf, names, st.lists(scalars, min_size=1, max_size=3).map(tuple))
    | st.builds(Exists, names, st.booleans())
    | st.builds(
        Between,
        field=names,
        at_least=whole | st.none(),
        below=whole,
    )
)


@given(conditions)
def test_what_is_written_is_what_is_read(one: Equals) -> None:
    (written,) = Filter((one,)).written()
    assert Filter.of(written) == Filter((one,))


@given(conditions, conditions, st.dictionaries(names, scalars, max_size=4))
def test_joined_filters_only_narrow(one: Equals, other: Equals, fields: dict[str, object]) -> None:
    both = Filter((one,)).joined(Filter((other,)))
    assert both.matches(fields) == (
        Filter((one,)).matches(fields) and Filter((other,)).matches(fields)
    )


def test_a_filter_for_one_is_another_than_one_for_true():
    one, true = Filter.of({"a": 1}), Filter.of({"a": True})
    assert one != true
    assert len({one, true, Filter.of({"a": [1]}), Filter.of({"a": [True]})}) == 4
    assert not one.joined(true).matches({"a": 1})
    assert one == Filter.of({"a": {"eq": 1}})


@pytest.mark.parametrize(
    "number",
    [2**63, -(10**400), float("nan"), float("inf")],
    ids=["2**63", "-(10**400)", "nan", "inf"],
)
@pytest.mark.parametrize("operator", ["eq", "gte", "lt"])
def test_a_number_that_no_store_can_compare_is_refused(number: float, operator: str):
    with pytest.raises(InputError, match="'year' has"):
        Filter.of({"year": {operator: number}})
