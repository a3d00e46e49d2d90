"""`verify`: answers made elsewhere, without a configuration."""

from __future__ import annotations

import json
from typing import Any

from tests.e2e.conftest import CommandLine

REFUNDS = {"id": "1", "title": "Refunds", "text": "We pay refunds within 14 days of the return."}
SHIPPING = {"id": 2, "title": "Shipping", "text": "Shipping costs 4.90 euros in Zone 1."}
ANSWER = "We pay refunds within 14 days [1]. Shipping costs 9.90 euros [2]. So is wrapping [9]."


def lines(*rows: Any) -> str:
    return "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows)


def test_answers_are_verified_line_by_line(in_shop: CommandLine) -> None:
    rows = [
        {"id": 7, "answer": ANSWER, "passages": [REFUNDS, SHIPPING]},
        {"id": "bad", "answer": None, "passages": []},
        {"id": "twice", "answer": "x", "passages": [REFUNDS, REFUNDS]},
        {"id": "texts", "answer": "x", "passages": ["x"]},
        "no json",
        {"id": "none", "answer": "Nothing here.", "passages": []},
    ]
    ran = in_shop("verify", "--input", "-", stdin=lines(*rows))
    assert ran.code == 0
    first, *rest = ran.rows
    assert list(first) == ["id", "claims", "fabricated"]
    assert (first["id"], first["fabricated"]) == ("7", ["9"])
    claim = first["claims"][0]
    assert list(claim) == ["text", "start", "end", "cites", "supported", "score", "quote"]
    assert ANSWER[claim["start"] : claim["end"]] == "We pay refunds within 14 days [1]."
    quote = claim["quote"]
    assert REFUNDS["text"][quote["start"] : quote["end"]] == REFUNDS["text"]
    assert [c["supported"] for c in first["claims"]] == [True, False, False]
    assert [c["cites"] for c in first["claims"]] == [["1"], ["2"], []]
    assert first["claims"][1]["quote"] is None
    assert [row.get("line") for row in rest] == [2, 3, 4, 5, None]
    assert rest[-1] == {"id": "none", "claims": [], "fabricated": []}
    assert "line 3: two passages have the id '1'" in ran.err


def test_details_say_why(in_shop: CommandLine) -> None:
    row = {
        "answer": f"{ANSWER} Hats are sewn in Ghent. “We always pay refunds” [1].",
        "passages": [REFUNDS, SHIPPING],
    }
    (found,) = in_shop("verify", "--input", "-", "--details", stdin=lines(row)).rows
    verdicts = [claim["verdict"] for claim in found["claims"]]
    assert verdicts == ["supported", "contradicted", "unsupported", "unsupported"]
    assert "4.90" in found["claims"][1]["reason"]
    assert found["claims"][3]["quotations"][0]["verbatim"] is False
    assert found["claims"][0]["opinion"] is None
    (uncited,) = found["uncited"]
    assert row["answer"][uncited["start"] : uncited["end"]] == "Hats are sewn in Ghent."


def test_a_judge_that_is_none_is_refused(in_shop: CommandLine) -> None:
    ran = in_shop("verify", "--input", "-", "--judge", "extractive", stdin="")
    assert (ran.code, ran.out) == (2, "")
    assert "can only quote" in ran.err


def test_quotations_of_retrieved_passages_are_looked_up_in_the_store(in_shop: CommandLine) -> None:
    found = in_shop("retrieve", "-a", "support", "--json", "return window of an order").json
    passage = found["passages"][0]
    said = " ".join(passage["text"].split()[:6])
    changed = {**passage, "id": "1", "text": "Everything may be returned whenever you like."}
    rows = [
        {"answer": f"It says “{said}” [1].", "passages": [changed]},
        {"answer": f"It says “{changed['text']}” [1].", "passages": [changed]},
    ]
    options = ("verify", "--input", "-", "--details", "-c", "agent-knowledge.yaml", "-a", "support")
    verified = in_shop(*options, stdin=lines(*rows)).rows
    verbatim = [row["claims"][0]["quotations"][0]["verbatim"] for row in verified]
    assert verbatim == [True, False]
