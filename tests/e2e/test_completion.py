"""What a shell offers when someone begins a name: asked as a shell asks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.conftest import CommandLine


@pytest.fixture
def bash(in_shop: CommandLine, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    def offered(*words: str) -> list[str]:
        """What bash offers for the last of the words."""
        monkeypatch.setenv("_AGENT_KNOWLEDGE_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", " ".join(("agent-knowledge", *words)))
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        ran = in_shop()
        assert not ran.err, "nothing stands in the middle of a line"
        return ran.out.split()

    return offered


def test_commands_agents_and_sources_are_offered(bash: Callable[..., list[str]]) -> None:
    assert bash("ch") == ["chat", "check"]
    assert bash("ask", "--agent", "") == ["support", "desk", "writer"]
    assert bash("route", "--strategy", "f") == ["few_shot", "fine_tuned"]
    assert bash("index", "h") == ["handbook"]
    assert bash("evaluate", "--set", "t") == ["ticket-triage"]


def test_a_faulty_configuration_offers_nothing_and_says_nothing(in_shop: CommandLine, bash) -> None:
    (in_shop.folder / "faulty.yaml").write_text("agents: [")
    assert bash("ask", "--config", "faulty.yaml", "--agent", "s") == []
    assert bash("ask", "--config", "there-is-none.yaml", "--agent", "s") == []


def test_a_shells_script_is_printed(in_shop: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shellingham.detect_shell", lambda *_: ("bash", "/bin/bash"))
    ran = in_shop("--show-completion")
    assert "complete -o default -F _agent_knowledge_completion agent-knowledge" in ran.out
