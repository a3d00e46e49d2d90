"""`mcp`: the router as tools for clients of the Model Context Protocol."""

from __future__ import annotations

import ipaddress
import os
import socket
from typing import TYPE_CHECKING, Annotated

import typer

from agent_knowledge.cli.filters import scope_of
from agent_knowledge.cli.options import CONFIG, Config, Filters, Tenant
from agent_knowledge.cli.terminal import complain
from agent_knowledge.errors import DISTRIBUTION, InputError, MissingExtraError, hide

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

TOKEN = "AGENT_KNOWLEDGE_MCP_TOKEN"  # noqa: S105 - the variable's name
_TOKEN_CHARACTERS = 16
"""A shorter token could be guessed: 96 bits, were it base64. A plain limit."""


def mcp(
    *,
    config: Config = CONFIG,
    agents: Annotated[
        list[str] | None,
        typer.Option("--agent", "-a", help="Whose knowledge; several may be given. Default: all."),
    ] = None,
    http: Annotated[
        bool,
        typer.Option(
            "--http", help=f"Serve streamable HTTP; callers show the token that {TOKEN} holds."
        ),
    ] = False,
    host: Annotated[str, typer.Option("--host", help="Where HTTP is served.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65_535, help="0 for any that is free.")
    ] = 8765,
    filters: Filters = None,
    tenant: Tenant = None,
) -> None:
    """Serve route, retrieve, few_shot and verify as tools over MCP: standard input and output.

    What the tools may see is said here, by --agent, --filter and --tenant; no caller can widen it.
    """
    token = _token() if http else None
    try:
        from agent_knowledge.mcp import build_server
    except ImportError as error:
        msg = f"agent-knowledge mcp needs the MCP SDK: pip install '{DISTRIBUTION}[mcp]'"
        raise MissingExtraError(msg) from error
    from agent_knowledge.build import load_router, read_config

    known, scope = read_config(config), scope_of(filters, tenant)
    names = agents or list(known.agents) or [None]
    routers = [load_router(known, name).scoped(scope) for name in names]
    for router in routers:
        router.require_tenant()
    server = build_server({router.agent.name: router for router in routers}, token=token)
    if token:
        _serve(server, host, port)
    else:
        server.run("stdio")


def _token() -> str:
    """The token that callers over HTTP show.

    Raises:
        InputError: There is none, or one that is easily guessed.
    """
    token = os.environ.get(TOKEN, "")
    if len(token) < _TOKEN_CHARACTERS:
        state = f"has {len(token)} characters" if token else "is not set"
        msg = (
            f"--http: {TOKEN} {state}, and whoever calls must show it; set one of at least "
            f"{_TOKEN_CHARACTERS} characters, as"
            ' python -c "import secrets; print(secrets.token_urlsafe())" prints'
        )
        raise InputError(msg)
    hide(token, f"${{{TOKEN}}}")
    return token


def _serve(server: MCPServer, host: str, port: int) -> None:
    """Serve HTTP until Ctrl-C.

    Raises:
        InputError: The address cannot be had.
    """
    from agent_knowledge.mcp import http_server

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        msg = f"--host {host!r} --port {port}: cannot be served ({error}); give another"
        raise InputError(msg) from error
    with listening:
        shown = f"[{host}]" if family == socket.AF_INET6 else host
        complain(f"serving http://{shown}:{listening.getsockname()[1]}/mcp; Ctrl-C ends it")
        if not _is_loopback(host):
            complain("beyond this machine the token is sent in clear: put TLS before it")
        http_server(server, host).run(sockets=[listening])


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
