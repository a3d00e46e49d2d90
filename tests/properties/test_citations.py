from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent_knowledge.citations.evidence import GivenPassage
from agent_knowledge.citations.finish import Finished, finish
from agent_knowledge.citations.markers import find_markers
from agent_knowledge.citations.quotations import find_quotation, fold, quoted_spans
from agent_knowledge.citations.streaming import MarkerBuffer
from agent_knowledge.citations.verification import verify
from agent_knowledge.langchain.convert import citation_block
from agent_knowledge.types import Passage, Plan

pieces = st.sampled_from(
    [
        *["[1]", "[2]", "[9]", "[1, 9]", "[", "]", "【9】", "[^2]", "[1-3]", "[1]-[2]", "`", "```"],
        *[" (1)", " (2).", " (9).", "(", ")", "（1）", "[Source 1]", "| a | [1] |\n", "> ", "\n"],
        *["Shoes cost $4.50", "“Shoes cost $4.50”", '"cost $4.50"', "He said", "word", "[x]"],
        *["é😀", "e\u0301", "👩‍👩‍👧", "שלום", "\u202bمرحبا\u202c", "。", "ﬁ", "\u00a0", "\u200b"],
        *[" ", ". ", "- ", "\n\n", "=", ",", "9", ":", "—", "…", '"', "“", "”", "\r\n", "\x00"],
    ]
)
any_text = st.text(st.characters(exclude_categories=()), max_size=80)
answers = st.lists(pieces, max_size=30).map("".join) | any_text
policies = st.sampled_from(["annotate", "strip", "repair", "refuse"])
TEXTS = ("Shoes cost $4.50. A word.", "Nothing of the kind. He said שלום and é.", "Word 9, 9.")
PASSAGES = tuple(
    Passage(source="s", document=f"d{n}", title="", uri="", text=t, start=n, end=n + len(t))
    for n, t in enumerate(TEXTS)
)
GIVEN = PASSAGES[:2]
SIGNS = re.compile(r"(?:[-=*_|:+>#`]|[0-9]{1,3}[.)]|[(]?[A-Za-z][)])*")
"""What opens a list item, a quotation or a row, or fills a line without words, may stand between a
marker and its sentence."""
ALWAYS = Plan(citations="always", sources=("s",), query="[1] what (2)")


def numbers_of(finished: Finished) -> set[str]:
    return {str(number) for number in range(1, len(finished.passages) + 1)}


@given(answers, policies)
@example("[x]`[1]`[1]`", "strip")  # taking one marker out turns another out of code
@example("Shoes cost $4.50 [9]. Word (1).", "annotate")
@settings(max_examples=400)
def test_a_finished_answer_names_only_passages_and_slices_exactly(answer: str, policy):
    finished = finish(answer, GIVEN, policy, plan=ALWAYS, search=lambda claim: PASSAGES)
    known = numbers_of(finished)
    assert finished.passages[: len(GIVEN)] == GIVEN
    assert all(set(m.ids) <= known for m in find_markers(finished.text, known))
    for citation in finished.citations:
        assert citation.passage == finished.passages[citation.number - 1]
        block = citation_block(citation)
        said = finished.text[block["start_index"] : block["end_index"]]
        assert said.strip() == said != ""
        extras = block["extras"]
        offset = citation.passage.start
        cited = citation.passage.text[extras["start"] - offset : extras["end"] - offset]
        assert cited == block["cited_text"] != ""
    for claim in finished.claims:
        said = finished.text[claim.start : claim.end]
        assert any(i in said for i in claim.cites)
        if policy in {"strip", "repair"} and claim.cites:
            assert claim.supported
    for start, end in finished.uncited:
        assert finished.text[start:end].strip() == finished.text[start:end] != ""


@given(answers, policies)
@settings(max_examples=300)
def test_a_finished_answer_read_again_has_the_same_citations(answer: str, policy):
    finished = finish(answer, GIVEN, policy, plan=ALWAYS, search=lambda claim: PASSAGES)
    again = finish(finished.text, finished.passages, "annotate", plan=ALWAYS)
    assert again.text == finished.text
    assert again.citations == finished.citations
    assert again.claims == finished.claims
    assert again.fabricated == ()


