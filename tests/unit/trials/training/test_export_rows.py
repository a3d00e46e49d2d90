"""The rows of an export: what an endpoint is sent, without what repeats or contradicts."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import BaseMessage

from agent_knowledge import Answerer, KnowledgeConfig, Task, load_router
from agent_knowledge.errors import ConfigError, InputError
from agent_knowledge.models.chat import Chat
from agent_knowledge.trials.export import (
    CARD,
    CARD_DATA,
    TRAIN,
    VALIDATION,
    Export,
    Options,
    clean,
    make_export,
    to_row,
    write_export,
)
from agent_knowledge.types import Example
from tests.scripted import ScriptedModel

THINGS = [
    *("lamp", "chair", "sofa", "rug", "desk", "mirror", "kettle", "toaster"),
    *("blender", "mattress", "wardrobe", "curtain", "bookcase", "stool", "clock"),
]
TROUBLES = {
    "arrived in pieces and nobody answers the phone": "damage",
    "was charged to me two times this month": "billing",
    "never came although the app says delivered": "shipping",
    "needs a new screw for its left side": "parts",
    "has the wrong colour, I ordered green": "returns",
    "cannot be found in your online shop": "sales",
    "came without instructions for putting it up": "parts",
    "was promised for last Tuesday by the driver": "shipping",
    "is cheaper today than when I bought it": "billing",
    "smells so strongly of paint that we are ill": "damage",
    "should go to my sister's address instead": "shipping",
    "does not fit through our door, please collect": "returns",
    "is shown on an invoice that isn't mine": "billing",
    "is something I would like to see in the store": "sales",
}
PAIRS = [(f"My {t} {trouble}.", queue) for t, (trouble, queue) in product(THINGS, TROUBLES.items())]
CONFIG = """
examples:
  triage: {file: triage.jsonl, description: Put a support ticket into its queue, template: form.md}
endpoints:
  triage-ft: {model: m, serves: triage, allow_unproven: true,
              training: {examples: 900, data_as_of: 2026-01-01}}
agents:
  support: {examples: [triage], system_prompt: prompt.md, endpoint: triage-ft}
