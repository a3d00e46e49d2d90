from __future__ import annotations

from dataclasses import replace

from lxml import html

from agent_knowledge.citations.html import render_html
from agent_knowledge.types.answers import Quotation
from tests.unit.citations.rendering.answers_made import REFUNDS, SHIPPING, made

ANSWER = made(
    "Refunds take 14 days [1]. Wrapping is free [2].",
    found={
        "Refunds": {"said": "We pay refunds within 14 days"},
        "Wrapping": {"supported": False, "reason": "it tells of shipping alone"},
    },
)


def read(answer, *, page: bool = False):
    return html.document_fromstring(render_html(answer, page=page))


def one(tree, path: str):
    (found,) = tree.xpath(path)
    return found


def by_class(name: str, tag: str = "*") -> str:
    return f"//{tag}[contains(concat(' ', @class, ' '), ' {name} ')]"


def shown(element) -> str:
    """What is read in the answer itself, without the cards."""
    hidden = [
        *element.xpath(f".{by_class('ak-card')}"),
        *element.xpath(f".{by_class('ak-unseen')}"),
    ]
    for card in hidden:
        card.drop_tree()
    return element.text_content()


def test_a_citation_is_a_link_described_by_its_passage_with_the_supporting_words_marked():
    tree = read(ANSWER)
    first = tree.xpath(by_class("ak-mark", "a"))[0]
    assert first.text_content() == "source 1"
    card = one(tree, f"//*[@id='{first.get('aria-describedby')}']")
    assert card.get("role") == "tooltip"
    assert [m.text for m in card.xpath(".//mark")] == ["We pay refunds within 14 days"]
    told = card.text_content()
    assert "Refunds > How long it takes" in told
    assert "handbook/refunds.md, lines 12-13" in told
    assert "Says what is stated" in told
    assert "Anyone may return a parcel.\n" in told
    source = one(tree, f"//*[@id='{first.get('href').removeprefix('#')}']")
    assert source.tag == "li"
    assert source.get("value") == "1"
    assert one(source, ".//details//mark").text == "We pay refunds within 14 days"
    assert one(source, ".//a/@href") == "https://shop.example/refunds.md"


def test_an_unsupported_citation_says_so_in_words():
    tree = read(ANSWER)
    second = tree.xpath(by_class("ak-mark", "a"))[1]
    assert second.text_content() == "source 2 unsupported"
    card = one(tree, f"//*[@id='{second.get('aria-describedby')}']")
    assert "Not found to say what is stated (it tells of shipping alone)" in card.text_content()
    assert not card.xpath(".//mark")
    assert second.xpath("ancestor::*[contains(@class, 'ak-doubtful')]")


def test_a_contradicted_citation_says_so_in_words():
    found = {"Wrapping": {"supported": False, "contradicted": True}}
    tree = read(made("Wrapping is free [1].", found=found))
    assert one(tree, by_class("ak-mark", "a")).text_content() == "source 1 contradicted"
    assert "Says otherwise than stated" in tree.text_content()


def test_the_answer_is_shown_as_it_was_written_with_every_marker_in_its_place():
    text = 'é😀 <b>bold</b> [1] & "q" [1, 2].\n\n```\na[1]\n```\n\n| two [2] |'
    said = one(read(made(text)), by_class("ak-said"))
    assert shown(said) == text.replace("[1, 2]", "1 2").replace(" [1]", " 1").replace("[2]", "2")
    assert not said.xpath(".//b")
    assert one(said, ".//code").text == "```\na[1]\n```"


def test_what_has_no_source_and_what_is_no_quotation_is_marked_in_words():
    text = "It says “at once” [1]. The best."
    loose = Quotation(start=9, end=16, verbatim=False)
    start = text.index("The best")
    answer = made(text, found={"It": {"quotations": (loose,)}}, uncited=((start, len(text)),))
    said = shown(one(read(answer), by_class("ak-said")))
    assert said == "It says “at once” (not word for word) 1. The best. no source"


def test_removed_markers_are_told():
    tree = read(replace(ANSWER, fabricated=("9", "12")))
    assert "Removed: citations of passages that do not exist: 9, 12" in tree.text_content()


def test_nothing_from_outside_is_markup_or_a_dangerous_address():
    evil = "</span><script>alert(1)</script><img src=x onerror=alert(1)>"
    passage = replace(
        REFUNDS, title=evil, document=evil, text=f"{evil} & more", uri="javascript:alert(1)"
    )
    answer = made(f"{evil} is so [1].", (passage,), {evil.split(maxsplit=1)[0]: {"said": "& more"}})
    tree = read(answer)
    assert not tree.xpath("//script | //img | //@onerror")
    assert all(href.startswith("#") for href in tree.xpath("//@href"))
    assert tree.text_content().count("<script>alert(1)</script>") >= 4


def test_a_long_passage_is_shown_around_its_words():
    words = " ".join(f"word{n}" for n in range(2_000))
    passage = replace(SHIPPING, text=words)
    answer = made("It is so [1].", (passage,), {"It": {"said": "word1000 word1001"}})
    tree = read(answer)
    card = one(tree, by_class("ak-passage")).text_content()
    assert len(card) < 600
    assert card.startswith("…word")
    assert card.endswith("…")
    assert "word999 word1000 word1001 word1002" in card
    assert one(tree, "//blockquote").text_content() == words


def test_ids_are_unique_and_differ_between_answers():
    both = [read(a).xpath("//@id") for a in (ANSWER, replace(ANSWER, text=f"{ANSWER.text} More."))]
    assert len(set(both[0] + both[1])) == len(both[0]) + len(both[1])


def test_a_page_is_whole_and_forbids_itself_to_load_anything():
    page = render_html(ANSWER, page=True)
    assert page.startswith("<!DOCTYPE html>")
    assert page.count("<style>") == 1
    assert "default-src 'none'" in one(
        read(ANSWER, page=True), "//meta/@content[contains(., 'src')]"
    )
    assert render_html(ANSWER).startswith('<div class="ak-answer"><style>')
