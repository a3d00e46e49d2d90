from __future__ import annotations

import time
from dataclasses import replace

import pytest

from agent_knowledge.citations.markdown import render_markdown
from agent_knowledge.types import Passage
from tests.unit.citations.rendering.answers_made import REFUNDS, SHIPPING, made


def body(answer_text: str) -> str:
    """The rendered text before the first definition."""
    return render_markdown(made(answer_text)).partition("\n\n[^")[0]


def test_an_answer_gets_footnotes_that_tell_title_place_address_lines_and_words():
    answer = made(
        "Refunds take 14 days [1].\n\n- Shipping costs 4.90 euros 【2】, always [1, 2].",
        found={"Refunds": {"said": "within 14 days"}, "Shipping": {"said": "4.90 euros"}},
    )
    assert render_markdown(answer) == (
        "Refunds take 14 days [^1].\n\n- Shipping costs 4.90 euros [^2], always [^1][^2].\n\n"
        "[^1]: **Refunds > How long it takes** — handbook/refunds.md"
        r" ([https\://shop.example/refunds.md](https://shop.example/refunds.md)), lines 12-13."
        " “within 14 days”\n"
        "[^2]: **ship** — faq/ship, line 1. “4.90 euros”\n"
    )


def test_a_footnote_says_what_its_passage_does_not():
    found = {"Wrapping": {"supported": False, "contradicted": True, "reason": "it says *not*"}}
    shown = render_markdown(made("Wrapping is free [1].", found=found))
    assert r"**Says otherwise:** “Wrapping is free.” (it says \*not\*)" in shown


def test_only_named_passages_are_defined_under_their_own_number():
    shown = render_markdown(made("Shipping costs 4.90 euros [2]."))
    assert "[^2]: " in shown
    assert "[^1]" not in shown


@pytest.mark.parametrize(
    "text",
    [
        "```python\nx = a[1]  # see [1] and [^1]\n```\n\nSo it is [1].",
        "`[^1]` and `[1]` are written so [1].",
        "| a | b |\n|---|---|\n| 1 | two [1] |",
        "x[1] and [a](b) and [2024] stand [1].",
    ],
)
def test_code_tables_links_and_other_brackets_stay(text: str):
    before, _, after = text.rpartition("[1]")
    assert body(text) == f"{before}[^1]{after}"


def test_a_footnote_of_the_answers_own_cannot_stand_in_for_a_verified_one():
    shown = body("So it is [1].\n\n[^1]: Trust me.\n[^x] \\[^2] \\\\[^3](y)")
    assert shown == "So it is [^1].\n\n\\[^1]: Trust me.\n\\[^x] \\[^2] \\\\\\[^3](y)"
    assert body("So it is [1].\n\n1. [1]: Trust me.").endswith("\n\n1. [^1]\\: Trust me.")


def test_an_open_block_of_code_does_not_swallow_the_footnotes():
    assert body("So it is [1].\n\n~~~~\nx = 1") == "So it is [^1].\n\n~~~~\nx = 1\n~~~~"


def test_an_answer_without_citations_stays_as_it_is():
    assert render_markdown(made("Take a[1] and [1].", passages=())) == "Take a[1] and [1]."
    assert render_markdown(made("Hello.")) == "Hello."


def test_titles_and_passages_cannot_write_markdown():
    evil = "x](javascript:alert(1)) ![i](http://e) <img src=x> `c` **b** [2] 【2】 www.e.example"
    passage = replace(REFUNDS, title=evil, text=evil, uri="javascript:alert(1)")
    shown = render_markdown(made("So it is [1].", (passage, SHIPPING), {"So": {"said": evil}}))
    line = shown.splitlines()[-1]
    escaped = (
        r"x\](javascript:alert(1)) !\[i\](http\://e) \<img src=x> \`c\` \*\*b\*\* \[2\]"
        r" &#12304;2&#12305; www\.e.example"
    )
    assert line == f"[^1]: **{escaped}** — handbook/refunds.md, lines 12-13. “{escaped}”"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("A <script>alert(1)</script> b", "A &lt;script>alert(1)&lt;/script> b"),
        ("<!-- x -->\n<div onclick=x>", "&lt;!-- x -->\n&lt;div onclick=x>"),
        ("`<b>` and <b>", "`<b>` and &lt;b>"),
        ("```\n<b>\n```", "```\n<b>\n```"),
        ("1 < 2, a<3 and <https://a.example>", "1 < 2, a<3 and <https://a.example>"),
        ("[a](javascript:x) and [b](c.md)", r"[a]\(javascript:x) and [b]\(c.md)"),
        ("[a][b]\n\n[b]: data:text/html,x", "[a][b]\n\n[b]\\: data:text/html,x"),
        ("![a](file:///etc/passwd)", r"![a]\(file:///etc/passwd)"),
        ("[a](&#106;avascript:x)", r"[a]\(&#106;avascript:x)"),
        ("[a](mailto:me@a.example) [b](/c)", "[a](mailto:me@a.example) [b](/c)"),
        ("\x1b]0;x\x07\u202eabc", "\ufffd]0;x\ufffd\ufffdabc"),
    ],
)
@pytest.mark.parametrize("passages", [(), (REFUNDS,)])
def test_an_answer_is_no_html_and_no_dangerous_link(
    text: str, shown: str, passages: tuple[Passage, ...]
):
    assert render_markdown(made(text, passages)) == shown
    if passages:
        assert body(f"{text}\n\nSo it is [1].") == f"{shown}\n\nSo it is [^1]."


def test_what_no_parser_can_settle_becomes_plain_text():
    # The code ends where the item does, so this is HTML for a renderer.
    text = "- a `b\n- <script>x</script>`"
    assert "<" not in render_markdown(made(text, ()))
    assert "<" not in render_markdown(made("> " * 30 + "<b>", ()))


def test_markdown_is_made_harmless_in_linear_time():
    def seconds(size: int) -> float:
        texts = ("<a " * size, "[a](b" * size, "`" * size, "`<b>` " * size, "> " * size + "<b>")
        began = time.perf_counter()
        for text in texts:
            render_markdown(made(text, ()))
        return time.perf_counter() - began

    seconds(100)
    assert seconds(10_000) < 30 * max(seconds(1_000), 0.02)