"""
FORM = """Name one of these queues:
{{labels}}
---
Ticket: {{input}}
Queue:
"""


def configured(folder: Path, pairs: list[tuple[str, str]]) -> KnowledgeConfig:
    lines = [json.dumps({"input": given, "output": output}) for given, output in pairs]
    (folder / "triage.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (folder / "prompt.md").write_text("You sort the tickets of a furniture shop.")
    (folder / "form.md").write_text(FORM)
    (folder / "agent-knowledge.yaml").write_text(CONFIG)
    return KnowledgeConfig.from_yaml(folder / "agent-knowledge.yaml")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeConfig:
    return configured(tmp_path_factory.mktemp("desk"), PAIRS)


@pytest.fixture(scope="module")
def export(config: KnowledgeConfig) -> Export:
    return make_export(config, "triage")


def rows(export: Export, name: str) -> list[list[dict[str, str]]]:
    return [json.loads(line)["messages"] for line in export.files[name].splitlines()]


def role_and_text(message: BaseMessage) -> dict[str, str]:
    return {
        "role": {"system": "system", "human": "user"}[message.type],
        "content": str(message.content),
    }


def test_a_row_is_what_the_endpoint_is_sent(config: KnowledgeConfig, export: Export) -> None:
    model = ScriptedModel(replies=["damage"])
    answerer = Answerer(
        load_router(config),
        Chat(model=ScriptedModel(replies=["not asked"]), name="default"),
        endpoint=Chat(model=model, name="triage-ft"),
    )
    given, output = PAIRS[0]
    assert answerer.answer(Task(given, strategy="fine_tuned")).model == "triage-ft"
    sent = [role_and_text(message) for message in model.asked[0]]
    exported = [*rows(export, TRAIN), *rows(export, VALIDATION)]
    assert [*sent, {"role": "assistant", "content": output}] in exported
    assert "billing\ndamage" in sent[0]["content"]
    assert sent[1]["content"].startswith("Ticket: My lamp arrived")


def test_rows_are_the_same_before_the_agent_has_an_endpoint(
    config: KnowledgeConfig, export: Export
) -> None:
    agent = config.agents["support"].model_copy(update={"endpoint": None})
    bare = config.model_copy(update={"agents": {"support": agent}}).at(config.folder)
    assert make_export(bare, "triage").files == export.files


def test_every_row_is_in_one_of_the_files(export: Export) -> None:
    train, validation = rows(export, TRAIN), rows(export, VALIDATION)
    assert len(train) + len(validation) == len(PAIRS)
    assert (len(train), len(validation)) == (export.card.split.train, export.card.split.validation)
    assert all([turn["role"] for turn in row] == ["system", "user", "assistant"] for row in train)
    assert export.card.labels
    assert export.card.labels.count == len(set(TROUBLES.values()))
    assert export.card.rows == len(PAIRS)


def test_the_seed_decides_what_is_validated_on(config: KnowledgeConfig, export: Export) -> None:
    other = make_export(config, "triage", options=Options(seed=1))
    assert other.files[VALIDATION] != export.files[VALIDATION]
    assert sorted("".join(other.files.values()).splitlines()) == sorted(
        "".join(export.files.values()).splitlines()
    )


def test_what_repeats_contradicts_or_teaches_nothing_is_left_out() -> None:
    pairs = [
        ("Where is my parcel?", "shipping"),
        ("where  is my PARCEL?", "shipping"),
        ("I want my money back", "billing"),
        ("Ｉ want my money back", "returns"),
        ("i want my money back", "billing"),
        ("Hello", " "),
        ("Hello", "none"),
    ]
    places, left_out = clean([Example(input=given, output=output) for given, output in pairs])
    assert places == (0, 6)
    assert left_out.duplicates == ((2, 1),)
    assert left_out.conflicts == ((3, 4, 5),)
    assert left_out.empty_outputs == (6,)


def test_what_is_measured_on_is_not_trained_on(config: KnowledgeConfig, export: Export) -> None:
    asked = PAIRS[0][0].replace("nobody answers", "no one answers")
    held = make_export(config, "triage", cases=[asked, "Do you sell garden furniture?"])
    assert held.card.left_out.cases == (1,)
    assert not any(PAIRS[0][0] in text for text in held.files.values())
    assert held.card.split.train + held.card.split.validation == len(PAIRS) - 1


def test_a_set_that_would_be_learnt_by_heart_is_refused(tmp_path: Path) -> None:
    few = configured(tmp_path, [*PAIRS[:199], *PAIRS[:40]])
    with pytest.raises(InputError, match=r"enough-data: 'triage' has 199 usable examples, of 239"):
        make_export(few, "triage")


def test_a_set_that_the_agent_lacks_is_named(config: KnowledgeConfig) -> None:
    with pytest.raises(ConfigError, match=r"has no example set 'triag'; did you mean 'triage'\?"):
        make_export(config, "triag")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"format": "parquet"}, "'parquet' is not accepted; known: chat-jsonl"),
        ({"validation": 0.0}, "validation: 0.0 is not accepted"),
        ({"validation": 0.6}, "validation: 0.6 is not accepted"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Options(**options)


def test_another_embedding_changes_no_row(config: KnowledgeConfig, export: Export) -> None:
    other = config.model_copy(update={"embedding": "openai:text-embedding-3-small"})
    assert make_export(other.at(config.folder), "triage").files == export.files


def test_files_are_written_whole_with_their_card(export: Export, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    write_export(export, folder)
    names = {file.name for file in folder.iterdir()}
    assert names == {TRAIN, VALIDATION, CARD, CARD_DATA}
    assert (folder / TRAIN).read_text(encoding="utf-8") == export.files[TRAIN]
    card = json.loads((folder / CARD_DATA).read_text())
    assert card == json.loads(json.dumps(to_row(export.card)))
    assert card["warnings"][0].startswith("enough-data: ")


def test_a_folder_that_holds_something_is_let_be_unless_forced(
    export: Export, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="is not empty; name another folder"):
        write_export(export, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]
    write_export(export, tmp_path, force=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert (tmp_path / CARD_DATA).is_file()


def test_a_file_in_the_place_of_the_folder_is_named(export: Export, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(InputError, match=r"cannot write to .*data"):
        write_export(export, tmp_path / "data")
