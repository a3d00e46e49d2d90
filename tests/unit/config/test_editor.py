"""The JSON schema of a configuration, as an editor uses it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

import agent_knowledge
from agent_knowledge.config import KnowledgeConfig
from agent_knowledge.config.editor import editor_schema
from agent_knowledge.errors import ConfigError

ROOT = Path(agent_knowledge.__file__).parents[1]
SCHEMA = editor_schema()
EDITOR = Draft7Validator(SCHEMA)
SECTIONS: dict[str, dict[str, Any]] = {"": SCHEMA, **SCHEMA["definitions"]}
KEYS = [(name, key) for name, section in SECTIONS.items() for key in section["properties"]]
PLACES = {
    "": (),
    "StoreConfig": ("store",),
    "ModelsConfig": ("models",),
    "SourceConfig": ("sources", "s"),
    "ExampleSetConfig": ("examples", "e"),
    "EndpointConfig": ("endpoints", "t"),
    "TrainingConfig": ("endpoints", "t", "training"),
    "BreakerConfig": ("endpoints", "t", "breaker"),
    "PriceConfig": ("prices", "m"),
    "LogConfig": ("log",),
    "AgentConfig": ("agents", "a"),
    "Policy": ("agents", "a", "policy"),
    "Thresholds": ("agents", "a", "policy", "thresholds"),
    "Leaning": ("agents", "a", "policy", "leaning"),
}
"""Where a section of each kind stands in `with_key`."""


def with_key(section: str, key: str, value: object) -> dict[str, Any]:
    """A configuration that has every section, with a value behind a key of one."""
    made: dict[str, Any] = {
        "store": {},
        "models": {},
        "sources": {"s": {"path": "p"}},
        "examples": {"e": {"file": "f"}},
        "endpoints": {"t": {"model": "m", "serves": "e", "training": {}, "breaker": {}}},
        "prices": {"m": {"input": 1, "output": 2}},
        "log": {},
        "agents": {"a": {"examples": ["e"], "policy": {"thresholds": {}, "leaning": {}}}},
    }
    at = made
    for step in PLACES[section]:
        at = at[step]
    at[key] = value
    return made


def loads(config: object) -> bool:
    try:
        KnowledgeConfig.parse(yaml.safe_dump(config))
    except ConfigError:
        return False
    return True


def configurations() -> Iterator[Any]:
    """Every whole configuration that we publish."""
    for file in sorted((ROOT / "agent_knowledge/demo").glob("*.yaml")):
        yield pytest.param(file.read_text(encoding="utf-8"), id=file.name)
    for page in sorted((ROOT / "docs").glob("*.md")):
        blocks = re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
        for number, block in enumerate(blocks):
            if re.search(r"^agents:", block, re.MULTILINE):
                yield pytest.param(block, id=f"{page.name}-{number}")


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_every_key_has_a_description(section: str, key: str) -> None:
    said = SECTIONS[section]["properties"][key]["description"]
    assert said.endswith("."), f"{section}.{key} says nothing"


@pytest.mark.parametrize("written", list(configurations()))
def test_it_accepts_what_we_publish(written: str) -> None:
    # An editor leaves dates as text, as our loader does.
    read = yaml.load(written, Loader=NoDates)
    assert not [error.message for error in EDITOR.iter_errors(read)]


class NoDates(yaml.SafeLoader):
    pass


NoDates.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if not tag.endswith(":timestamp")]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@given(
    place=st.sampled_from(KEYS),
    value=st.none() | st.integers(-3, 200) | st.sampled_from(["", "x", "always", 0.5, -0.5, 3.5]),
)
def test_the_schema_accepts_what_we_load(place: tuple[str, str], value: object) -> None:
    section, key = place
    # Loading takes 1 for true; an editor rightly marks it.
    assume("boolean" not in json.dumps(SECTIONS[section]["properties"][key]))
    config = with_key(section, key, value)
    assert EDITOR.is_valid(config) or not loads(config)


@pytest.mark.parametrize("section", PLACES)
def test_a_misspelled_key_and_a_name_that_is_none_are_marked(section: str) -> None:
    assert not EDITOR.is_valid(with_key(section, "misspelt key", 1))


def test_a_key_that_holds_a_secret_shows_its_variable() -> None:
    assert "password" not in yaml.safe_dump(SCHEMA["definitions"]["StoreConfig"])
    assert EDITOR.is_valid(with_key("StoreConfig", "url", "${DATABASE_URL}"))
