"""Whole inputs from outside take linear time: tasks, answers, passages, files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from agent_knowledge import KnowledgeRouter, Message, Task, limits
from agent_knowledge.citations.finish import finish
from agent_knowledge.citations.html import render_html
from agent_knowledge.citations.markdown import render_markdown
from agent_knowledge.citations.markers import find_markers
from agent_knowledge.citations.quotations import find_quotation
from agent_knowledge.citations.verification import verify
from agent_knowledge.config.json_schema import check_answer
from agent_knowledge.models.extract import answer_spans
from agent_knowledge.prompts import WrittenPassage
from agent_knowledge.retrieval.reading.chunks import split
from agent_knowledge.retrieval.reading.documents import Document
from agent_knowledge.retrieval.reading.loading import read_source
from agent_knowledge.types import Passage, Plan
from agent_knowledge.types.answers import Answer
from tests.hostile import LONG, MOST_GROWTH, fuse, growth, repeated

FLOOR_S = 0.05
"""Of 20,000 characters; what takes less holds nobody up."""
RUNS = ["[", "1,", "#", " ", "\t", "\n", "`", "|", '"', "“", "(", "a", ".", "-", "\u0301", "中"]
PROSE = ["> x\n", "| a | b |\n", "# a\n", "- a\n", "```a\n", "A b. ", "12 May 2020 ", "the ", "0 "]
ANSWERS = [
    "[1]",
    "a [1]. ",
    "“Aa” [1]. ",
    "`a` “b c” [1]. ",
    "> a [1]\n",
    "a (1). ",
    "[^1]",
    "[1]-",
]
OPENINGS = ["", "# a", "> ", "---\n", "<pre>", "| a"]
PASSAGE = "Shoes can be returned within 30 days. Shipping costs $4.50 since May 2020."


def passage(text: str) -> Passage:
    return Passage(
        source="s", document="d", title="Shoes", uri="", text=text, start=0, end=len(text)
    )


def held_linear(run: Callable[[str], object], unit: str, opening: str = "") -> None:
    run("warm up")
    assert growth(run, repeated(opening, unit), FLOOR_S) <= MOST_GROWTH


@pytest.mark.parametrize("unit", [*RUNS, *PROSE, *ANSWERS])
def test_an_answer_is_checked_in_linear_time(unit: str):
    held_linear(lambda text: find_markers(text, {"1", "2", "a"}), unit)
    held_linear(lambda text: verify(f"{text} [1].", {"1": passage(PASSAGE)}), unit)
    held_linear(lambda text: verify("“Shoes are a” [1].", {"1": passage(text)}), unit)


@pytest.mark.parametrize("unit", [*RUNS[:8], *ANSWERS])
def test_an_answer_is_mended_and_shown_in_linear_time(unit: str, support: KnowledgeRouter):
    knowledge = support.prepare("What is the refund window?")

    def show(text: str) -> None:
        known = knowledge.passages
        done = finish(text, known, "repair", plan=Plan(citations="always"))
        answer = Answer(
            text=done.text,
            knowledge=knowledge,
            citations=done.citations,
            claims=done.claims,
            uncited=done.uncited,
        )
        render_markdown(answer)
        render_html(answer)

    held_linear(show, unit)


@pytest.mark.parametrize("unit", ["0", "ab ", "0…", "中", "a a"])
def test_a_quotation_is_sought_in_linear_time(unit: str):
    held_linear(lambda text: find_quotation(f"{text[: len(text) // 2]}0", text), unit)


@pytest.mark.parametrize("unit", ["1,", " ", '"', "a", "Brew & Co ", "and, "])
def test_a_task_is_routed_in_linear_time(unit: str, support: KnowledgeRouter):
    held_linear(support.route, unit, "What is the mean of [")
    told = (Message(role="user", content="Hello"),)
    held_linear(
        lambda text: support.route(Task(text="and it?", history=(*told, Message("user", text)))),
        unit,
    )


@pytest.mark.parametrize(
    "task",
    ["[" + "1," * 32, f"What is the mean of {list(range(1, 201))}?", "[" * 20_000, "1, " * 20_000],
)
def test_lists_of_numbers_are_routed_at_once(task: str, support: KnowledgeRouter):
    with fuse(2):
        support.route(task)


@pytest.mark.parametrize("unit", [*RUNS, *PROSE])
@pytest.mark.parametrize("name", ["a.md", "a.html", "a.txt", "a.csv", "a.jsonl"])
def test_a_file_is_read_in_linear_time(unit: str, name: str, tmp_path: Path):
    def read(text: str) -> None:
        file = tmp_path / name
        title = text[: limits.TITLE_CHARACTERS]
        row = json.dumps({"id": "1", "text": f"{text} a", "title": title})
        data = {"a.csv": f"text\n{text}\na", "a.jsonl": row, "a.txt": f"a{text}"}
        file.write_text(data.get(name, f"{text} a"), encoding="utf-8", newline="")
        for found in read_source("s", file):
            if isinstance(found, Document):
                split(found)

    for opening in OPENINGS if name in {"a.md", "a.html"} and len(unit) == 1 else [""]:
        held_linear(read, unit, opening)


def test_passages_below_a_long_heading_are_not_named_by_all_of_it():
    text = f"# {'a ' * LONG}\n\n{'word ' * LONG}"
    spans = split(Document(id="d", origin="d", title="b " * LONG, uri="", text=text))
    assert len(spans) > 50
    assert all(len(span.title) < 1_000 for span in spans)


@pytest.mark.parametrize("unit", ["a [1]. ", "| a | b |\n", "1. ", "A b? ", "word ", "[", "#"])
def test_passages_are_quoted_in_linear_time(unit: str):
    def quote(text: str) -> None:
        written = WrittenPassage(number=1, title=text, uri="", text=text)
        answer_spans("How long may shoes be returned?", [written])

    held_linear(quote, unit)


@pytest.mark.parametrize("unit", ["```a\n", "```\n", "{", '{"a":', "[", "`", " "])
def test_an_answer_in_json_is_read_in_linear_time(unit: str):
    held_linear(lambda text: check_answer(text, '{"type": "object"}'), unit)
