"""Metadata is typed where it is read, so that a filter compares like with like."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent_knowledge.retrieval.reading.documents import Document
from agent_knowledge.retrieval.reading.fields import read, tenant_of, written
from agent_knowledge.retrieval.reading.files import read_front_matter
from agent_knowledge.retrieval.reading.loading import read_source
from agent_knowledge.types.filters import Filter, Value


def only(path: Path, content: str) -> Document:
    path.write_text(content, encoding="utf-8")
    (found,) = read_source("s", path)
    assert isinstance(found, Document)
    return found


def test_json_keeps_its_types(tmp_path: Path):
    row = {"id": 1, "text": "t", "year": 2020, "price": 2.5, "open": True, "note": "7"}
    row |= {"tags": ["a", 1, None, {"b": 2}], "of": {"b": [2]}, "none": None, "empty": []}
    document = only(tmp_path / "rows.jsonl", json.dumps(row | {"big": 10**30}))
    assert document.metadata == {
        "year": 2020,
        "price": 2.5,
        "open": True,
        "note": "7",
        "tags": ("a", 1, '{"b": 2}'),
        "of": '{"b": [2]}',
        "big": str(10**30),
    }


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("17", 17),
        ("-3", -3),
        ("0", 0),
        ("2.50", 2.5),
        ("007", "007"),
        ("1e5", "1e5"),
        ("4,5", "4,5"),
        ("4556737586899855", "4556737586899855"),
        ("true", "true"),
        ("2024-05-01", "2024-05-01"),
        ("٣", "٣"),
    ],
)
def test_a_cell_that_is_a_plain_number_is_one(tmp_path: Path, cell: str, value: Value):
    table = f'id,text,n\n1,Text,"{cell}"\n'
    assert only(tmp_path / "rows.csv", table).metadata == {"n": value}
    assert type(only(tmp_path / "rows.csv", table).metadata["n"]) is type(value)


def test_every_cell_of_a_table_without_a_text_can_be_filtered_and_an_empty_one_is_missing(
    tmp_path: Path,
):
    columns = [f"c{n}" for n in range(20)]
    table = f"id,{','.join(columns)}\n1,{','.join('x' for _ in columns[1:])},\n"
    document = only(tmp_path / "rows.csv", table)
    assert set(document.metadata) == set(columns[:-1])
    assert len(document.keywords.split("\n")) < len(columns)


def test_front_matter_is_typed_and_what_is_quoted_is_text():
    page = read_front_matter(
        '---\nyear: 2020\nold: "2020"\nopen: true\nday: 2024-05-01\nnone: ~\nzip: 01067\n'
        "teams: [a, 2]\ntags: x, 3\nof: {a: 1}\n---\nText"
    )
    assert page.fields == {
        "year": 2020,
        "old": "2020",
        "open": True,
        "day": "2024-05-01",
        "zip": "01067",
        "teams": ("a", 2),
        "tags": ("x", 3),
        "of": '{"a": "1"}',
    }
    assert Filter.of({"day": "2024-05-01", "zip": "01067"}).matches(page.fields)


def test_fields_are_those_of_the_document_itself_before_its_metadata():
    document = Document(
        id="d",
        origin="o",
        title="T",
        uri="u",
        text="t",
        date="2026-01-31",
        metadata={"date": "31 January 2026", "title": "other", "long": "x" * 5000, "n": 1},
    )
    told = {"document": "d", "title": "T", "uri": "u", "date": "2026-01-31", "n": 1}
    assert document.fields == told


def test_fields_survive_being_written():
    fields: dict[str, Value] = {"a": ("x", 1, 1.5, True), "q\"' $.": "é\u2028\U0001f600", "n": -0.5}
    assert read(written(fields)) == fields


@pytest.mark.parametrize(
    ("value", "tenant"),
    [
        ("acme", "acme"),
        (17, "17"),
        ("", None),
        (" ", None),
        (1.5, None),
        (True, None),
        (("a",), None),
    ],
)
def test_whose_a_document_is(value: Value, tenant: str | None):
    assert tenant_of({"customer": value}, "customer") == tenant
    assert tenant_of({"other": value}, "customer") is None
