"""The page: a conversation with an agent, why it was served as it was, and how its sources are."""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from urllib.parse import parse_qsl, urlencode

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route
from starlette.types import ASGIApp

from agent_knowledge.answerer import Answerer, load_answerer
from agent_knowledge.build.states import source_states
from agent_knowledge.config import KnowledgeConfig
from agent_knowledge.errors import AgentKnowledgeError, ConfigError, InputError
from agent_knowledge.ledger import Ledger
from agent_knowledge.page import feedback, views
from agent_knowledge.page.guard import LOOPBACK, Guard, is_loopback
from agent_knowledge.page.story import story_of
from agent_knowledge.page.talks import ShownTurn, Talk, Talks
from agent_knowledge.page.turns import NoAnswer, replies
from agent_knowledge.page.views import AgentCard, PagePlace
from agent_knowledge.routing.boundary import nearest_boundary
from agent_knowledge.types import Strategy, Task
from agent_knowledge.types.answers import Answer
from agent_knowledge.types.filters import EVERYTHING, Scope

LEAST_PASSWORD = 8
"""Characters of a password that keeps others out: what NIST SP 800-63B asks for at least."""
_FIELDS = 20
"""Of a form; ours have four at most: a limit."""
_NONCE_BYTES = 18
"""144 random bits a page: CSP asks for 128 at least."""
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" '
    'rx="4" fill="#3d4fd1"/><path d="M4.5 11.5V8l3.5-3.5L11.5 8v3.5" fill="none" stroke="#fff" '
    'stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round"/></svg>'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSettings:
    """How a page is served.

    Attributes:
        host: The address to listen on.
        port: The port; 0 for any that is free.
        password: What is asked for; empty for nothing, on this machine alone.
        cases: The folder of what readers say of routes, a file an agent.
        allowed_hosts: Names that the page is called by beside those of this machine.
        agent: The agent to begin with; None for the first.
        scope: Where all that is asked is looked for.
        suggestions: Per agent, questions to begin with.
    """

    host: str = "127.0.0.1"
    port: int = 7860
    password: str = field(default="", repr=False)
    cases: Path = Path("feedback")
    allowed_hosts: tuple[str, ...] = ()
    agent: str | None = None
    scope: Scope = EVERYTHING
    suggestions: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    @property
    def hosts(self) -> frozenset[str]:
        """The names that a request may call it by; none for any, which a password then guards."""
        named = frozenset(name.lower() for name in self.allowed_hosts)
        if is_loopback(self.host):
            own = f"[{self.host}]" if ":" in self.host else self.host
            return LOOPBACK | named | {own}
        return named

    def check(self) -> None:
        """See that nobody else can read the page without a password.

        Raises:
            InputError: Somebody could.
        """
        if len(self.password) >= LEAST_PASSWORD:
            return
        way = f"set AGENT_KNOWLEDGE_PASSWORD to {LEAST_PASSWORD} characters or more"
        if self.password:
            msg = f"the page's password has {len(self.password)} characters; {way}"
            raise InputError(msg)
        if self.allowed_hosts or not is_loopback(self.host):
            named = ", ".join((self.host, *self.allowed_hosts))
            msg = f"others can reach the page at {named}; {way}, or serve it at 127.0.0.1 alone"
            raise InputError(msg)


def build_page(
    config: KnowledgeConfig,
    settings: PageSettings,
    *,
    answerers: Mapping[str, Answerer] | None = None,
) -> ASGIApp:
    """Put a page together.

    Args:
        config: The configuration; one with agents.
        settings: How it is served.
        answerers: Per agent, who answers; default: loaded from the configuration when first asked.

    Raises:
        InputError: Others could read it without a password.
        ConfigError: The configuration has no agent, or not the one to begin with.
    """
    settings.check()
    if not config.agents:
        msg = "agents: none is defined, so there is nobody to ask; add one under agents:"
        raise ConfigError(msg)
    if settings.agent is not None:
        config.agent(settings.agent)
    page = _Page(config, settings, answerers or {})
    routes = [
        Route("/", page.chat),
        Route("/sources", page.sources),
        Route("/ladder", page.ladder),
        Route("/ask", page.ask, methods=["POST"]),
        Route("/feedback", page.feedback, methods=["POST"]),
        Route("/icon.svg", _icon),
    ]
    return Guard(Starlette(routes=routes), password=settings.password, hosts=settings.hosts)


