from __future__ import annotations

import time

import pytest

from agent_knowledge.citations.markers import find_markers

NUMBERED = ("1", "2", "3")


def found(text: str, known: tuple[str, ...] = NUMBERED) -> list[tuple[str, ...]]:
    return [marker.ids for marker in find_markers(text, known)]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("It is 30 days [1].", [("1",)]),
        ("It is so [1, 3].", [("1", "3")]),
        ("It is so [1; 3] or [1 and 3].", [("1", "3"), ("1", "3")]),
        ("It is so [1][3].", [("1",), ("3",)]),
        ("It is so [1-3].", [("1", "2", "3")]),
        ("It is so [^1].", [("1",)]),
        ("It is so【1】 and so 【2†source】.", [("1",), ("2",)]),
        ("It is so [Source 1] or [Sources: 1, 2].", [("1",), ("1", "2")]),
        ("It is so [Source 1, Source 2].", [("1", "2")]),
        ("It is 30 days[1]. Yes.[2]", [("1",), ("2",)]),
        ("A fabricated one [9].", [("9",)]),
        ("Sources: [1, 2]", [("1", "2")]),
        ("[1] says so.", [("1",)]),
        ("It is so [1]-[3].", [("1", "2", "3")]),
        ("It is so [1]–[2].", [("1", "2")]),
        ("| Shoes | 30 days [1] |\n| Hats | 10 days[2]|", [("1",), ("2",)]),
        ("- **30 days[1]**\n- `ten` [2]", [("1",), ("2",)]),
        ("30 days[1]<br>10 days[2]</td>", [("1",), ("2",)]),
        ("שלושים ימים [1].", [("1",)]),
        ("👩‍👩‍👧 cafe\u0301 [1]", [("1",)]),
        ("It is so (1).", [("1",)]),
        ("It is so (1), and so (2, 3).", [("1",), ("2", "3")]),
        ("It is so (1)(2), or (1) (3).", [("1",), ("2",), ("1",), ("3",)]),
        ("“So it is” (1-3)", [("1", "2", "3")]),
        ("It is so (Source 1).", [("1",)]),
        ("| Shoes | 30 days (1) |", [("1",)]),
        ("这是对的（1）。", [("1",)]),
        ("It is so (1). Made up (9).", [("1",), ("9",)]),
    ],
)
def test_markers_in_every_usual_form(text: str, ids: list[tuple[str, ...]]):
    assert found(text) == ids


@pytest.mark.parametrize(
    "text",
    [
        "Read a[1] and row_2[0] and x[3].",
        "The first is items[0].",
        "See [1](https://example.com).",
        "See [the text][1].",
        "[1]: https://example.com",
        "![1](image.png)",
        "`see [1]` and ``a [2] ` b``",
        "```\nsee [1]\n```",
        "```\nnever closed [1]",
        "x = [1]",
        '{"ids": [1], "more": [9]}',
        "x = [1, 2, 3]",
        "It returns [1, 2, 3].",
        "[1, 2, 3]",
        "the matrix [[1, 2], [3, 1]]",
        "in [2024] and [1990-2020]",
        "- [x] done",
        "she said [sic] [note 3]",
        "[] [ ] [^] []]",
        "(2) do this",
        "Steps: (1) open it. (2) close it.",
        "- (1) item",
        "founded (1990), ages (1-9).",
        "f(1), max(2).",
        "See step (2), and table (1).",
        "the point (1, 3).",
        "Most (1) of them",
        "option (a).",
        "Nobody knows (9).",
        "`so (1).`",
    ],
)
def test_what_only_looks_like_a_marker(text: str):
    assert found(text) == []


def test_parentheses_are_text_beside_brackets():
    assert found("It is so [1]. There are two kinds (2).") == [("1",)]


def test_words_are_ids_when_passages_have_them_or_ones_built_alike():
    known = ("a", "doc#3", "p1", "my notes")
    assert found("so [a]. so [doc#3, p1]. so [my notes].", known) == [
        *[("a",), ("doc#3", "p1"), ("my notes",)],
    ]
    assert found("made up [b] [p7] [doc#4], but not [sic]", known) == [("b",), ("p7",), ("doc#4",)]
    assert found("year-like ids [2024]", ("2023",)) == [("2024",)]


def test_spans_slice_the_answer():
    text = "Sí 😀 [1] and【2】"
    assert [text[m.start : m.end] for m in find_markers(text, NUMBERED)] == ["[1]", "【2】"]


@pytest.mark.parametrize(
    "unit", ["[", "[1]", "` `` ", "a[1]", "```\n", "`\n\n", "[1,", "x (1)", "(", "a (1) (", "[1]-"]
)
def test_hostile_answers_take_linear_time(unit: str):
    text = (unit * 200_000)[:200_000]
    started = time.perf_counter()
    find_markers(text, NUMBERED)
    assert time.perf_counter() - started < 10
