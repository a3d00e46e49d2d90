"""One value of an environment variable, looked for in all that the package says or writes.

The variable stands wherever a configuration takes one: models, paths, addresses and keys. What it
holds may reach what it is meant for (a file system, a model's server) and nothing else.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from langchain.agents import create_agent
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import HumanMessage
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from agent_knowledge import CitationVerifier, KnowledgeConfig, load_answerer, load_router
from agent_knowledge.build import load_embedder, load_endpoint, load_model
from agent_knowledge.build.indexing import index_sources
from agent_knowledge.cli.app import app
from agent_knowledge.errors import AgentKnowledgeError
from agent_knowledge.langchain import KnowledgeMiddleware, KnowledgeRetriever, KnowledgeTool
from agent_knowledge.trials.costs import prices_of
from tests.e2e.conftest import CommandLine
from tests.scripted import ScriptedModel

CANARY = "Canary-4711-sings"
KEY = "sk-canary-0815-sings"
RETURNS = "How long is the return window?"
CONFIG = """
store: {path: "${CANARY}/store"}
models: {default: "openai:${CANARY}", router: "openai:${CANARY}"}
sources:
  handbook: {path: "${CANARY}/docs"}
  gone: {path: "${CANARY}/nothing-here"}
examples:
  triage: {file: "${CANARY}/triage.jsonl", template: "${CANARY}/triage.md"}
  gone: {file: "${CANARY}/nothing-here.jsonl"}
endpoints:
  tuned: {model: "openai:${CANARY}", api_key: "${KEY}", serves: triage, allow_unproven: true}
log: {text: whole, redact: false}
prices:
  "${CANARY}": {input: 1, output: 2}
agents:
  support:
    system_prompt: "${CANARY}/prompt.md"
    sources: [handbook]
    examples: [triage]
    policy: {ask_model_below: 1, query_rewrite: model}
  tuned: {examples: [triage], endpoint: tuned}
  gone-source: {sources: [gone]}
  gone-set: {examples: [gone]}
