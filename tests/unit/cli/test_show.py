from __future__ import annotations

from dataclasses import replace

from agent_knowledge.cli.show import footnotes
from tests.unit.citations.rendering.answers_made import made


def test_footnotes_mark_what_is_not_supported_and_what_has_no_source():
    text = "Refunds take 14 days [1]. Wrapping is free [2]. The best."
    start = text.index("The best")
    answer = made(
        text,
        found={
            "Refunds": {"said": "within 14 days"},
            "Wrapping": {"supported": False, "contradicted": True, "reason": "it costs 4.90"},
        },
        uncited=((start, len(text)),),
        fabricated=("9",),
    )
    assert footnotes(answer).plain == (
        f"{text}\n\n"
        "[1] Refunds > How long it takes — handbook/refunds.md (https://shop.example/refunds.md),"
        " lines 12-13\n"
        "    “within 14 days”\n"
        "[2] ship — faq/ship, line 1\n"
        "    ! says otherwise: “Wrapping is free.” (it costs 4.90)\n"
        "! no source given: “The best.”\n"
        "  removed markers that name no passage: 9"
    )


def test_footnotes_pass_no_terminal_controls_on():
    answer = made("It is \x1b[31mso [1].")
    passage = replace(answer.knowledge.passages[0], title="\x1b]0;x\x07")
    shown = footnotes(
        replace(answer, citations=(replace(answer.citations[0], passage=passage),))
    ).plain
    assert "\x1b" not in shown
    assert "\x07" not in shown
