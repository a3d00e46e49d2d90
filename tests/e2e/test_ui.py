"""`agent-knowledge ui`: what it refuses, and that it serves what it says it serves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.e2e.conftest import CommandLine


def test_others_need_a_password(in_shop: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AGENT_KNOWLEDGE_PASSWORD", raising=False)
    for options in (("--host", "0.0.0.0"), ("--allow-host", "shop.example")):
        ran = in_shop("ui", *options)
        assert ran.code == 2
        assert "AGENT_KNOWLEDGE_PASSWORD" in ran.err
    monkeypatch.setenv("AGENT_KNOWLEDGE_PASSWORD", "short")
    assert "8 characters" in in_shop("ui").err


def test_what_cannot_be_opened_is_told(here: CommandLine, in_shop: CommandLine) -> None:
    assert "agent-knowledge.yaml" in here("ui").err
    assert "nobody" in in_shop("ui", "--agent", "nobody").err
    assert "--sample" in here("ui", "--sample", "--config", "other.yaml").err


def test_without_its_extra_the_pip_line_is_told(
    in_shop: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "agent_knowledge.page.app", None)
    ran = in_shop("ui")
    assert ran.code == 2
    assert "pip install 'langchain-agent-knowledge[ui]'" in ran.err


@pytest.mark.slow
def test_the_sample_is_served_until_ctrl_c(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "agent_knowledge", "ui", "--sample", "--port", "0"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    environment.pop("AGENT_KNOWLEDGE_PASSWORD", None)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=environment
    ) as ran:
        assert ran.stdout
        address = next(line for line in ran.stdout if line.startswith("http")).split()[0]
        with urllib.request.urlopen(f"{address}/sources", timeout=60) as came:
            shown = came.read().decode()
        ran.send_signal(signal.SIGINT)
        assert ran.wait(timeout=60) == 0
    assert "handbook" in shown
    assert "ready" in shown
    assert not list(tmp_path.iterdir())