"""
CASES = [
    {"id": "1", "task": RETURNS, "expected": "30"},
    {"id": "2", "task": "Queue this: my lamp is broken", "expected": "x"},
]
BATCH = json.dumps({"id": "1", "task": RETURNS, "query": RETURNS}) + "\n"
CITED = {"id": "1", "answer": "Yes [1].", "passages": [{"id": "1", "title": "", "text": "Yes."}]}
RUNS: dict[str, tuple[tuple[str, ...], ...]] = {
    "init": (("new",),),
    "new-agent": (("--yes", "--name", "another"),),
    "schema": ((),),
    "move": (("--to", "postgresql://u:${KEY}@127.0.0.1:1/d"),),
    "index": ((), ("gone",)),
    "route": ((RETURNS,), (RETURNS, "--json"), (RETURNS, "--explain"), ("--input", "-")),
    "retrieve": ((RETURNS,), (RETURNS, "--json"), ("--input", "-")),
    "few-shot": ((RETURNS,), (RETURNS, "--json"), ("--input", "-")),
    "ask": (
        (RETURNS,),
        (RETURNS, "--json"),
        (RETURNS, "--sources"),
        (RETURNS, "--format", "html"),
        (RETURNS, "--format", "markdown"),
        (RETURNS, "--stream"),
        (RETURNS, "--stream", "--json"),
        ("--input", "-"),
    ),
    "chat": ((),),
    "check": (("--cases", "routes.jsonl"), ("--cases", "cases.jsonl", "--json")),
    "verify": (("--input", "cited.jsonl", "--output", "-"),),
    "tune": (("--cases", "cases.jsonl"),),
    "advise": ((), ("--json",), ("--chart", "chart.html")),
    "evaluate": (
        ("--cases", "cases.jsonl", "--metric", "exact"),
        ("--cases", "cases.jsonl", "--dry-run"),
    ),
    "trials": (("list",), ("list", "--json"), ("compare", "20", "20")),
    "export": (("--set", "triage", "--out", "data"),),
    "log": ((), ("--json",), ("--to-cases", "logged.jsonl")),
    "mcp": (("--http",),),
    "doctor": ((), ("--json",)),
    "screen": ((RETURNS,), (RETURNS, "--json"), ("--input", "texts.jsonl")),
    "demo": (),
    "ui": (("--host", "0.0.0.0"),),
}
"""For each command how it is run; `demo` has a sample of its own and takes no configuration. `mcp`
is run without the token that it asks for: with one it would serve until it is ended."""
WITHOUT_CONFIG = ("init", "new-agent", "schema", "verify", "screen", "move")


class Server:
    """A model behind OpenAI's protocol; it repeats the model's name and, failing, the key."""

    def __init__(self) -> None:
        self.fails = False

    def __call__(self, request: Request) -> Response:
        body: dict[str, Any] = request.get_json()
        if self.fails:
            return Response(f"no {body['model']} for {KEY}", status=401)
        message = {"role": "assistant", "content": "The return window is 30 days [1]."}
        completion = {
            "id": "x",
            "object": "chat.completion",
            "created": 0,
            "model": body["model"],
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
        }
        return Response(json.dumps(completion), content_type="application/json")


@pytest.fixture
def server(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    httpserver.expect_request("/v1/chat/completions").respond_with_handler(made)
    monkeypatch.setenv("OPENAI_BASE_URL", httpserver.url_for("/v1"))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("KEY", KEY)
    return made


@pytest.fixture
def desk(here: CommandLine, server: Server, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """A folder whose configuration names the variable everywhere, indexed."""
    monkeypatch.setenv("CANARY", CANARY)
    nest = here.folder / CANARY
    (nest / "docs").mkdir(parents=True)
    (nest / "docs" / "returns.md").write_text("# Returns\n\nThe return window is 30 days.\n")
    (nest / "prompt.md").write_text("You help.")
    (nest / "triage.md").write_text("Queue: {{input}}")
    rows = [{"input": f"my lamp number {n} is broken", "output": "repair"} for n in range(201)]
    (nest / "triage.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (here.folder / "agent-knowledge.yaml").write_text(CONFIG)
    (here.folder / "cases.jsonl").write_text("\n".join(map(json.dumps, CASES)))
    routes = [{"task": RETURNS, "expected": "direct"}]
    (here.folder / "routes.jsonl").write_text("\n".join(map(json.dumps, routes)))
    (here.folder / "cited.jsonl").write_text(json.dumps(CITED))
    (here.folder / "texts.jsonl").write_text(json.dumps({"id": "1", "text": RETURNS}))
    return here


def leaks(text: str) -> bool:
    return CANARY in text or KEY in text


def arguments(command: str, agent: str) -> Iterator[tuple[str, ...]]:
    """All ways for the agent that works, and one for those that fail."""
    for options in RUNS[command] if agent == "support" else RUNS[command][:1]:
        named = () if command in WITHOUT_CONFIG or "-a" in options else ("-a", agent)
        yield (command, *options, *named)


def test_every_command_is_tried() -> None:
    group = typer.main.get_command(app)
    assert set(group.commands) == set(RUNS)  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.slow
def test_no_command_says_or_writes_it(
    desk: CommandLine, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    codes: dict[str, set[int]] = {command: set() for command in RUNS}
    for agent, fails in (("support", False), ("tuned", True), ("gone-source", False)):
        server.fails = fails
        for command in RUNS:
            if agent != "support" and command in {*WITHOUT_CONFIG, "log"}:
                continue
            for line in arguments(command, agent):
                ran = desk(*line, stdin=BATCH)
                assert not leaks(ran.out + ran.err), line
                codes[command].add(ran.code)
    assert not leaks(caplog.text)
    assert all(
        0 in seen or command in {"check", "tune", "demo", "move", "mcp", "ui"}
        for command, seen in codes.items()
    ), codes
    for file in (path for path in desk.folder.rglob("*") if path.is_file()):
        assert not leaks(file.read_bytes().decode(errors="replace")), file.relative_to(desk.folder)


class Trace(BaseCallbackHandler):
    """All that callbacks are told; a model's own call names the model, which is no key."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.models: list[str] = []

    def on_tool_start(self, *args: Any, **kwargs: Any) -> None:
        self.told.append(repr((args, kwargs)))

    on_tool_end = on_tool_error = on_retriever_start = on_retriever_end = on_tool_start
    on_retriever_error = on_chain_start = on_chain_end = on_chain_error = on_tool_start

    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        self.models.append(repr((args, kwargs)))

    on_llm_end = on_llm_error = on_chat_model_start


