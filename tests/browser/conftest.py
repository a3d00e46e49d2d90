"""One server and one browser for all tests of the page in a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent_knowledge import KnowledgeConfig
from agent_knowledge.cli.sampling import sample_endpoint

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Opener = Callable[..., "Page"]


@pytest.fixture(scope="session")
def opened() -> Iterator[Browser]:
    from tools.pictures.page import browser  # noqa: PLC0415 - `dev` has no playwright

    with browser() as made:
        yield made


@pytest.fixture(scope="session")
def address(shop: KnowledgeConfig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The sample shop's page, with its endpoint as `agent-knowledge ui --sample` has it."""
    from tools.pictures.page import served  # noqa: PLC0415 - as above

    folder: Path = tmp_path_factory.mktemp("feedback")
    with sample_endpoint(shop), served(shop, folder) as made:
        yield made


@pytest.fixture
def visit(opened: Browser, address: str) -> Iterator[Opener]:
    """Opens the page in a window of its own; nothing may go wrong in its console."""
    faults: list[str] = []
    pages: list[Page] = []

    def open_page(path: str = "/", width: int = 1280, scheme: str = "light") -> Page:
        page = opened.new_page(
            viewport={"width": width, "height": 800},
            color_scheme=scheme,  # pyright: ignore[reportArgumentType]
            reduced_motion="reduce",
        )
        page.on("console", lambda told: faults.append(told.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        pages.append(page)
        page.goto(address + path)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert not faults
