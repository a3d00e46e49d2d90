"""Code files cut by their structure."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_knowledge.retrieval.reading import code
from agent_knowledge.retrieval.reading.chunks import PASSAGE, split
from agent_knowledge.retrieval.reading.documents import Document
from agent_knowledge.retrieval.reading.loading import read_source
from tests.hostile import MOST_GROWTH, growth, repeated

PYTHON = '''"""Money."""

import decimal

RATE = 0.2


# Rounded down,
# as the law asks.
@cached
def tax(amount, /, *rates, exact=False, **more):
    """The tax on an amount."""
    def inner():
        pass
    return amount * RATE


class Account:
    """An account."""

    currency = "EUR"

    async def pay(self, to, amount):
        """Pay somebody."""

    class Limits:
        def most(self): return 5


if __name__ == "__main__":
    tax(3)
'''


def read(folder: Path, name: str, text: str) -> Document:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    [document] = read_source("s", folder)
    assert isinstance(document, Document)
    return document


def passages(folder: Path, name: str, text: str) -> dict[str, str]:
    document = read(folder, name, text)
    spans = split(document)
    found = {span.title: document.text[span.start : span.end] for span in spans}
    assert "".join("".join(document.text[s.start : s.end].split()) for s in spans) == "".join(
        text.split()
    ), "every character that is no white space, in order"
    return found


def test_a_function_is_a_passage_with_its_signature(tmp_path: Path):
    found = passages(tmp_path, "shop/money.py", PYTHON)
    assert [*found] == [
        "shop/money.py",
        "shop/money.py > def tax(amount, *rates, exact, **more)",
        "shop/money.py > class Account",
        "shop/money.py > class Account > async def pay(to, amount)",
        "shop/money.py > class Account > class Limits",
        "shop/money.py > class Account > class Limits > def most()",
    ]
    tax = found["shop/money.py > def tax(amount, *rates, exact, **more)"]
    assert tax.startswith("# Rounded down,\n# as the law asks.\n@cached\ndef tax(")
    assert tax.endswith("return amount * RATE")
    assert 'currency = "EUR"' in found["shop/money.py > class Account"]


GO = """package shop

import "fmt"

const rate = 0.2

// Tax is what the state takes.
func Tax(amount float64) float64 {
\treturn amount * rate
}

type Account struct {
\tName string
}
func (a *Account) Pay(to string) error {
\treturn nil
}
"""
RUST = """use std::fmt;

/// What the state takes.
#[inline]
pub fn tax(amount: f64) -> f64 {
    amount * RATE
}

impl Account {
    pub fn pay(&self) {}
}
"""
TYPESCRIPT = """import { x } from "y";

/**
 * What the state takes.
 */
export const tax = async (amount: number): Promise<number> => {
  return amount * RATE;
};

export interface Account {
  name: string;
}
"""
SHELL = """#!/bin/sh
set -e

# Say hello.
greet() {
    echo hello
}

greet
"""
SQL = """-- Who pays.
CREATE TABLE customers (
    id integer
);