def listen(settings: PageSettings) -> socket.socket:
    """Take the port, so that a page is announced only where it can be opened.

    Raises:
        InputError: It cannot be had.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or str(error)
        msg = f"cannot listen on {settings.host} port {settings.port} ({why}); give another --port"
        raise InputError(msg) from error


def server_of(app: ASGIApp) -> uvicorn.Server:
    """What serves a page: `server_of(app).run(sockets=[listen(settings)])`, until Ctrl-C."""
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, ws="none", lifespan="off"
    )
    return uvicorn.Server(config)


class _Page:
    """The routes, and what they share."""

    def __init__(
        self, config: KnowledgeConfig, settings: PageSettings, given: Mapping[str, Answerer]
    ) -> None:
        self._config, self._settings = config, settings
        self._talks, self._lock = Talks(), Lock()
        self._answerers = {name: one.scoped(settings.scope) for name, one in given.items()}
        self._cards = {name: _card(config, name, settings) for name in config.agents}

    def chat(self, request: Request) -> Response:
        """A conversation, or an empty one."""
        agent = self._agent(request.query_params.get("agent"))
        talk = self._talks.get(request.query_params.get("talk", ""), agent)
        place = self._place("chat", agent, talk.id if talk.turns else "")
        return _page(views.chat_page(place, talk), place)

    def sources(self, request: Request) -> Response:
        """How an agent's sources are."""
        place = self._of(request, "sources")
        try:
            states = source_states(self._config, place.agent.name, scope=self._settings.scope)
        except AgentKnowledgeError as error:
            return _page(views.sources_page(place, (), str(error)), place)
        return _page(views.sources_page(place, states, ""), place)

    def ladder(self, request: Request) -> Response:
        """What was measured of an agent."""
        place = self._of(request, "ladder")
        try:
            trials = Ledger(self._config.store_path).trials(place.agent.name)
        except AgentKnowledgeError as error:
            return _page(views.ladder_page(place, (), str(error)), place)
        return _page(views.ladder_page(place, trials[::-1], ""), place)

    async def ask(self, request: Request) -> Response:
        """A question: answered in lines of JSON as it comes, or without script by a whole page."""
        form = await _form(request)
        agent = self._agent(form.get("agent"))
        talk = self._talks.get(form.get("talk", ""), agent)
        text = form.get("task", "").replace("\r\n", "\n")
        if "application/x-ndjson" in request.headers.get("accept", ""):
            rows = self._rows(talk, text)
            return StreamingResponse(rows, media_type="application/x-ndjson")
        turn = await run_in_threadpool(self._answered, talk, text)
        return RedirectResponse(_address(talk, turn.number), status_code=303)

    async def feedback(self, request: Request) -> Response:
        """What a reader says of a route."""
        form = await _form(request)
        agent = self._agent(form.get("agent"))
        talk = self._talks.get(form.get("talk", ""), agent)
        turn = talk.turn(form.get("turn", ""))
        if turn is None:
            return JSONResponse({"error": "that conversation is gone"}, status_code=404)
        file = self._settings.cases / f"{agent}.jsonl"
        try:
            case = feedback.case_of(
                turn.task, form.get("expected", ""), f"{talk.id[:8]}-{turn.number}"
            )
            await run_in_threadpool(feedback.keep, case, file)
            kept = f"Kept as a case in {self._settings.cases.name}/{file.name}"
        except InputError as error:
            kept = f"Not kept: {error}"
        self._talks.keep(talk, turn.number, kept)
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse({"kept": kept})
        return RedirectResponse(_address(talk, turn.number), status_code=303)

    def _rows(self, talk: Talk, text: str) -> Iterator[str]:
        for row in self._turn(talk, text):
            if isinstance(row, str):
                yield _line({"piece": row})
            else:
                html = views.turn_html(row, talk)
                yield _line({"html": html, "talk": talk.id, "at": _address(talk)})

    def _answered(self, talk: Talk, text: str) -> ShownTurn:
        *_, turn = self._turn(talk, text)
        if isinstance(turn, str):  # the last one never is
            raise TypeError(turn)
        return turn

    def _turn(self, talk: Talk, text: str) -> Iterator[str | ShownTurn]:
        """Pieces of an answer; last the turn as it is shown."""
        try:
            task = talk.task(text)
        except InputError as error:  # the conversation has become too long
            yield self._talks.add(talk, _failed(Task(text), str(error)), None)
            return
        for row in replies(lambda: self._answerer(talk.agent), task):
            if isinstance(row, str):
                yield row
            elif isinstance(row, NoAnswer):
                yield self._talks.add(talk, _failed(task, row.reason), None)
            else:
                yield self._talks.add(talk, self._shown(talk, task, row), row)

    def _shown(self, talk: Talk, task: Task, answer: Answer) -> ShownTurn:
        router, made = self._answerer(talk.agent).router, answer.decision
        boundary = nearest_boundary(task, made, router.agent, router.record)
        story, key = (
            story_of(answer.knowledge, boundary, router.agent.policy.leaning),
            secrets.token_hex(4),
        )
        return ShownTurn(
            task=task,
            strategy=made.strategy,
            said=views.said_html(answer, story, key),
            story=views.story_html(story, key),
        )

    def _answerer(self, agent: str) -> Answerer:
        """Who answers for an agent; loaded once.

        Raises:
            ConfigError: It cannot be loaded.
        """
        with self._lock:
            if agent not in self._answerers:
                made = load_answerer(self._config, agent)
                self._answerers[agent] = made.scoped(self._settings.scope)
            return self._answerers[agent]

    def _agent(self, named: str | None) -> str:
        first = self._settings.agent or next(iter(self._cards))
        return named if named in self._cards else first

    def _of(self, request: Request, tab: str) -> PagePlace:
        query = request.query_params
        agent = self._agent(query.get("agent"))
        talk = self._talks.get(query.get("talk", ""), agent)
        return self._place(tab, agent, talk.id if talk.turns else "")

    def _place(self, tab: str, agent: str, talk: str) -> PagePlace:
        return PagePlace(
            tab=tab,
            agent=self._cards[agent],
            agents=tuple(self._cards.values()),
            talk=talk,
            nonce=secrets.token_urlsafe(_NONCE_BYTES),
        )


