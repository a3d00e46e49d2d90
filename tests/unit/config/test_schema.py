from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from agent_knowledge.config import (
    AgentConfig,
    EndpointConfig,
    ExampleSetConfig,
    KnowledgeConfig,
    Leaning,
    Policy,
    SourceConfig,
    StoreConfig,
    Thresholds,
    expand,
)
from agent_knowledge.config.sections import BreakerConfig, ModelsConfig, PriceConfig, TrainingConfig
from agent_knowledge.errors import ConfigError

SECRET = "s3cr3t-value"


def test_the_only_agent_needs_no_name():
    config = KnowledgeConfig.parse("agents: {support: {description: d}}")
    assert config.agent().name == config.agent("support").name == "support"


def test_of_several_agents_one_must_be_named():
    with pytest.raises(ConfigError, match=r"name one of the agents \(a, b\), as in --agent NAME"):
        KnowledgeConfig.parse("agents: {a: {}, b: {}}").agent()


def test_an_unknown_agent_is_answered_with_the_nearest_name():
    with pytest.raises(ConfigError, match="'suport' is unknown; did you mean 'support'"):
        KnowledgeConfig.parse("agents: {support: {}}").agent("suport")


def test_an_agent_without_any_key_needs_nothing_on_disk(tmp_path: Path):
    profile = KnowledgeConfig.parse("agents: {x: {}}").at(tmp_path / "gone").agent()
    assert (profile.sources, profile.examples, profile.endpoint) == ({}, {}, None)
    assert profile.system_prompt == ""


@pytest.mark.parametrize(
    ("agent", "message"),
    [
        (AgentConfig(sources=("handbok",)), "agents.x.sources: 'handbok' .* mean 'handbook'"),
        (AgentConfig(examples=("triag",)), "agents.x.examples: 'triag' .* mean 'triage'"),
        (AgentConfig(endpoint="fx"), "agents.x.endpoint: 'fx' is not defined; known: ft"),
    ],
)
def test_a_dangling_name_in_a_configuration_built_in_python(agent: AgentConfig, message: str):
    config = KnowledgeConfig(
        sources={"handbook": SourceConfig(path="docs/")},
        examples={"triage": ExampleSetConfig(file="t.jsonl")},
        endpoints={"ft": EndpointConfig(model="m", serves="triage")},
        agents={"x": agent},
    )
    with pytest.raises(ConfigError, match=message):
        config.agent()


def test_paths_resolve_against_the_files_folder_and_not_the_working_folder(tmp_path: Path):
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "p.md").write_text("\nBe brief.\n")
    file = tmp_path / "agent-knowledge.yaml"
    file.write_text("agents: {x: {system_prompt: prompts/p.md}}\nstore: {path: kept}")
    config = KnowledgeConfig.from_yaml(file)
    assert config.store_path == tmp_path / "kept"
    assert config.agent().system_prompt == "Be brief."
    assert config.resolve("/elsewhere", "k") == Path("/elsewhere")


def test_a_system_prompt_that_cannot_be_read_is_named_with_its_key(tmp_path: Path):
    config = KnowledgeConfig.parse("agents: {x: {system_prompt: p.md}}").at(tmp_path)
    with pytest.raises(ConfigError, match=r"agents\.x\.system_prompt: cannot read '.*p\.md'"):
        config.agent()
    (tmp_path / "p.md").write_bytes(b"\xff\xff")
    with pytest.raises(ConfigError, match="give the path of a UTF-8 text file"):
        config.agent()


def test_a_variable_is_read_when_it_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    config = KnowledgeConfig.parse("store: {path: '${KEPT}/index'}").at(tmp_path)
    monkeypatch.setenv("KEPT", "here")
    assert config.store_path == tmp_path / "here" / "index"
    assert "here" not in repr(config)


def test_an_unset_variable_fails_only_what_uses_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("NOT_SET", raising=False)
    config = KnowledgeConfig.parse("store: {path: '${NOT_SET}'}\nagents: {x: {}}")
    assert config.agent().name == "x"
    with pytest.raises(ConfigError, match=r"^store\.path: .*variable NOT_SET is not set; export"):
        _ = config.store_path


@pytest.mark.parametrize("text", ["${}", "${NOT_SET:-fallback}", "a${not a name}b"])
def test_what_is_no_variables_name_is_never_passed_on_as_a_value(text: str):
    with pytest.raises(ConfigError, match="is not set"):
        expand(text, "key")


