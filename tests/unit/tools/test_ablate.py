"""Ablation: which values are tried, that they reach whoever imported them, and are taken back."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("langchain_chroma", reason="the examples bench has peers of the extra 'bench'")

from agent_knowledge.errors import InputError
from agent_knowledge.retrieval import names
from agent_knowledge.retrieval.embedded import snapshot
from tools import ablate
from tools.ablate import ablated, read, replaced, variants


@pytest.mark.parametrize(
    ("value", "tried"),
    [
        (3.0, [1.5, 6.0]),
        (5, [2, 10]),
        (True, [False]),
        (frozenset({"the"}), [frozenset()]),
        (("a", "b"), [()]),
    ],
)
def test_a_number_is_halved_and_doubled_and_a_list_is_emptied(value: object, tried: list[object]):
    assert list(variants(value, 2)) == tried


def test_without_a_pattern_nothing_is_found():
    (never,) = variants(re.compile("a*"), 2)
    assert isinstance(never, re.Pattern)
    assert never.search("aaa") is None


def test_what_is_no_constant_is_refused():
    with pytest.raises(InputError, match="is no number, word list or pattern"):
        list(variants(object(), 2))
    with pytest.raises(InputError, match=r"no constant 'retrieval\.names\.NONE'"):
        read("retrieval.names.NONE")


def test_a_constant_is_replaced_wherever_it_was_imported_and_comes_back():
    usual = names.LINK
    with replaced("retrieval.names.LINK", 9.0):
        assert (names.LINK, snapshot.LINK) == (9.0, 9.0)
    assert names.LINK is snapshot.LINK is usual


def test_each_variant_is_measured_and_nothing_is_left_of_it(tmp_path: Path):
    indexed: list[float] = []

    @contextmanager
    def bench(data: Path) -> Generator[Callable[[], ablate.Figures]]:
        indexed.append(names.OWN)
        yield lambda: {"own": names.OWN}

    usual = names.OWN
    tried = {"retrieval.names.OWN": [1.0, 2.0]}
    found = list(ablated(bench, tmp_path, tried))
    assert [figures["own"] for _, figures in found] == [usual, 1.0, 2.0]
    assert [what for what, _ in found] == ["", "retrieval.names.OWN 1", "retrieval.names.OWN 2"]
    assert indexed == [usual]
    list(ablated(bench, tmp_path, tried, reindex=True))
    assert indexed == [usual, usual, 1.0, 2.0]
    assert names.OWN is usual
