from __future__ import annotations

from agent_knowledge.citations.streaming import MarkerBuffer


def fed(*pieces: str) -> list[str]:
    buffer = MarkerBuffer()
    return [*(buffer.feed(piece) for piece in pieces), buffer.flush()]


def test_a_marker_is_shown_whole():
    assert fed("It is so [", "1", ", 2", "]. Yes") == ["It is so ", "", "", "[1, 2]. Yes", ""]
    assert fed("so 【1", "†source】", " (", "2", ").") == [
        "so ",
        "【1†source】",
        " ",
        "",
        "(2).",
        "",
    ]


def test_a_bracket_that_is_no_marker_is_not_held_for_long():
    assert fed("a (see", " below)") == ["a (see", " below)", ""]
    long = "[" + "word " * 20
    assert fed(long) == [long, ""]
    assert fed("a [\n", "b") == ["a [\n", "b", ""]


def test_what_is_held_at_the_end_is_given():
    assert fed("never closed [1") == ["never closed ", "[1"]