@pytest.fixture
def config(desk: CommandLine) -> KnowledgeConfig:
    made = KnowledgeConfig.from_yaml(desk.folder / "agent-knowledge.yaml")
    index_sources(made, agent="support")
    return made


def test_no_object_shows_it(config: KnowledgeConfig) -> None:
    router = load_router(config, "support")
    endpoint = load_endpoint(config.agent("tuned"))
    answerer = load_answerer(config, "support")
    answer = answerer.answer(RETURNS)
    middleware = KnowledgeMiddleware(router)
    shown = [
        *(
            config,
            config.agent("support"),
            config.agent("tuned"),
            config.only("tuned"),
            config.store,
        ),
        *(config.models, config.endpoints, config.sources, prices_of(config)),
        *(router, router.agent, router.look_up(RETURNS), router.route(RETURNS), answerer, answer),
        *(endpoint, load_model(config), load_embedder(config), CitationVerifier()),
        *(middleware, KnowledgeTool(router), KnowledgeRetriever(router=router)),
        *(middleware.__dict__, KnowledgeTool(router).model_dump()),
    ]
    for one in shown:
        assert not leaks(f"{one!r} {one}"), type(one)


def test_no_trace_holds_it(config: KnowledgeConfig) -> None:
    trace = Trace()
    callbacks: Any = {"callbacks": [trace]}
    router = load_router(config, "support")
    call: Any = {"name": "knowledge", "args": {"query": RETURNS}, "id": "1", "type": "tool_call"}
    KnowledgeTool(router).invoke(call, callbacks)
    KnowledgeRetriever(router=router).invoke(RETURNS, callbacks)
    model = ScriptedModel(replies=["The return window is 30 days [1]."])
    agent: Any = create_agent(model, middleware=[KnowledgeMiddleware(router)])
    agent.invoke({"messages": [HumanMessage(RETURNS)]}, callbacks)
    asyncio.run(agent.ainvoke({"messages": [HumanMessage(RETURNS)]}, callbacks))
    assert len(trace.told) > 8
    assert not [one for one in trace.told if leaks(one)]
    assert trace.models
    assert not [one for one in trace.models if KEY in one]


def test_no_error_quotes_it(config: KnowledgeConfig, server: Server) -> None:
    server.fails = True
    strange = KnowledgeConfig.parse(CONFIG.replace("openai:", "nobody:")).at(config.folder)
    attempts = (
        lambda: load_router(config, "gone-set"),
        lambda: load_router(config, "gone-source").retrieve(RETURNS),
        lambda: load_answerer(config, "support").answer(RETURNS),
        lambda: load_model(config).reply([("user", "?")]),
        lambda: load_model(strange),
        lambda: load_endpoint(config.agent("tuned")).reply([("user", "?")]),
    )
    for attempt in attempts:
        with pytest.raises(AgentKnowledgeError) as caught:
            attempt()
        assert not leaks(f"{caught.value} {caught.value!r}")
    summary = index_sources(config, ["gone"])
    assert "${CANARY}/nothing-here" in summary.errors["gone"]
    assert not leaks(repr(summary))
