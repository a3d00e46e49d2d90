"""`retrieve`: what it says where nothing is found, and where something was left out."""

from __future__ import annotations

import json

import pytest

from tests.e2e.conftest import CommandLine

ROWS = [
    {"id": "1", "title": "Parking", "text": "Cars park behind the shop.", "day": "2024-05-01"},
    {"id": "2", "title": "Trams", "text": "Trams stop before the shop.", "day": "2024-06-01"},
]
CONFIG = """
sources: {faq: {path: faq.jsonl}}
agents:
  shop: {sources: [faq]}
  reranked: {sources: [faq], policy: {rerank: "math:sqrt"}}
  bare: {}
"""


@pytest.fixture
def faq(here: CommandLine) -> CommandLine:
    (here.folder / "faq.jsonl").write_text("\n".join(map(json.dumps, ROWS)))
    (here.folder / "agent-knowledge.yaml").write_text(CONFIG)
    assert here("index").code == 0
    return here


def test_what_stands_in_the_way_of_an_answer_is_told(faq: CommandLine) -> None:
    bare = faq("retrieve", "parking", "-a", "bare", "--json")
    assert bare.json == {"passages": [], "left_out": []}
    assert (
        "agent 'bare' has no source to search; describe one under sources: and name it" in bare.err
    )
    for written, said in (
        ("day<2025", "'day' is '2024-05-01', '2024-06-01' in what is found without it; it holds"),
        ("day<2025", "dates, so write one, as 'day<2025-01-31'"),
        ("dya=2024-05-01", "has 'dya'; did you mean 'day'?"),
    ):
        ran = faq("retrieve", "parking", "-a", "shop", "--filter", written)
        assert (ran.code, ran.out) == (0, "no passage found\n")
        assert said in ran.err
    found = faq("retrieve", "parking", "-a", "shop", "--filter", "day<2025-01-31")
    assert "behind the shop" in found.out
    assert not found.err


def test_a_reranker_that_fails_is_told(faq: CommandLine) -> None:
    ran = faq("retrieve", "parking", "-a", "reranked", "--json", "--allow-imports", "math")
    assert ran.json["passages"][0]["title"] == "Parking"
    (line,) = ran.json["left_out"]
    assert "sqrt was to rerank the passages, but " in line
    assert line in ran.err


def test_a_server_that_is_not_there_is_told_by_the_option_that_named_it(faq: CommandLine) -> None:
    pytest.importorskip("qdrant_client")
    ran = faq("move", "--to", "http://127.0.0.1:1")
    assert ran.code == 2
    assert "mend --to" in ran.err
    assert "store.url" not in ran.err
