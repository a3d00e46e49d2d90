"""`mcp` that cannot serve says why, before anything is loaded."""

from __future__ import annotations

import socket
import sys

import pytest

from agent_knowledge.cli.mcp import TOKEN
from tests.e2e.conftest import CommandLine

SECRET = "s3cret-s3cret-s3cret"


def test_http_without_a_token_is_refused(
    in_shop: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for token, state in (("", "is not set"), ("short", "has 5 characters")):
        monkeypatch.setenv(TOKEN, token)
        ran = in_shop("mcp", "--http")
        assert ran.code == 2
        assert f"--http: {TOKEN} {state}" in ran.err


def test_a_port_in_use_is_told(in_shop: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN, SECRET)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = in_shop("mcp", "--http", "--port", port, "-a", "support")
    assert ran.code == 2
    assert port in ran.err
    assert SECRET not in ran.err


def test_without_the_extra_the_pip_line_is_told(
    in_shop: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "agent_knowledge.mcp", None)
    ran = in_shop("mcp")
    assert ran.code == 2
    assert "pip install 'langchain-agent-knowledge[mcp]'" in ran.err


def test_whose_documents_are_served_has_to_be_said(here: CommandLine) -> None:
    sources = "sources: {handbook: {path: docs, tenant: customer}}"
    agents = "agents: {support: {sources: [handbook], tenant: customer}}"
    (here.folder / "docs").mkdir()
    (here.folder / "docs" / "a.md").write_text("# Flats\n\nThree months.")
    (here.folder / "agent-knowledge.yaml").write_text(f"{sources}\n{agents}\n")
    ran = here("mcp")
    assert ran.code == 2
    assert "tenant" in ran.err
