"""The bench of example selection: drawing pools, and what counts as found and as right."""

from __future__ import annotations

import numpy as np
import pytest
from chromadb.api.shared_system_client import SharedSystemClient

from agent_knowledge.types import Example
from tests.unit.tools.conftest import Serve
from tools.data.embedding import RememberingMiniLM

pytest.importorskip("langchain_chroma", reason="the peers are in the extra 'bench'")

from tools.bench.examples import (
    METHODS,
    Pool,
    draw_examples,
    measure,
    print_answered,
    print_found,
)

TRAIN = tuple(
    Example(input=f"{verb} my {thing} please", output=label)
    for verb, label in (("cancel", "cancel"), ("find", "locate"), ("pay for", "pay"))
    for thing in ("order", "card", "parcel", "ticket", "invoice", "booking")
)


@pytest.fixture(autouse=True)
def _no_database_of_another_test() -> None:
    """Chroma has one database in memory a process, and refuses it to who brings other settings."""
    for held in ("_identifier_to_system", "_identifier_to_refcount"):
        getattr(SharedSystemClient, held, {}).pop("ephemeral", None)


@pytest.fixture(scope="module")
def embedder() -> RememberingMiniLM:
    return RememberingMiniLM()


def test_a_draw_has_as_many_of_each_label_and_is_another_by_another_seed() -> None:
    drawn = draw_examples(TRAIN, 3, seed=1)
    labels, counts = np.unique([example.output for example in drawn], return_counts=True)
    assert dict(zip(labels.tolist(), counts.tolist(), strict=True)) == {
        "cancel": 3,
        "locate": 3,
        "pay": 3,
    }
    assert drawn == draw_examples(TRAIN, 3, seed=1) != draw_examples(TRAIN, 3, seed=2)
    assert draw_examples(TRAIN, 9, seed=1) == TRAIN


@pytest.mark.parametrize("method", METHODS)
def test_each_method_shows_as_many_as_it_is_asked_for(
    method: str, embedder: RememberingMiniLM
) -> None:
    shown = METHODS[method](TRAIN, 4, embedder)("cancel my subscription please")
    assert len(shown) == 4
    assert {(example.input, example.output) for example in shown} <= {
        (example.input, example.output) for example in TRAIN
    }
    assert "cancel" in {example.output for example in shown}


def test_found_is_the_share_whose_label_is_shown() -> None:
    asked = [Example(input="a", output="pay"), Example(input="b", output="locate")]
    figures = measure(lambda _: [Example(input="x", output="pay")], asked)
    assert figures.found == 0.5


def test_an_answer_is_right_when_it_is_the_label_alone(
    serve: Serve, embedder: RememberingMiniLM, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = (
        Example(input="cancel it all", output="cancel"),
        Example(input="find it all", output="locate"),
        Example(input="pay it all", output="pay"),
        Example(input="pay for all", output="pay"),
    )
    said = {"cancel it all": " cancel\n", "find it all": "I would locate it", "pay it all": "pay"}
    chat = serve(lambda text: said.get(text, "no idea"))
    pool = Pool(name="bank, 6 a label", draws=(TRAIN,), asked=asked)
    print_answered(pool, embedder, chat, 10)
    rows = capsys.readouterr().out.splitlines()
    assert rows[0] == "bank, 6 a label: scripted answers 4 utterances, 5 shown"
    assert all("right 0.500 (" in row for row in rows[1:])
    assert len(rows) == 1 + len(METHODS)


def test_the_table_names_every_method(
    embedder: RememberingMiniLM, capsys: pytest.CaptureFixture[str]
) -> None:
    pool = Pool(name="bank, 6 a label", draws=(TRAIN, TRAIN[:9]), asked=TRAIN[:2])
    print_found(pool, embedder)
    head, *rows = capsys.readouterr().out.splitlines()
    assert head == "bank, 6 a label: 2 utterances, 2 draws"
    assert [row[2:].split("  ")[0] for row in rows] == list(METHODS)
    assert all("label among 5: " in row and "label among 10: " in row for row in rows)
