"""Each limit at its edge: what is just below is served, what is just above is a clear error."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from langchain_core.documents import Document as Found

from agent_knowledge import KnowledgeConfig, Message, Task, limits
from agent_knowledge.cli.answering import verify
from agent_knowledge.config import AgentConfig
from agent_knowledge.errors import AgentKnowledgeError, ConfigError, InputError
from agent_knowledge.retrieval.examples import read_examples
from agent_knowledge.retrieval.others.external import ExternalSource
from agent_knowledge.retrieval.reading.documents import Document, Failure
from agent_knowledge.retrieval.reading.loading import read_source

Attempt = Callable[[Path, int], object]
"""Tries something of a size in a folder; raises what is wrong with it."""


class RefusedError(AgentKnowledgeError):
    """A document was not read."""


def read_one(path: Path, data: str | bytes) -> None:
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    (path.parent / "good.md").write_text("good")
    for item in read_source("s", path.parent):
        if isinstance(item, Failure):
            raise RefusedError(item.reason)


def row(**fields: object) -> str:
    return json.dumps({"id": "a", "text": "x", **fields})


def line_of(size: int) -> str:
    return row(text="x" * (size - len(row(text=""))))


def config_of(size: int) -> str:
    text = "agents: {x: {}}\n#"
    return text + "x" * (size - len(text))


def values_of(size: int) -> str:
    """YAML of that many values: 3 around a list of an anchor that is named many times."""
    names = "[" + ", ".join(["s"] * 99) + "]"
    aliases = (size - 3) // 100 - 1
    rest = size - 3 - 100 * (aliases + 1)
    return f"x: [&a {names}{', *a' * aliases}{', s' * rest}]\n"


def external(size: int) -> None:
    class Web:
        def invoke(self, input: str, /) -> list[Found]:  # noqa: A002
            return [Found("x" * size)]

    ExternalSource("web", Web()).retrieve("q", 1)


def from_file(folder: Path, text: str) -> None:
    (folder / "c.yaml").write_text(text)
    KnowledgeConfig.from_yaml(folder / "c.yaml")


def with_prompt(folder: Path, size: int) -> None:
    (folder / "prompt.md").write_text("x" * size)
    agents = {"x": AgentConfig(system_prompt="prompt.md")}
    KnowledgeConfig(agents=agents).at(folder).agent("x")


def example_file(folder: Path, size: int) -> None:
    line = json.dumps({"input": "i", "output": "o"}) + "\n"
    (folder / "t.jsonl").write_text(line + " " * (size - len(line)))
    read_examples("t", folder / "t.jsonl")


def title(folder: Path, size: int) -> None:
    read_one(folder / "a.jsonl", row(title="x" * size))


def uri(folder: Path, size: int) -> None:
    read_one(folder / "a.jsonl", row(uri="x" * size))


def fields(folder: Path, size: int) -> None:
    read_one(folder / "a.jsonl", row(**{f"k{n}": n for n in range(size - 2)}))


def columns(folder: Path, size: int) -> None:
    names = ",".join(f"k{n}" for n in range(size))
    read_one(folder / "a.csv", f"{names}\n{names}")


def depth(folder: Path, size: int) -> None:
    read_one(folder / "a.jsonl", row(m=0)[:-2] + "[" * (size - 1) + "]" * (size - 1) + "}")


def history(turns: int, characters: int) -> Task:
    return Task(
        "t", history=(*[Message("user", "")] * (turns - 1), Message("user", "x" * characters))
    )


EDGES: dict[str, tuple[Attempt, type[Exception], str]] = {
    "TASK_CHARACTERS": (lambda _, n: Task("x" * n), InputError, "the task has 4,000,001"),
    "HISTORY_CHARACTERS": (lambda _, n: history(1, n), InputError, "leave out the oldest"),
    "HISTORY_TURNS": (lambda _, n: history(n, 1), InputError, "leave out the oldest"),
    "PASSAGE_CHARACTERS": (lambda _, n: external(n), AgentKnowledgeError, "have it split"),
    "DOCUMENT_BYTES": (lambda f, n: read_one(f / "a.txt", "x" * n), RefusedError, "bytes, at most"),
    "DOCUMENT_CHARACTERS": (
        lambda f, n: read_one(f / "a.jsonl", row(text="x" * n)),
        RefusedError,
        "has a text of",
    ),
    "TITLE_CHARACTERS": (title, RefusedError, "has a title of 1,001 characters"),
    "URI_CHARACTERS": (uri, RefusedError, "has an address of 8,001 characters"),
    "ROW_FIELDS": (fields, RefusedError, "has 1,001 fields"),
    "ROW_FIELDS of a table": (columns, RefusedError, "has 1,001 columns"),
    "LINE_BYTES": (
        lambda f, n: read_one(f / "a.jsonl", line_of(n)),
        RefusedError,
        "is longer than",
    ),
    "LINE_BYTES of a table": (
        lambda f, n: read_one(f / "a.csv", "a,b\n" + "x" * (n - 2) + ",y"),
        RefusedError,
        "a line of more than",
    ),
    "JSON_DEPTH": (depth, RefusedError, "nested too deeply; at most 100 levels"),
    "CONFIG_BYTES": (lambda f, n: from_file(f, config_of(n)), ConfigError, "is too large"),
    "PROMPT_BYTES": (with_prompt, ConfigError, "has 1,000,001 bytes, at most"),
    "EXAMPLES_BYTES": (example_file, InputError, "bytes, at most"),
}
SMALLER = {"DOCUMENT_BYTES": 1_000, "DOCUMENT_CHARACTERS": 1_000, "EXAMPLES_BYTES": 1_000}
"""Limits of which the real size would cost the test too much: the edge is the same."""


@pytest.mark.parametrize("name", EDGES)
def test_what_is_within_a_limit_is_served_and_what_is_beyond_it_is_told(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
):
    attempt, kind, says = EDGES[name]
    constant = name.partition(" ")[0]
    if constant in SMALLER:
        monkeypatch.setattr(limits, constant, SMALLER[constant])
    most = getattr(limits, constant)
    attempt(tmp_path, most)
    with pytest.raises(kind, match=re.escape(says)) as caught:
        attempt(tmp_path, most + 1)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("answer", "passage", "error"),
    [
        (limits.CHECKED_CHARACTERS, 10, None),
        (limits.CHECKED_CHARACTERS + 1, 10, "'answer' has 100,001 characters"),
        (10, limits.PASSAGE_CHARACTERS, None),
        (10, limits.PASSAGE_CHARACTERS + 1, "passage 1 has 100,001 characters"),
    ],
)
def test_what_verify_is_given_has_a_limit(
    tmp_path: Path, answer: int, passage: int, error: str | None
):
    lines = [
        {"id": "x", "answer": "x" * answer, "passages": [{"id": 1, "text": "y" * passage}]},
        {"id": "y", "answer": "Yes.", "passages": []},
    ]
    (tmp_path / "in").write_text("\n".join(map(json.dumps, lines)))
    verify(source=str(tmp_path / "in"), target=str(tmp_path / "out"))
    first, second = map(json.loads, (tmp_path / "out").read_text().splitlines())
    assert second["claims"] == []
    assert (error is None) == ("error" not in first)
    assert error is None or error in first["error"]


def test_a_long_line_is_skipped_and_not_held(tmp_path: Path):
    (tmp_path / "a.jsonl").write_text(f"{line_of(40_000_000)}\n{row(id='next')}\n")
    failure, document = read_source("s", tmp_path / "a.jsonl")
    assert isinstance(failure, Failure)
    assert isinstance(document, Document)
    assert (failure.where, document.id) == ("a.jsonl line 1", "next")


def test_values_of_a_configuration_are_counted_with_their_aliases():
    most = limits.CONFIG_VALUES
    with pytest.raises(ConfigError, match="unknown key"):  # it is read, and its one fault told
        KnowledgeConfig.parse(values_of(most))
    with pytest.raises(ConfigError, match="more than 50,000 values"):
        KnowledgeConfig.parse(values_of(most + 1))


TENFOLD = [(a, b, ", ".join([f"*{a}"] * 10)) for a, b in pairwise("abcdefghij")]


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, y]\n" + "".join(f"{b}: &{b} [{ten}]\n" for _, b, ten in TENFOLD),
        "a: &a {x: 1}\n" + "".join(f"{b}: &{b} {{<<: [{ten}]}}\n" for _, b, ten in TENFOLD),
        "a: &a [*a]\n",
        "a: &a {b: *a}\n",
    ],
    ids=["lists", "merges", "itself", "itself by a key"],
)
def test_aliases_that_would_fill_the_memory_are_refused(text: str):
    with pytest.raises(ConfigError, match="with its aliases written out"):
        KnowledgeConfig.parse(text)


def test_very_many_faults_make_a_message_that_can_be_read():
    names = ", ".join(f"n{n}" for n in range(5000))
    with pytest.raises(ConfigError, match="5000 faults") as caught:
        KnowledgeConfig.parse(f"agents: {{x: {{sources: [{names}]}}}}\n")
    assert str(caught.value).endswith("and 4950 more")
    assert len(str(caught.value)) < 10_000


def test_the_table_of_the_documentation_has_every_limit_as_it_is():
    page = (Path(__file__).parents[2] / "docs" / "security.md").read_text()
    rows = re.findall(r"^\| [^|]+ \| ([\d,]+) [^|]*\|[^|]*\| `([A-Z_]+)` \|$", page, re.MULTILINE)
    listed = {name: int(size.replace(",", "")) for size, name in rows}
    assert listed == {
        name: size
        for name, size in vars(limits).items()
        if name.isupper() and isinstance(size, int)
    }
