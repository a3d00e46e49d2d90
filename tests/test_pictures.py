"""The recording of a terminal, and the pictures of the docs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lxml import etree

from tools.pictures.terminal import COMMANDS, recording

PICTURES = sorted((Path(__file__).parents[1] / "docs").rglob("*.svg"))
SVG = "{http://www.w3.org/2000/svg}"


def lines_of(svg: str) -> list[tuple[float, str]]:
    """When each piece of text appears, and what it says."""
    tree = etree.fromstring(svg.encode())
    texts = [text for text in tree.iter(f"{SVG}text") if "line" in text.get("class", "").split()]
    return [
        (float(text.get("style").split(":")[1].removesuffix("s")), text.text.replace("\xa0", " "))
        for text in texts
    ]


def test_a_recording_shows_what_was_said_in_its_order():
    said = lines_of(recording([("shop ask", "\x1b[1;32m<Yes> & no\x1b[0m\nsecond"), ("shop", "z")]))
    assert [text.strip() for _, text in said if text.strip()] == [
        "$ shop ask",
        "<Yes> & no",
        "second",
        "$ shop",
        "z",
    ]
    times = [time for time, text in said if text.strip()]
    assert times == sorted(times)
    assert len(set(times)) == len(times)


def test_whoever_wants_less_motion_gets_the_whole_at_once():
    svg = recording([("shop", "z")])
    moving = re.search(r"@media \(prefers-reduced-motion: no-preference\) \{(.*?)\n\}", svg, re.S)
    assert moving
    assert "animation:" in moving[1]
    assert "animation:" not in svg.replace(moving[0], "")


@pytest.mark.parametrize("picture", PICTURES, ids=lambda file: file.stem)
def test_a_picture_fetches_nothing_and_says_what_it_shows(picture: Path):
    svg = picture.read_text(encoding="utf-8")
    assert not re.findall(r"(?:href|src)=\"(?!#)|url\((?!#)|@import", svg)
    tree = etree.fromstring(svg.encode())
    assert tree.get("role") == "img"
    assert tree.get("aria-label") or tree.find(f"{SVG}title") is not None


def test_the_recording_of_the_docs_is_of_these_commands():
    docs = Path(__file__).parents[1] / "docs/pictures/terminal.svg"
    typed = [text for _, text in lines_of(docs.read_text()) if text.startswith("$ ")]
    assert [text.removeprefix("$ ").strip() for text in typed] == list(COMMANDS)
