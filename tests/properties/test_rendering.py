from __future__ import annotations

import re
from collections import Counter
from html import unescape

from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import html
from markdown_it import MarkdownIt
from markdown_it.token import Token

from agent_knowledge.citations.html import render_html
from agent_knowledge.citations.markdown import render_markdown
from agent_knowledge.citations.markers import find_markers
from agent_knowledge.citations.notes import one_line, visible
from agent_knowledge.citations.sentences import read_sentences
from agent_knowledge.types import Decision, Knowledge, Passage, Plan, Signals
from agent_knowledge.types.answers import Answer, Citation, Claim, Quotation

DECISION = Decision(
    strategy="retrieval",
    plan=Plan(),
    confidence=1.0,
    signals=Signals(need={"retrieval": 1.0}),
    reasons=(),
    rejected=(),
)
KNOWN = ("1", "2", "3")
markers = st.sampled_from(
    ["[1]", "[2]", "[1, 3]", "[1][2]", "[1-3]", "[1]-[3]", "[^2]", "[Source 1]", "【2】", "(1)"]
)
words = st.sampled_from(
    [
        *["Shoes cost $4.50", "word", "é😀", "שלום", "a\u0301", "ver. 2", "returns", "x = ", "a"],
        *[" ", " ", ". ", ".", "。", "\n", "\n\n", ",", ":", "- ", "1. ", "> ", "| ", "# ", "    "],
        *[
            "`",
            "```",
            "~~~",
            "[",
            "]",
            "(",
            ")",
            "[^",
            "[^x]",
            "[^1]: ",
            "[1]: u",
            "\\",
            "*",
            "<!--",
        ],
        *["(u)", "![", "<b>", "&amp;", "\r\n", "\u202e", "\x00", "“", "”"],
        *["<script>", "</p", "<?", '<a href="', "[x](javascript:x)", "]: data:x", "<vbscript:x>"],
        *["\x1b]0;x\x07", "[x]: file:///x\n", "&#106;avascript:", "\\<i>"],
    ]
)
texts = st.lists(markers | words, max_size=25).map("".join) | st.text(max_size=60)
outside = st.text(alphabet="[]()【】*_`~<>!&;\\#$@{}|^:/.w1 \n\tahtps-é\u202e", max_size=40)


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    """An answer with any text, and any findings on it."""
    text = draw(texts)
    passages = tuple(
        Passage(
            source="s",
            document=draw(outside),
            title=draw(outside),
            uri=draw(outside | st.sampled_from(["https://a.example/[1]", "javascript:1", "a.md"])),
            text=draw(outside),
            start=0,
            end=0,
        )
        for _ in KNOWN
    )
    claims: list[Claim] = []
    citations: list[Citation] = []
    for sentence in read_sentences(text, find_markers(text, KNOWN)).cited:
        start, end = sentence.start, sentence.end
        cites = tuple(dict.fromkeys(i for m in sentence.markers for i in m.ids))
        supported, contradicted = draw(st.booleans()), draw(st.booleans())
        loose = Quotation(start=start, end=draw(st.integers(start, end)), verbatim=False)
        claims.append(
            Claim(
                text=sentence.text,
                start=start,
                end=end,
                cites=cites,
                supported=supported,
                contradicted=contradicted,
                score=0.5,
                reason=draw(outside),
                quotations=(loose,),
            )
        )
        for id_ in cites:
            passage = passages[int(id_) - 1]
            quote = draw(st.none() | st.just((0, len(passage.text))))
            citations.append(
                Citation(
                    start=start,
                    end=end,
                    number=int(id_),
                    passage=passage,
                    supported=supported,
                    contradicted=contradicted,
                    score=0.5,
                    quote=quote,
                )
            )
    knowledge = Knowledge(decision=DECISION, passages=passages)
    return Answer(text=text, knowledge=knowledge, citations=tuple(citations), claims=tuple(claims))