def _failed(task: Task, reason: str) -> ShownTurn:
    return ShownTurn(task=task, strategy=None, said=views.failed_html(reason))


def _card(config: KnowledgeConfig, name: str, settings: PageSettings) -> AgentCard:
    agent = config.agents[name]
    routes: tuple[tuple[Strategy, str, str], ...] = (
        ("retrieval", "Facts are looked up and cited", ", ".join(agent.sources)),
        ("few_shot", "Examples show the pattern", ", ".join(agent.examples)),
        ("fine_tuned", "A tuned model does what it learned", agent.endpoint or ""),
    )
    direct: tuple[Strategy, str, str] = ("direct", "The system prompt is enough", "")
    return AgentCard(
        name=name,
        description=agent.description,
        routes=(*(route for route in routes if route[2]), direct),
        suggestions=settings.suggestions.get(name, ()),
    )


def _icon(_request: Request) -> Response:
    return Response(_ICON, media_type="image/svg+xml")


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form; one that is none has none."""
    body = (await request.body()).decode(errors="replace")
    try:
        return dict(parse_qsl(body, keep_blank_values=True, max_num_fields=_FIELDS))
    except ValueError:
        return {}


def _address(talk: Talk, turn: int = 0) -> str:
    """Where a conversation is found again."""
    query = urlencode({"agent": talk.agent, "talk": talk.id})
    return f"/?{query}" + (f"#turn-{turn}" if turn else "")


def _line(row: Mapping[str, str]) -> str:
    return json.dumps(row) + "\n"


def _page(html: str, place: PagePlace) -> HTMLResponse:
    policy = (
        f"default-src 'none'; style-src 'nonce-{place.nonce}'; script-src 'nonce-{place.nonce}'; "
        "img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    return HTMLResponse(html, headers={"content-security-policy": policy})
