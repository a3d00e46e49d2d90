"""Words as they are searched: identifiers are found by their parts too."""

from __future__ import annotations

import time

import pytest

from agent_knowledge.retrieval.lexical import LexicalIndex, indexed_stems, stems
from agent_knowledge.retrieval.reading.chunks import Searched


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("get_user_name", ["get", "user", "name"]),
        ("getUserName2", ["get", "user", "name"]),
        ("HTTPServerError", ["http", "server", "error"]),
        ("__init_subclass__", ["init", "subclass"]),
        ("MAX_SIZE", ["max", "size"]),
        ("McDonald", ["mc", "donald"]),
    ],
)
def test_stems_split_identifiers(text: str, parts: list[str]):
    assert indexed_stems(text)[:1] == stems(text), "the word itself comes first, and stays"
    assert set(stems(" ".join(parts))) <= set(indexed_stems(text))


@pytest.mark.parametrize(
    "text", ["plain words, Capitals and NATO", "apple7 2nd h2o covid19", "__main__ _ __", "École"]
)
def test_what_is_no_identifier_stays_as_it_is(text: str):
    assert indexed_stems(text) == stems(text)


def test_a_function_is_found_by_the_words_of_its_name():
    texts = ["def get_user_name(self): return self._n", "def loadConfig(): pass", "def other(): 1"]
    index = LexicalIndex.build(
        Searched(number=n, title="", keywords="", text=text) for n, text in enumerate(texts)
    )
    for query, best in (("the name of a user", 0), ("load the config", 1), ("loadConfig", 1)):
        found = index.find(list(dict.fromkeys(stems(query))))
        assert found.scores.argmax() == best
        assert found.known == 1


def test_a_hostile_word_is_split_in_linear_time():
    for word in (
        "aB" * 200_000,
        "a_" * 200_000,
        "A" * 400_000,
        "_" * 400_000,
        "aA" + "a" * 400_000,
    ):
        started = time.process_time()
        indexed_stems(word)
        assert time.process_time() - started < 5