@given(answers)
@settings(max_examples=400)
def test_a_claim_is_the_text_that_its_offsets_slice_without_the_markers(answer: str):
    passages = {str(n): GivenPassage(text=t) for n, t in enumerate(TEXTS, 1)}
    found = verify(answer, passages)
    assert not set(found.fabricated) & set(passages)
    for claim in found.claims:
        rest = answer[: claim.end]
        for marker in reversed(find_markers(answer, passages)):
            if claim.start <= marker.start and marker.end <= claim.end:
                rest = rest[: marker.start] + rest[marker.end :]
        rest = "".join(rest[claim.start :].split())
        said = "".join(claim.text.split())
        before, same, behind = rest.partition(said)
        assert same
        assert SIGNS.fullmatch(before)
        assert SIGNS.fullmatch(behind) or "```" in behind  # a marker behind a block of code
        assert 0 <= claim.score <= 1
        for quotation in claim.quotations:
            assert answer[quotation.start : quotation.end].strip()
        if claim.quote:
            text = passages[claim.quote.passage].text
            assert text[claim.quote.start : claim.quote.end].strip()


@given(any_text, any_text, any_text)
def test_no_text_raises(answer: str, text: str, title: str):
    cited = f"{answer} [1] “{text}” [x]"
    verify(cited, {"1": GivenPassage(text=text, title=title), "x": GivenPassage(text=answer)})


@given(answers)
def test_a_folded_text_knows_where_its_characters_are_from(text: str):
    folded = fold(text)
    for place in range(len(folded.text)):
        start, end = folded.origin(place, place + 1)
        assert 0 <= start < end <= len(text)
        alone = fold(f".{text[start:end]}").text[1:]  # a ">" that opens a text is no character
        assert folded.text[place] in alone or folded.text[place] == " "
    if folded.text:
        start, end = folded.origin(0, len(folded.text))
        assert fold(f".{text[start:end]}").text == f".{folded.text}"


words = st.lists(
    st.sampled_from(["Shoes", "cost", "$4.50", "ﬁne", "cafe\u0301", "שלום", "“so”", "it's", "a-b"]),
    min_size=1,
    max_size=12,
)
TYPOGRAPHY = {" ": " \n ", "'": "’", "“": '"', "”": '"', "-": "–", "ﬁ": "fi", "e\u0301": "é"}


@given(words, st.data())
def test_what_a_text_says_is_found_whatever_its_typography(said: list[str], data: st.DataObject):
    first = data.draw(st.integers(0, len(said) - 1))
    last = data.draw(st.integers(first + 1, len(said)))
    quoted, text = " ".join(said[first:last]), " ".join(said)
    for plain, other in TYPOGRAPHY.items():
        if data.draw(st.booleans()):
            quoted = quoted.replace(plain, other)
    found = find_quotation(quoted, text)
    assert found is not None
    assert fold(text[slice(*found)]).text.strip(" '") == fold(quoted).text.strip(" '")
    assert find_quotation(f"{quoted} never", text) is None


@given(answers)
def test_quotations_lie_in_the_text_and_are_not_empty(text: str):
    for start, end in quoted_spans(text):
        assert 0 <= start < end <= len(text)


@given(answers, st.lists(st.integers(0, 200), max_size=20))
@settings(max_examples=300)
def test_a_streamed_answer_is_whole_and_never_shows_half_a_marker(answer: str, cuts: list[int]):
    places = sorted({0, len(answer), *(cut for cut in cuts if cut < len(answer))})
    buffer, shown, ends = MarkerBuffer(), "", []
    for start, end in pairwise(places):
        shown += buffer.feed(answer[start:end])
        ends.append(len(shown))
    assert shown + buffer.flush() == answer
    for marker in find_markers(answer, {"1", "2"}):
        if answer[marker.start : marker.end].count("[") <= 1:  # a range has two brackets
            assert not any(marker.start < end < marker.end for end in ends)
