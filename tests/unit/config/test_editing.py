from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest
import yaml

from agent_knowledge.config import AgentConfig, KnowledgeConfig, Leaning, SourceConfig
from agent_knowledge.config.editing import leaning_block, put_agent, put_leaning, write_leaning
from agent_knowledge.errors import ConfigError

WANTED = Leaning(retrieval=0.65, few_shot=-0.4)
LINE = "leaning: {retrieval: 0.65, few_shot: -0.4}"


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        pytest.param(
            "agents:\n  x:\n    policy:\n      k: 3   # three\n\n  # of y\n  y: {}\n",
            "# three\n",
            f"# three\n      {LINE}\n",
            id="after the policy's last key, before the next agent's comment",
        ),
        pytest.param(
            "agents:\n    x:\n        description: 'it''s'\n        # none\n",
            "# none\n",
            f"# none\n        policy:\n          {LINE}\n",
            id="no policy, other indentation",
        ),
        pytest.param(
            "# top\n---\nagents:\n  x:\n    policy:\n      leaning:\n"
            "        few_shot: +1.60  # was 0.7\n        # the end\n...\n",
            "+1.60  # was 0.7\n        # the end\n",
            "-0.4  # was 0.7\n        # the end\n        retrieval: 0.65\n",
            id="a leaning in a block",
        ),
        pytest.param(
            "agents:\n  x: {policy: {leaning: {few_shot: 0.9, # f\n    retrieval: }}}\n",
            "0.9, # f\n    retrieval: }",
            "-0.4, # f\n    retrieval: 0.65 }",
            id="a leaning in braces, one key empty",
        ),
        pytest.param(
            "sources: {docs: {path: d}}\nagents:\n  x: { sources: [ docs ] }  # c\n",
            "[ docs ] }",
            f"[ docs ], policy: {{{LINE}}} }}",
            id="an agent in braces",
        ),
        pytest.param("agents: {x: {}}\n", "{}", f"{{policy: {{{LINE}}}}}", id="empty braces"),
        pytest.param(
            "agents:\n  x: {policy: {k: 3,}}\n", "3,}", f"3, {LINE}}}", id="a comma at the end"
        ),
        pytest.param(
            "agents:\n  x:   # the one\n  y:\n",
            "x:   #",
            f"x: {{policy: {{{LINE}}}}}   #",
            id="nothing behind the agent",
        ),
        pytest.param(
            "agents:\n  x:\n    policy: ~\n", "~", f"{{{LINE}}}", id="a policy that is null"
        ),
        pytest.param(
            "agents:\n  x:\n    description: |\n      a\n      # b\n\n  y: {}\n",
            "# b\n",
            f"# b\n    policy:\n      {LINE}\n",
            id="after a literal text",
        ),
        pytest.param(
            "\ufeff# 😀\r\nagents:\r\n  x:\r\n    policy:\r\n      k: 3\r\n",
            "k: 3\r\n",
            f"k: 3\r\n      {LINE}\r\n",
            id="line ends of Windows, byte order mark",
        ),
        pytest.param(
            "agents:\n  x:\n    policy:\n      k: 3",
            "k: 3",
            f"k: 3\n      {LINE}\n",
            id="no line end at the end",
        ),
    ],
)
def test_only_the_leaning_changes_in_the_text(text: str, old: str, new: str):
    assert text.count(old) == 1
    assert put_leaning(text, "x", WANTED) == text.replace(old, new)


def test_what_a_policy_takes_from_an_anchor_is_written_out():
    text = (
        "agents:\n  y:\n    policy: &base\n      leaning: {few_shot: 0.3}\n"
        "  x:\n    policy:\n      <<: *base\n"
    )
    wanted = Leaning(few_shot=0.3, retrieval=0.4)
    config = KnowledgeConfig.parse(put_leaning(text, "x", wanted))
    assert config.agents["x"].policy.leaning == wanted
    assert config.agents["y"].policy.leaning == Leaning(few_shot=0.3)
    back = KnowledgeConfig.parse(put_leaning(text, "x", Leaning()))
    assert back.agents["x"].policy.leaning == Leaning()


@pytest.mark.parametrize(
    "text",
    [
        "agents:\n  y:\n    policy: &base {k: 3}\n  x:\n    policy: *base\n",
        "agents:\n  y: &base\n    policy: {k: 3}\n  x:\n    <<: *base\n",
        "agents:\n  x: {policy: {\n    k: 3  # a comment that would swallow it\n  }}\n",
        "agents: {x}\n",
    ],
)
def test_where_more_would_change_it_is_refused(text: str):
    with pytest.raises(ConfigError, match=r"agents\.x\.policy\.leaning: cannot be set"):
        put_leaning(text, "x", WANTED)


def test_an_unknown_agent_is_named():
    with pytest.raises(ConfigError, match="did you mean 'support'"):
        put_leaning("agents: {support: {}}", "suport", WANTED)


def test_the_block_sets_what_is_not_the_default_and_what_goes_back_to_it():
    block = leaning_block("1", Leaning(few_shot=0.3), Leaning(retrieval=-0.4))
    wanted = {"retrieval": -0.4, "few_shot": 0.0}
    assert yaml.safe_load(block) == {"agents": {"1": {"policy": {"leaning": wanted}}}}


def test_a_file_keeps_its_mode_and_a_link_stays_a_link(tmp_path: Path):
    file, link = tmp_path / "real.yaml", tmp_path / "link.yaml"
    file.write_text("agents: {x: {}}  # mine\n")
    file.chmod(0o640)
    link.symlink_to(file)
    write_leaning(link, "x", WANTED)
    assert link.is_symlink()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert file.read_text().endswith("  # mine\n")
    assert KnowledgeConfig.from_yaml(file).agents["x"].policy.leaning == WANTED
    assert sorted(tmp_path.iterdir()) == [link, file]


def test_a_file_that_is_refused_is_as_it_was(tmp_path: Path):
    file = tmp_path / "c.yaml"
    file.write_text("agents: {x}\n")
    with pytest.raises(ConfigError):
        write_leaning(file, "x", WANTED)
    assert file.read_text() == "agents: {x}\n"
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path):
    with pytest.raises(ConfigError, match="put the leaning there yourself"):
        write_leaning(tmp_path / "gone.yaml", "x", WANTED)


NEW = KnowledgeConfig(
    sources={"docs": SourceConfig(path="d")},
    agents={"new": AgentConfig(description="it's", sources=("docs",))},
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only this\n",
        "{}",
        "null  # for now\n",
        "~",
        "agents: {x: {}}",
        "agents:\n  x: {}  # the one\n# the end\n",
        "agents:\r\n    x:\r\n        description: y\r\nsources:\r\n",
        "store: {path: p}\nsources:\n  # none yet\nagents:\n",
    ],
)
def test_an_agent_is_added_and_every_line_of_the_others_stays(text: str) -> None:
    before, after = KnowledgeConfig.parse(text), put_agent(text, "new", NEW)
    read = KnowledgeConfig.parse(after)
    assert read.agents == before.agents | NEW.agents
    assert read.sources == before.sources | NEW.sources
    assert [c for c in re.findall("#.*", text) if c not in after] == []
    assert ("\r\n" in text) == ("\r\n" in after)


def test_an_agent_that_is_there_is_not_replaced() -> None:
    shared = "agents: {new: {}}\n"
    with pytest.raises(ConfigError, match="there already"):
        put_agent(shared, "new", NEW)
