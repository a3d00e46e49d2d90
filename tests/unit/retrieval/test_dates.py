from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_knowledge.retrieval.reading.documents import date_of, day_of, is_date_field


@pytest.mark.parametrize(
    "written",
    [
        "2026-01-31",
        " 2026-01-31\n",
        "2026-01-31T23:30:00-05:00",
        "2026-01-31 10:00",
        "2026-01-31 10:00:00 +0100",
        "20260131",
        20260131,
        "20260131T101500Z",
        "2026/01/31",
        "D:20260131101500+01'00'",
        "31 January 2026",
        "January 31, 2026",
        "Jan. 31, 2026, 10:15",
        "Sat, 31 Jan 2026 10:15:00 GMT",
        date(2026, 1, 31),
        datetime(2026, 1, 31, 10, tzinfo=UTC),
    ],
)
def test_a_date_is_read_in_the_forms_that_documents_have_it_in(written: object):
    assert day_of(written) == "2026-01-31"


@pytest.mark.parametrize(
    "written",
    [
        *("", "soon", "2026", "2026-01", "2026-13-01", "2026-02-30", "2026-01-31 or so"),
        *("2026-01-31/2026-02-03", "03/04/2026", "D:2026", "31 Brumaire 2026", "1767225600"),
        *(None, True, 1767225600, 10**30, 2026.0131, ["2026-01-31"], {"date": "2026-01-31"}),
    ],
)
def test_what_is_no_date_or_could_be_two_is_none(written: object):
    assert day_of(written) is None


def test_the_future_and_what_lies_before_1900_are_no_dates():
    today = datetime.now(UTC).date()
    assert day_of((today - timedelta(days=1)).isoformat()) is not None
    assert day_of((today + timedelta(days=2)).isoformat()) is None
    assert day_of("9999-12-31") is None
    assert day_of("1900-01-01") == "1900-01-01"
    assert day_of("1899-12-31") is None
    assert day_of("0001-01-01T00:00:00Z") is None


@given(st.text() | st.from_regex(r"[0-9T:./ -]{4,20}"))
def test_any_text_is_read_as_a_date_of_the_past_or_none(text: str):
    day = day_of(text)
    assert day is None or "1900-01-01" <= day <= datetime.now(UTC).date().isoformat()


def test_the_last_change_counts_and_a_field_that_holds_no_date_does_not():
    assert date_of([("date", "2024-01-01"), ("last_updated", "2025-05-05")]) == "2025-05-05"
    assert date_of([("date", "2024-01-01"), ("Last Modified", "soon")]) == "2024-01-01"
    assert date_of([("last_update", {"date": "2025-05-05", "author": "A"})]) == "2025-05-05"
    assert date_of([("departure", "2025-05-05"), ("date", "2999-01-01")]) is None


@pytest.mark.parametrize("name", ["date", "Updated", "last-updated", "lastmod", "Last Modified"])
def test_a_field_is_known_whatever_its_case_and_punctuation(name: str):
    assert is_date_field(name)
    assert not is_date_field(f"x{name}")
