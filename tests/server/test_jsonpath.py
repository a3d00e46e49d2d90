"""A filter in PostgreSQL finds what `Filter.matches` says."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent_knowledge.retrieval.postgres.jsonpath import path_of, stored
from agent_knowledge.types.filters import Fields, Filter

NAMES = st.sampled_from(["lang", "year", 'a"b', "x.y", "$", "@", "é😀", "'; --", "*", " "])
DATES = st.sampled_from(
    ["2024-01-01", "2024-05-01T10:00:00+02:00", "2024-05-01 08:00", "1999-12-31T23:59:59.5Z"]
)
WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5)
SCALARS = st.one_of(
    st.integers(-3, 3),
    st.sampled_from([0.5, 1.0, -2.5, 1e300]),
    st.booleans(),
    st.sampled_from(["a", "b", "1", "true", 'q"z', "\\", "$.f"]),
    DATES,
    WORDS,
)
FIELDS = st.dictionaries(
    NAMES, st.one_of(SCALARS, st.lists(SCALARS, min_size=1, max_size=3).map(tuple)), max_size=4
)
NUMBERS = st.one_of(st.integers(-3, 3), st.sampled_from([0.5, 1e300]))


def ranges(ends: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    operators = st.sampled_from(["gte", "gt", "lte", "lt"])
    return st.dictionaries(operators, ends, min_size=1, max_size=3)


ASKED = st.dictionaries(
    NAMES,
    st.one_of(
        SCALARS,
        st.lists(SCALARS, min_size=1, max_size=3),
        ranges(NUMBERS),
        ranges(DATES),
        st.booleans().map(lambda there: {"exists": there}),
        st.sampled_from(["a\0b", {"eq": "\ud800"}]),
    ),
    min_size=1,
    max_size=3,
)


@pytest.fixture(scope="module")
def connection(postgres_server) -> Iterator[psycopg.Connection]:
    with postgres_server.connect() as opened:
        yield opened


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(rows=st.lists(FIELDS, min_size=1, max_size=5), written=ASKED)
def test_every_filter_finds_what_it_says(
    connection: psycopg.Connection, rows: list[Fields], written: dict[str, object]
):
    asked = Filter.of(written)
    found = connection.execute(
        "SELECT r.fields @@ %s::jsonpath IS TRUE FROM unnest(%s::jsonb[]) WITH ORDINALITY"
        " r(fields, place) ORDER BY place",
        (path_of(asked), [stored(row) for row in rows]),
    ).fetchall()
    assert [one for (one,) in found] == [asked.matches(row) for row in rows]


def test_both_ends_of_a_range_hold_for_one_value(connection: psycopg.Connection):
    asked = Filter.of({"year": {"gte": 1, "lte": 5}})
    [(outside,)] = connection.execute(
        "SELECT %s::jsonb @@ %s::jsonpath", (stored({"year": (0, 10)}), path_of(asked))
    ).fetchall()
    assert not outside
