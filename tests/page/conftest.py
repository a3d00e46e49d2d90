"""The page of the sample shop, asked without a browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from agent_knowledge import Answerer, KnowledgeConfig, KnowledgeRouter, load_answerer
from agent_knowledge.models.chat import Chat
from agent_knowledge.page.app import PageSettings, build_page
from tests.scripted import ScriptedModel

HERE = "http://127.0.0.1:7860"
RETURNS = "How long is the return window?"
Opened = Callable[..., TestClient]


class Asked:
    """A page that is asked as its script asks it."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.talk = ""

    def __call__(self, task: str, agent: str = "support") -> str:
        """Ask within the conversation; the HTML of the turn."""
        fields = {"task": task, "agent": agent, "talk": self.talk}
        came = self.client.post("/ask", data=fields, headers={"accept": "application/x-ndjson"})
        assert came.status_code == 200, came.text
        row = json.loads(came.text.splitlines()[-1])
        self.talk = row["talk"]
        return row["html"]


@pytest.fixture(scope="session")
def answering(shop: KnowledgeConfig) -> Answerer:
    """The support agent with the packaged model."""
    return load_answerer(shop, "support")


@pytest.fixture
def opened(shop: KnowledgeConfig, answering: Answerer, tmp_path: Path) -> Opened:
    """Opens the shop's page with other settings."""

    def open_with(answerer: Answerer = answering, **settings: object) -> TestClient:
        made = PageSettings(cases=tmp_path / "feedback", **settings)  # pyright: ignore[reportArgumentType]
        page = build_page(shop, made, answerers={"support": answerer})
        return TestClient(page, base_url=HERE, follow_redirects=False)

    return open_with


@pytest.fixture
def page(opened: Opened) -> TestClient:
    """The shop's page as `agent-knowledge ui` serves it."""
    return opened()


@pytest.fixture
def ask(page: TestClient) -> Asked:
    """A conversation on it."""
    return Asked(page)


@pytest.fixture
def says(support: KnowledgeRouter, opened: Opened) -> Callable[..., Asked]:
    """A conversation with a model that says what a test tells it to."""

    def saying(*replies: object) -> Asked:
        chat = Chat(model=ScriptedModel(replies=list(replies)), name="scripted")
        return Asked(opened(Answerer(support, chat)))

    return saying
