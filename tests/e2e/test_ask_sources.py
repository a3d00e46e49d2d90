"""`ask --sources` and `ask --format`: an answer with what it cites."""

from __future__ import annotations

import re

import pytest

from tests.e2e.conftest import CommandLine

REFUND = "How long is the return window?"
ASK = ("ask", REFUND, "--agent", "support")


def test_footnotes_tell_title_place_address_and_the_lines_that_a_file_has(
    here: CommandLine,
) -> None:
    here("init")
    here("index")
    ran = here("ask", REFUND, "--sources")
    answer, _, notes = ran.out.partition("\n\n")
    numbers = set(re.findall(r"\[(\d+)\]", answer))
    assert numbers
    found = re.findall(
        r"^\[(\d+)\] (.+) — handbook/(\S+), lines (\d+)-(\d+)\n    “(.+)”$",
        notes,
        re.MULTILINE,
    )
    assert {number for number, *_ in found} == numbers
    for _, _, file, first, last, words in found:
        lines = (here.folder / "docs" / file).read_text(encoding="utf-8").splitlines()
        stands = " ".join(" ".join(lines[int(first) - 1 : int(last)]).split())
        assert words.rstrip("…") in stands
    assert "because" in notes
    assert "\x1b" not in ran.out


def test_json_has_the_lines_and_the_hash_of_every_passage(in_shop: CommandLine) -> None:
    for passage in in_shop(*ASK, "--json").json["passages"]:
        first, last = passage["lines"]
        assert 1 <= first <= last
        assert len(passage["document_hash"]) == 64


def test_an_answer_without_sources_says_so(in_shop: CommandLine) -> None:
    ran = in_shop("ask", "Write a haiku about rain.", "--agent", "support", "--sources")
    assert ran.code == 0
    assert "no sources: nothing in this answer cites a passage" in ran.out


def test_markdown_and_html_are_printed_alone(in_shop: CommandLine) -> None:
    markdown = in_shop(*ASK, "--format", "markdown").out
    numbers = set(re.findall(r"\[\^(\d+)\](?!:)", markdown))
    assert set(re.findall(r"^\[\^(\d+)\]: ", markdown, re.MULTILINE)) == numbers != set()
    assert "because" not in markdown
    page = in_shop(*ASK, "--format", "html").out
    assert page.startswith("<!DOCTYPE html>")
    assert page.endswith("</html>\n")
    assert "<mark>" in page


@pytest.mark.parametrize(
    "forms", [("--sources", "--json"), ("--format", "html", "--sources"), ("--sources", "--input")]
)
def test_two_forms_of_one_answer_are_refused(in_shop: CommandLine, forms: tuple[str, ...]) -> None:
    batch = forms[-1] == "--input"
    ran = in_shop("ask", *(() if batch else (REFUND,)), *forms, *(("-",) if batch else ()))
    assert ran.code == 2
    assert "ask for different forms of the answer; give one of them" in ran.err