def cited(text: str) -> list[tuple[str, str]]:
    """What a text cites: the number and the claim, without white space and what escapes add."""
    text = text.replace("&lt;", "<")  # the escape's letters would make a word, and so a claim
    found = read_sentences(text, find_markers(text, KNOWN)).cited
    plain = [(s, re.sub(r"\\(?=\[\^|[:(])|\s", "", unescape(s.text))) for s in found]
    return [(i, claim) for s, claim in plain for marker in s.markers for i in marker.ids]


@given(answers())
@settings(max_examples=300, deadline=None)
def test_markdown_parses_back_to_the_same_citations(answer: Answer):
    rendered = render_markdown(answer)
    shown, said = cited(rendered), cited(visible(answer.text))
    if re.search(r"\]\\[:(]|&#\d", rendered):  # a link or code became plain text, in which what
        # looks like a marker is one to us, though no footnote
        assert Counter(n for n, _ in said) <= Counter(n for n, _ in shown)
    else:
        assert shown == said


def read_all(text: str) -> list[Token]:
    """What a parser that lets every link pass makes of Markdown."""
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    parser.validateLink = lambda url: True
    tokens = parser.parse(text)
    return [*tokens, *(child for token in tokens for child in token.children or ())]


@given(answers())
@settings(max_examples=300, deadline=None)
def test_markdown_of_no_answer_acts(answer: Answer):
    shown = render_markdown(answer)
    tokens = read_all(shown)
    assert not {"html_block", "html_inline"} & {token.type for token in tokens}
    links = [str(token.attrGet("href") or token.attrGet("src") or "") for token in tokens]
    assert not [
        link for link in links if re.match(r"(?i)\s*(javascript|data|vbscript|file):", link)
    ]
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e]", shown)


@given(outside, outside)
@example("<b>x</b>", "[a](http://e)")
@settings(max_examples=300, deadline=None)
def test_titles_and_quotes_show_in_markdown_as_they_are(title: str, said: str):
    passage = Passage(
        source="s", document="d", title=title, uri="", text=said, start=0, end=len(said)
    )
    text = "It is so [1]."
    citation = Citation(
        start=0,
        end=len(text),
        number=1,
        passage=passage,
        supported=True,
        score=1,
        quote=(0, len(said)),
    )
    knowledge = Knowledge(decision=DECISION, passages=(passage,))
    shown = render_markdown(Answer(text=text, knowledge=knowledge, citations=(citation,)))
    definition = shown.partition("\n\n[^1]: ")[2]
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(definition)
    assert [t.type for t in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    inline = tokens[1].children or []
    assert {t.type for t in inline} <= {"text", "text_special", "strong_open", "strong_close"}
    told = "".join(t.content for t in inline)
    for part in (one_line(title), one_line(said)):
        assert part in told


@given(answers())
@settings(max_examples=150, deadline=None)
def test_html_takes_any_answer_and_shows_all_of_it(answer: Answer):
    tree = html.fragment_fromstring(render_html(answer))
    tags = {element.tag for element in tree.iter()}
    assert tags <= {
        *["div", "span", "style", "a", "mark", "code", "p", "ol", "li", "q"],
        *["details", "summary", "blockquote"],
    }
    for href in tree.xpath("//@href"):
        assert re.match(r"#ak-|https?://|[^/:?#]*(?:[/?#]|\Z)", href)
    assert len(set(tree.xpath("//@id"))) == len(tree.xpath("//@id"))
    (said,) = tree.xpath("//div[@class='ak-said']")
    for added in said.xpath(".//*[contains(@class, 'ak-cite') or @class='ak-word']"):
        added.drop_tree()
    bare = answer.text
    for marker in reversed(find_markers(bare, KNOWN)):
        bare = bare[: marker.start] + bare[marker.end :]
    assert "".join(said.text_content().split()) == "".join(visible(bare).split())
