"""What a variable holds is used, and not told."""

from __future__ import annotations

import pytest

from agent_knowledge import KnowledgeConfig
from agent_knowledge.config import expand, label
from agent_knowledge.errors import ConfigError, InputError
from agent_knowledge.trials.costs import price_of, prices_of


def test_a_label_tells_a_variable_and_that_it_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    labels: list[str] = []
    for value in ("gpt-of-ours-1", "gpt-of-ours-2"):
        monkeypatch.setenv("MODEL", value)
        labels.append(label("openai:${MODEL}", "models.default"))
    assert len(set(labels)) == 2
    assert all(one.startswith("openai:${MODEL}#") for one in labels)
    assert not any("ours" in one for one in labels)
    monkeypatch.setenv("MODEL", "extractive")
    assert label("${MODEL}", "models.default") == "extractive"
    assert label("openai:plain", "models.default") == "openai:plain"


@pytest.mark.parametrize("value", ["/srv/secret-place", "/srv/secret-place/", "it's \\ secret"])
def test_an_error_shows_the_variable(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PLACE", value)
    expand("${PLACE}/x", "store.path")
    error = InputError(f"nothing is at {value.rstrip('/') + '/x'!r}")
    assert str(error).replace('"', "'") == "nothing is at '${PLACE}/x'"


def test_a_short_value_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACE", "docs")
    expand("${PLACE}", "store.path")
    assert str(ConfigError("no docs in 'docs'")) == "no docs in 'docs'"


@pytest.mark.parametrize("value", ["minilm", "extractive"])
def test_what_is_packaged_keeps_its_name_in_messages(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("MODEL", value)
    expand("${MODEL}", "models.default")
    assert str(ConfigError(f"use {value!r} (packaged)")) == f"use {value!r} (packaged)"


@pytest.mark.parametrize("name", ["openai:ours-model", "ours-model", "openai:${MODEL}"])
def test_a_price_is_found_under_any_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("MODEL", "ours-model")
    text = (
        f'models: {{default: "openai:${{MODEL}}"}}\nprices: {{"{name}": {{input: 1, output: 2}}}}'
    )
    config = KnowledgeConfig.parse(text)
    assert price_of(prices_of(config), label("openai:${MODEL}", "models.default")) is not None
