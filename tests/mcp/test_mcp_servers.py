"""Both transports with real clients: HTTP with a token, and a process of its own over stdio."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from mcp import Client, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from agent_knowledge import KnowledgeConfig, KnowledgeRouter
from agent_knowledge.cli.mcp import TOKEN
from agent_knowledge.mcp import build_server, http_server

REFUND = "How long is the return window?"
SECRET = "s3cret-s3cret-s3cret"
COMMAND = ("-m", "agent_knowledge", "mcp")


@pytest.fixture(scope="module")
def served(support: KnowledgeRouter) -> Iterator[str]:
    """The address of a server in a thread."""
    server = http_server(build_server({"support": support}, token=SECRET), "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{port}/mcp"
        server.should_exit = True
        thread.join()


def headers(token: str = SECRET, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", **more}


@asynccontextmanager
async def connected(url: str) -> AsyncGenerator[Client]:
    async with (
        httpx2.AsyncClient(headers=headers()) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        yield client


async def test_over_http_a_client_gets_what_the_router_says(
    served: str, support: KnowledgeRouter
) -> None:
    async with connected(served) as client:
        tools = await client.list_tools()
        assert {tool.name for tool in tools.tools} == {"route", "retrieve", "few_shot", "verify"}
        routed = await client.call_tool("route", {"task": REFUND})
        assert (routed.structured_content or {})["strategy"] == support.route(REFUND).strategy
        refused = await client.call_tool("route", {"task": ""})
        assert refused.is_error


def test_over_http_a_token_is_needed(served: str) -> None:
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    accept = {"Accept": "application/json, text/event-stream"}
    for shown in (
        {},
        headers("other"),
        headers(SECRET[:-1]),
        {"Authorization": SECRET},
        {"Cookie": SECRET},
    ):
        given = httpx2.post(served, json=call, headers={**accept, **shown})
        assert given.status_code == 401
        assert "retrieve" not in given.text
    assert httpx2.get(f"{served}?token={SECRET}").status_code == 401


def test_a_page_of_another_host_is_refused_even_with_the_token(served: str) -> None:
    for foreign, status in (
        ({"Host": "evil.example"}, 421),
        ({"Origin": "http://evil.example"}, 403),
    ):
        given = httpx2.post(served, json={}, headers=headers(**foreign))
        assert given.status_code == status


async def test_langchain_mcp_loads_the_tools(served: str, support: KnowledgeRouter) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is a beta, and says so
        adapters = pytest.importorskip("langchain.mcp", reason="LangChain has it since 1.5")
        from fastmcp.client.transports import StreamableHttpTransport  # noqa: PLC0415
    async with adapters.MCPAdapter(StreamableHttpTransport(served, headers=headers())) as adapter:
        tools = {tool.name: tool for tool in await adapter.list_tools()}
        call = {
            "name": "retrieve",
            "args": {"query": REFUND, "k": 1},
            "id": "1",
            "type": "tool_call",
        }
        message = await tools["retrieve"].ainvoke(call)
    (passage,) = message.artifact["structured_content"]["passages"]
    assert passage["text"] == support.retrieve(REFUND, k=1)[0].text


@pytest.mark.slow
async def test_a_client_over_stdio_gets_what_the_router_says(
    shop: KnowledgeConfig, support: KnowledgeRouter, tmp_path: Path
) -> None:
    """A server that logs all that it can; a stray line on standard output would end the client."""
    log = tmp_path / "log"
    arguments = ["-m", "agent_knowledge", "-vv", "mcp", "-a", "support"]
    asked = StdioServerParameters(
        command=sys.executable, args=arguments, env=dict(os.environ), cwd=shop.folder
    )
    with log.open("w") as errors:
        async with Client(stdio_client(asked, errlog=errors)) as client:
            routed = await client.call_tool("route", {"task": REFUND})
            found = await client.call_tool("retrieve", {"query": REFUND, "k": 1})
    assert (routed.structured_content or {})["strategy"] == support.route(REFUND).strategy
    assert len((found.structured_content or {})["passages"]) == 1
    assert "Traceback" not in log.read_text()


@pytest.mark.slow
def test_nothing_but_the_protocol_is_on_standard_output(shop: KnowledgeConfig) -> None:
    call = '{"jsonrpc":"2.0","id":1,"method":"ping"}\n'
    ran = subprocess.run(
        [sys.executable, "-m", "agent_knowledge", "-vv", "mcp", "-a", "support"],
        input=call,
        capture_output=True,
        text=True,
        cwd=shop.folder,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert [line for line in ran.stdout.splitlines() if not line.startswith('{"jsonrpc"')] == []
    assert ran.stdout


@pytest.mark.slow
def test_the_command_serves_http_and_ends_with_ctrl_c(shop: KnowledgeConfig) -> None:
    command = [sys.executable, *COMMAND, "--http", "--port", "0", "-a", "support"]
    environment = {**os.environ, TOKEN: SECRET}
    with subprocess.Popen(
        command,
        cwd=shop.folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr
            first = process.stderr.readline()
            address = first.split()[1].rstrip(";")
            assert httpx2.post(address, json={}).status_code == 401
        finally:
            process.send_signal(2)
            out, err = process.communicate(timeout=30)
    assert first.startswith("serving http://127.0.0.1:")
    assert not out
    assert SECRET not in first + err