def test_what_is_no_variable_stays_as_it_is(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("A", "${B}$")
    assert expand("$A {A} $${A}", "key") == "$A {A} $${B}$"


@pytest.mark.parametrize("name", ["", "a b", "../up", "-x", ".hidden", "a/b", "é", "x\n", "x" * 64])
def test_what_is_no_name(name: str):
    with pytest.raises(ValidationError):
        KnowledgeConfig(sources={name: SourceConfig(path="p")})


@pytest.mark.parametrize("name", ["a", "A-b_c.d", "0", "x" * 63])
def test_what_is_a_name(name: str):
    assert KnowledgeConfig(sources={name: SourceConfig(path="p")}).sources[name].path == "p"


def test_secrets_are_not_shown():
    config = KnowledgeConfig(
        store=StoreConfig.model_validate({"url": SECRET}),
        endpoints={
            "e": EndpointConfig.model_validate(
                {"model": "m", "serves": "s", "api_key": SECRET, "base_url": SECRET}
            )
        },
    )
    shown = [repr(config), str(config), repr(config.endpoints["e"]), config.model_dump_json()]
    assert not [text for text in shown if SECRET in text]


@pytest.mark.parametrize(
    "text",
    [
        f"endpoints: {{e: {{model: m, serves: s, api_key: [{SECRET}]}}}}",
        f"endpoints: {{e: {{model: m, serves: s, base_url: {{a: {SECRET}}}}}}}",
        f"endpoints: {{e: {{model: m, serves: s, apikey: {SECRET}}}}}",
        f"endpoints: [{{api_key: {SECRET}}}]",
        f"endpoints: {{e: {SECRET}}}",
        f"store: https://user:{SECRET}@host/db",
        f"store: {{kind: pgvector, url: [https://user:{SECRET}@host/db]}}",
        f'store: {{url: "{SECRET}',
        f"store:\n  url: {SECRET}\n bad",
        f"agents: {{x: {{system_prompt: [{SECRET}]}}}}",
    ],
)
def test_secrets_are_in_no_error_nor_in_what_led_to_it(text: str):
    with pytest.raises(ConfigError) as caught:
        KnowledgeConfig.parse(text)
    error: BaseException | None = caught.value
    assert SECRET not in str(error)
    assert error.__suppress_context__ or error.__context__ is None


def test_secrets_are_in_no_error_of_a_configuration_built_in_python():
    with pytest.raises(ValidationError) as caught:
        EndpointConfig.model_validate({"model": 5, "serves": "s", "api_key": [SECRET]})
    assert SECRET not in str(caught.value)


DOCS = Path(__file__).parents[3] / "docs" / "config.md"
SECTIONS = {
    "Top level": KnowledgeConfig,
    "`store`": StoreConfig,
    "`models`": ModelsConfig,
    "`sources.NAME`": SourceConfig,
    "`examples.NAME`": ExampleSetConfig,
    "`endpoints.NAME`": EndpointConfig,
    "`prices.MODEL`": PriceConfig,
    "`agents.NAME`": AgentConfig,
    "`agents.NAME.policy`": Policy,
    "`agents.NAME.policy.thresholds`": Thresholds,
    "`agents.NAME.policy.leaning`": Leaning,
}


@pytest.mark.parametrize("title", SECTIONS)
def test_the_docs_name_every_key_of_a_section_with_its_default(title: str):
    section = DOCS.read_text(encoding="utf-8").split(f"\n## {title}\n")[1].split("\n## ")[0]
    rows = {
        cells[1].strip(" `"): section_row
        for section_row in section.splitlines()
        if (cells := section_row.split("|"))[0] == "" and len(cells) > 3
    }
    fields = dict(SECTIONS[title].model_fields)
    if title == "`endpoints.NAME`":
        for name, part in (("training", TrainingConfig), ("breaker", BreakerConfig)):
            assert fields.pop(name).annotation is part
            fields |= {f"{name}.{key}": field for key, field in part.model_fields.items()}
    assert sorted(list(rows)[2:]) == sorted(fields)
    for key, field in fields.items():
        if isinstance(field.default, str | float | int) and field.default != "":
            shown = str(field.default).lower()
            assert f"`{shown}`" in rows[key] or f"| {shown.removesuffix('.0')} |" in rows[key]
        if field.is_required():
            assert "*required*" in rows[key]


def test_the_example_of_the_docs_is_a_whole_configuration():
    text = DOCS.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    assert list(KnowledgeConfig.parse(text).agents) == ["support"]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (
            "https://user:secret@example.org/docs",
            "is a URL (https:...), and URLs are not read as paths",
        ),
        ("file:///etc/secret", "is a URL (file:...), and URLs are not read as paths"),
        ("${PLACE}", "is a URL (s3:...), and URLs are not read as paths"),
        ("${EMPTY}", "is empty, since EMPTY is"),
        ("  ", "is empty"),
        ("secret\0", "holds a NUL character"),
        ("secret\ud83d", "holds half a character"),
        ("~nobody-of-that-name/secret", "whose home is not known"),
    ],
)
def test_what_is_no_path_is_told_by_its_key_and_not_by_what_it_holds(
    monkeypatch: pytest.MonkeyPatch, path: str, says: str
):
    monkeypatch.setenv("PLACE", "s3://secret/docs")
    monkeypatch.setenv("EMPTY", "")
    with pytest.raises(ConfigError, match=r"^sources\.x\.path: ") as caught:
        KnowledgeConfig().resolve(path, "sources.x.path")
    assert says in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("number", [".inf", "-.inf", ".nan", "1e400"])
def test_a_number_that_is_none_is_refused(number: str):
    with pytest.raises(ConfigError, match=r"prices\.m\.input"):
        KnowledgeConfig.parse(f"prices: {{m: {{input: {number}, output: 1}}}}\n")
