"""Documents of LangChain's document loaders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain_core.document_loaders import BaseLoader
from langchain_core.documents import Document as Loaded

from agent_knowledge.build.imports import imported
from agent_knowledge.config import SourceConfig
from agent_knowledge.errors import ConfigError, SourceError
from agent_knowledge.retrieval.reading.documents import Document, Failure, Item
from agent_knowledge.retrieval.reading.loaders import made_loader
from agent_knowledge.retrieval.reading.loading import read_any


class Listed(BaseLoader):
    """A loader that loads what it is given, and then fails if it is to."""

    def __init__(self, *documents: object, fails: str = "") -> None:
        self.documents = documents
        self.fails = fails

    def lazy_load(self) -> Iterator[Loaded]:
        yield from self.documents
        if self.fails:
            raise RuntimeError(self.fails)


def read(loader: object, **options: object) -> list[Item]:
    spec = SourceConfig(loader="shop.docs:Loader", options=options)
    made = made_loader(loader, options, "sources.docs")
    return list(read_any("docs", spec, loader=made))


def of(text: str, **metadata: object) -> Loaded:
    return Loaded(page_content=text, metadata=metadata)


def test_a_loaded_document_keeps_its_id_title_date_and_metadata():
    known = {"id": "7", "title": "Refunds", "source": "https://example.org/r", "price": 2.5}
    [document] = read(Listed(of("Thirty days.", **known, published="2026-01-31", tags=["a", "b"])))
    assert document == Document(
        id="7",
        origin="docs",
        title="Refunds",
        uri="https://example.org/r",
        text="Thirty days.",
        date="2026-01-31",
        metadata={"price": 2.5, "published": "2026-01-31", "tags": ("a", "b")},
        where="https://example.org/r document 1",
    )


def test_documents_without_an_id_are_numbered_by_their_place():
    items = read(
        Listed(
            of("a", source="/home/me/book.pdf", page=0),
            of("b", source="/home/me/book.pdf", page=1),
            of("c", source="https://example.org/c"),
            of("d"),
        )
    )
    assert [item.id for item in items] == [
        "docs/book.pdf#1",
        "docs/book.pdf#2",
        "https://example.org/c#1",
        "docs#1",
    ]
    assert [item.title for item in items if isinstance(item, Document)] == ["book", "book", "c", ""]
    assert not any("home" in repr(item) for item in items), "a path of this machine"


def test_what_fails_on_the_way_keeps_what_is_stored_of_the_rest():
    first, second, failure = read(Listed(of("a"), "b", fails="connection lost"))
    assert isinstance(first, Document)
    assert isinstance(second, Failure)
    assert "gave a str" in second.reason
    assert isinstance(failure, Failure)
    assert "after 2 documents (RuntimeError: connection lost)" in failure.reason
    assert (failure.id, failure.origin) == (None, first.origin)


def test_a_loader_that_loads_nothing_leaves_the_index_as_it_is():
    with pytest.raises(SourceError, match=r"connection lost.*left as it is"):
        read(Listed(fails="connection lost"))


def test_a_class_a_function_and_a_loader_are_taken():
    assert read(Listed(of("ready")))[0].id == "docs#1"
    assert isinstance(made_loader(Listed, {"fails": "x"}, "sources.docs"), Listed)
    [document] = read(lambda text: Listed(of(text)), text="made")
    assert isinstance(document, Document)
    assert document.text == "made"


def test_options_name_variables_whose_values_no_message_tells(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WIKI_TOKEN", "hunter2-hunter2")
    taken: list[object] = []

    def make(**options: object) -> Listed:
        taken.append(options)
        return Listed(fails=f"refused {options['key']}")

    with pytest.raises(SourceError, match=r"refused \$\{WIKI_TOKEN\}"):
        read(make, key="${WIKI_TOKEN}", deep={"list": ["a ${WIKI_TOKEN}", 1]})
    assert taken == [{"key": "hunter2-hunter2", "deep": {"list": ["a hunter2-hunter2", 1]}}]
    monkeypatch.delenv("WIKI_TOKEN")
    with pytest.raises(ConfigError, match=r"sources\.docs\.options\.key: .*WIKI_TOKEN is not set"):
        read(make, key="${WIKI_TOKEN}")


@pytest.mark.parametrize(
    ("loader", "options", "says"),
    [
        (Listed, {"nonsense": 1}, r"sources\.docs\.loader: it cannot be made .*nonsense"),
        (dict, {}, "gave a dict; expected a LangChain document loader"),
        ("text", {}, "cannot be made"),
    ],
)
def test_what_is_no_loader_says_what_is_expected(loader: object, options: dict, says: str):
    with pytest.raises(ConfigError, match=says):
        made_loader(loader, options, "sources.docs")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_loader_of_langchain_community_is_read(tmp_path: Path):
    spec = "langchain_community.document_loaders:CSVLoader"
    loader = imported(
        spec, "sources.docs.loader", allowed=("langchain_community",), folder=tmp_path
    )
    rows = tmp_path / "rows.csv"
    rows.write_text("item,price\nRowan lamp,12.5\nAsh desk,80\n")
    first, second = read(loader, file_path=str(rows))
    assert isinstance(first, Document)
    assert (first.id, first.title, first.text) == (
        "docs/rows.csv#1",
        "rows",
        "item: Rowan lamp\nprice: 12.5",
    )
    assert second.id == "docs/rows.csv#2"
