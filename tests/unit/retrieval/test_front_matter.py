from __future__ import annotations

from pathlib import Path

import pytest

from agent_knowledge.retrieval.reading.chunks import split
from agent_knowledge.retrieval.reading.documents import Document
from agent_knowledge.retrieval.reading.files import read_front_matter
from agent_knowledge.retrieval.reading.loading import read_source

PAGE = """---
title: Refunds
date: 2024-02-03
lastmod: 2025-05-05
tags: [billing, money back]
draft: secretword
# not a heading
---

# How long it takes

Within 5 days.

## By card

Up to 8.
"""


def document(folder: Path, text: str, name: str = "page.md") -> Document:
    (folder / name).write_text(text, encoding="utf-8")
    (found,) = read_source("s", folder / name)
    assert isinstance(found, Document)
    return found


def test_it_gives_title_date_and_labels(tmp_path: Path):
    page = document(tmp_path, PAGE)
    assert (page.title, page.date) == ("Refunds", "2025-05-05")
    assert page.keywords.split("\n") == ["billing", "money back"]


def test_no_passage_holds_it_and_offsets_are_those_of_the_file(tmp_path: Path):
    page = document(tmp_path, PAGE)
    spans = split(page)
    assert [span.title for span in spans] == [
        "Refunds > How long it takes",
        "Refunds > How long it takes > By card",
    ]
    assert "secretword" not in page.text
    for span in spans:
        assert page.text[span.start : span.end] == PAGE[span.start : span.end]
    assert PAGE[spans[0].start :].startswith("# How long it takes")


def test_it_takes_no_room_from_a_text_without_headings(tmp_path: Path):
    fields = "".join(f"field{n}: {'x' * 60}\n" for n in range(20))
    page = document(tmp_path, f"---\n{fields}---\n{'One line. ' * 150}")
    assert len(split(page)) == 1


def test_a_title_is_a_heading_or_the_files_name_where_it_tells_none(tmp_path: Path):
    assert document(tmp_path, "---\ndate: 2024-01-01\n---\n# Heading\n\nText").title == "Heading"
    assert document(tmp_path, "---\ntitle: [a]\n---\nText", "name.markdown").title == "name"


@pytest.mark.parametrize("day", ["2026-13-45", "2999-01-01", "1066-10-14", "soon", "[2024-01-01]"])
def test_a_date_that_is_none_leaves_the_rest_as_it_is(day: str):
    page = read_front_matter(f"---\ntitle: Refunds\ndate: {day}\n---\nText\n")
    assert (page.title, page.date, page.text.strip()) == ("Refunds", None, "Text")


@pytest.mark.parametrize(
    "text",
    [
        "Text\n\n---\ntitle: Refunds\n---\n",
        "\n---\ntitle: Refunds\n---\nText",
        "---\ntitle: Refunds\n\nnever closed",
        "---\nA paragraph between two rules.\n---\nText",
        "---\ntitle: Refunds: now\n---\nText",
        "---\n- a\n- list\n---\nText",
        "---\na: &a [*a]\n---\nText",
        "---\n? [a]\n: b\n---\nText",
        f"---\na: {'[' * 5000}\n---\nText",
        f"---\ntitle: Refunds\na: {'x' * 64_000}\n---\nText",
        "----\ntitle: Refunds\n----\nText",
        "---\ntitle: \x07\n---\nText",
    ],
)
def test_what_is_no_front_matter_stays_text(text: str):
    page = read_front_matter(text)
    assert (page.text, page.title, page.date) == (text, "", None)


def test_an_empty_block_is_front_matter():
    assert read_front_matter("---\n---\nText").text == "   \n   \nText"


def test_only_markdown_has_it(tmp_path: Path):
    page = document(tmp_path, PAGE, "notes.txt")
    assert (page.text, page.title, page.date) == (PAGE, "notes", None)


def test_labels_stay_few_and_can_be_stored():
    tags = ", ".join(f"label{n}" for n in range(100))
    page = read_front_matter(f'---\ntags: {tags}\ntitle: "a\\uD83D"\n---\nText')
    assert 10 < len(page.labels) < 40
    assert page.title.encode()