CREATE INDEX by_id ON customers (id);
"""


@pytest.mark.parametrize(
    ("name", "text", "names"),
    [
        (
            "a.go",
            GO,
            [
                "func Tax(amount float64) float64",
                "type Account struct",
                "func (a *Account) Pay(to string) error",
            ],
        ),
        ("a.rs", RUST, ["pub fn tax(amount: f64) -> f64", "impl Account"]),
        (
            "a.ts",
            TYPESCRIPT,
            [
                "export const tax = async (amount: number): Promise<number> =>",
                "export interface Account",
            ],
        ),
        ("a.sh", SHELL, ["greet()"]),
        ("a.sql", SQL, ["CREATE TABLE customers", "CREATE INDEX by_id ON customers (id)"]),
    ],
)
def test_definitions_of_other_languages_are_passages(
    tmp_path: Path, name: str, text: str, names: list[str]
):
    found = passages(tmp_path, name, text)
    told = [title.removeprefix(f"{name} > ") for title in found if title != name]
    assert told == names
    assert any(passage.startswith(("//", "///", "/**", "#", "--")) for passage in found.values())


def test_a_long_class_of_another_language_is_cut_at_its_methods(tmp_path: Path):
    body = "        " + "int value = compute(amount);\n        " * 20
    methods = "\n".join(f"    public int tax{n}(int amount) {{\n{body}\n    }}\n" for n in range(3))
    text = f"package shop;\n\n@Entity\npublic class Account {{\n    int id;\n\n{methods}}}\n"
    found = passages(tmp_path, "Account.java", text)
    inside = "Account.java > public class Account"
    assert [title for title in found if "tax" in title] == [
        f"{inside} > public int tax{n}(int amount)" for n in range(3)
    ]
    assert "int id;" in found[inside]


def test_python_that_this_version_cannot_read_is_cut_by_its_lines(tmp_path: Path):
    text = "def tax(amount):\n    return amount\n\nprint 'old'\n"
    assert "old.py > def tax(amount)" in passages(tmp_path, "old.py", text)


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("a.py > def getUserName(id)", "get user name"),
        ("a.py > class HTTPServer > def parse_v2()", "parse v 2"),
        ("a.py > class HTTPServer", "http server"),
        ("a.py > def get(url)", ""),
        ("Handbook > Refunds (EU)", ""),
        ("Handbook > Article(s)", ""),
    ],
)
def test_a_name_is_told_in_words(title: str, words: str):
    assert code.spoken(title) == words


def test_a_comment_is_no_heading(tmp_path: Path):
    found = passages(tmp_path, "a.py", "# Setup\nx = 1\n# Teardown\ny = 2\n")
    assert [*found] == ["a.py"]


def test_a_long_function_is_cut_under_its_name(tmp_path: Path):
    text = "def tax(amount):\n" + "    amount = amount + 1\n" * 200
    document = read(tmp_path, "a.py", text)
    spans = split(document)
    assert len(spans) > 2
    assert {span.title for span in spans} == {"a.py > def tax(amount)"}
    assert max(span.end - span.start for span in spans) <= PASSAGE


@given(
    st.lists(
        st.sampled_from(
            [
                *("def f(x):", "    return 1", "class A:", "    def g(self):", "        pass"),
                *("}", "{", "", "# c", "@d", "func f() {", "\tx", "end", "/* c", "*/", "é = '😀'"),
            ]
        ),
        max_size=30,
    ),
    st.sampled_from(sorted(code.SUFFIXES)),
)
def test_parts_hold_all_of_any_file_in_order(lines: list[str], suffix: str):
    text = "\n".join(lines)
    found = code.parts(text, suffix, 40)
    held = "".join(text[part.start : part.end] for part in found)
    assert "".join(held.split()) == "".join(text.split())


@pytest.mark.parametrize("suffix", [".py", ".go"])
@pytest.mark.parametrize(
    "unit",
    [
        "def f(x):\n    pass\n",
        "(",
        "class A:\n ",
        " ",
        "}\n",
        "f(\n\n",
        "# c\n",
        "@d\n",
        "if x:\n\t",
        "-",
    ],
)
def test_code_is_cut_in_linear_time(unit: str, suffix: str):
    def cut(text: str) -> object:
        return split(Document(id="a", origin=f"a{suffix}", title="a", uri="", text=f"x{text}"))

    cut("x = 1\n")
    assert growth(cut, repeated("", unit), 0.05) <= MOST_GROWTH


def test_a_web_page_whose_address_ends_as_code_is_a_page():
    page = "# Refunds\n\nTen days.\n\n# Shipping\n\nTwo days.\n"
    at = "https://shop.example/help.php"
    document = Document(id=at, origin=at, title="Help", uri=at, text=page)
    assert [span.title for span in split(document)] == ["Help > Refunds", "Help > Shipping"]
