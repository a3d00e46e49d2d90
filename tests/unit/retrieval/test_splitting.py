from __future__ import annotations

import time
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from agent_knowledge.retrieval.reading.chunks import PASSAGE, even_pieces, split
from agent_knowledge.retrieval.reading.documents import Document


def page(text: str, title: str = "") -> Document:
    return Document(id="d", origin="d", title=title, uri="", text=text)


def row(text: str, title: str = "") -> Document:
    return Document(id="d", origin="d", title=title, uri="", text=text, row=True)


GUIDE = """# Refunds

Within 30 days.

## How long it takes

Five days.

```
# not a heading
```

### Cards

Two days more.

## Exceptions
"""


def test_passages_follow_the_headings_and_carry_their_path():
    document = page(GUIDE, "Refunds")
    found = [(span.title, GUIDE[span.start : span.end]) for span in split(document)]
    assert found == [
        ("Refunds", "# Refunds\n\nWithin 30 days."),
        (
            "Refunds > How long it takes",
            "## How long it takes\n\nFive days.\n\n```\n# not a heading\n```",
        ),
        ("Refunds > How long it takes > Cards", "### Cards\n\nTwo days more."),
    ]


def test_a_title_that_is_no_heading_stands_before_the_path():
    (span,) = split(page("## How long\n\nFive days.", "Acme handbook"))
    assert span.title == "Acme handbook > How long"


def test_a_document_of_headings_only_is_still_a_passage():
    (span,) = split(page("# One\n\n## Two\n"))
    assert (span.start, span.end) == (0, 13)


def test_a_long_section_is_cut_into_windows_at_sentences_and_words():
    text = "It takes five days. " * 200
    spans = split(page(text))
    assert all(0 < span.end - span.start <= PASSAGE for span in spans)
    assert all(text[span.start : span.end].startswith("It takes") for span in spans[:1])
    assert all(not text[span.end : span.end + 1].isalpha() for span in spans)


def test_a_short_row_stays_whole_whatever_is_in_it():
    text = "# A\n\nx\n\n# B\n\n" + "word " * 200
    assert len(text) < PASSAGE
    (span,) = split(row(text, "Title"))
    assert (span.start, span.end, span.title) == (0, len(text.rstrip()), "Title")


def test_megabytes_without_a_break_are_split_in_bounded_time():
    text = "x" * 1_000_000
    started = time.thread_time()
    spans = split(page(text))
    assert sum(span.end - span.start for span in spans) == len(text)
    assert time.thread_time() - started < 20


def test_pieces_have_about_the_same_length():
    pieces = even_pieces("word " * 350, 1600)
    assert [len(piece) > 600 for piece in pieces] == [True, True]
    assert even_pieces("short", 1600) == ["short"]


TEXTS = st.text(
    alphabet=st.one_of(
        st.sampled_from(list("ab .\n#`-")), st.characters(exclude_categories=["Cs"])
    ),
    max_size=300,
)


@given(TEXTS.filter(str.strip), st.integers(1, 12), st.booleans())
def test_every_passage_is_a_slice_and_together_they_lose_nothing(
    text: str, times: int, is_row: bool
):
    text *= times
    spans = split(row(text) if is_row else page(text))
    assert spans
    for span in spans:
        passage = text[span.start : span.end]
        assert passage
        assert passage == passage.strip()
        assert len(passage) <= PASSAGE
    for one, other in pairwise(spans):
        assert one.end <= other.start
        between = text[one.end : other.start]
        assert all(
            not line.strip() or line.lstrip().startswith("#") for line in between.split("\n")
        )
