"""`tune --source`: the coverage of one source, from a team's own questions."""

from __future__ import annotations

import json

import pytest

from tests.e2e.conftest import CommandLine
from tests.e2e.test_tune import CHATS, FACTS

ROWS = [
    *({"question": f"{text} {n}", "covered": True} for n in range(2) for text in FACTS),
    *({"question": f"{text} {n}", "covered": False} for n in range(2) for text in CHATS),
]


def lines(rows: list[dict[str, object]]) -> str:
    return "\n".join(map(json.dumps, rows))


def test_questions_of_ones_own_are_weighed(in_shop: CommandLine) -> None:
    file = in_shop.folder / ".agent-knowledge" / "fits" / "handbook.json"
    arguments = ("tune", "--source", "handbook", "--questions", "-", "--json")
    ran = in_shop(*arguments, stdin=lines(ROWS))
    assert ran.code == 0, ran.err
    row = ran.json
    assert (row["source"], row["questions"], row["covered"]) == ("handbook", len(ROWS), 28)
    assert not row["written"]
    assert not file.exists()
    assert 0.5 < row["before"]["auc"] <= 1
    written = in_shop(*arguments, "--write", stdin=lines(ROWS)).json["written"]
    assert written is row["better"] is file.exists()
    file.unlink(missing_ok=True)
    told = in_shop("tune", "--source", "handbook", "--questions", "-", stdin=lines(ROWS))
    assert "log loss" in told.out


@pytest.mark.parametrize(
    ("arguments", "stdin", "said"),
    [
        (("--source", "hanbook", "--questions", "-"), lines(ROWS), "did you mean 'handbook'"),
        (("--source", "handbook", "--questions", "-"), lines(ROWS[:9]), "at least 50 are needed"),
        (
            ("--source", "handbook", "--questions", "-"),
            '{"question": 1, "covered": true}',
            "line 1",
        ),
        (("--source", "handbook", "--questions", "-"), '{"question": "x"}', "give true or false"),
        (("--source", "handbook"), "", "give either --cases, or --source and --questions"),
        ((), "", "give either --cases, or --source and --questions"),
    ],
)
def test_what_is_wrong_is_told(
    in_shop: CommandLine, arguments: tuple[str, ...], stdin: str, said: str
) -> None:
    ran = in_shop("tune", *arguments, stdin=stdin)
    assert ran.code == 2
    assert said in ran.err
