"""The page in a browser: what the browser's tests drive, and the docs' pictures of it.

    python -m tools.pictures.page [FOLDER]

takes the sample shop's page, light and dark, into docs/pictures.
"""

# pyright: reportMissingImports=false
# Types are checked where the extra `browser` is not installed, too.

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Locator, Page, sync_playwright

from agent_knowledge import Answerer, KnowledgeConfig, index_sources, open_sample
from agent_knowledge.cli.sampling import sample_endpoint, sample_tasks
from agent_knowledge.page.app import PageSettings, build_page, listen, server_of

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox",  # it visits our own page alone, and CI runs as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
CITED = (
    "My order was delivered on 2 December and I've changed my mind. Until when can I send it back?"
)
GAP = "Who is the current CEO?"
MOST_BYTES = 150_000
"""Of a picture: the repository keeps every one that was ever made."""
Scheme = Literal["light", "dark"]
_WIDE, _HIGH = 1280, 760
"""A laptop's window."""
_STARTED_S = 30.0
_SETTLED_MS = 250
"""Until a card has opened and the view has scrolled: what looks still in a picture."""


@contextmanager
def served(
    config: KnowledgeConfig,
    cases: Path,
    answerers: Mapping[str, Answerer] | None = None,
    password: str = "",
) -> Generator[str]:
    """Serve a configuration's page from a thread; see `build_page`.

    Yields:
        Its address.
    """
    settings = PageSettings(
        port=0, password=password, cases=cases, suggestions=sample_tasks(config)
    )
    with listen(settings) as taken:
        server = server_of(build_page(config, settings, answerers=answerers))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]}, daemon=True)
        thread.start()
        until = time.monotonic() + _STARTED_S
        while not server.started and time.monotonic() < until:
            time.sleep(0.02)
        try:
            yield f"http://127.0.0.1:{taken.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(_STARTED_S)


@contextmanager
def browser() -> Generator[Browser]:
    """The system's Chromium."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            yield opened
        finally:
            opened.close()


def ask(page: Page, task: str) -> Locator:
    """Ask as somebody at a keyboard does; the turn, once it is answered."""
    turns = page.locator(".turn")
    before = turns.count()
    field = page.get_by_role("textbox", name="Ask")
    field.fill(task)
    field.press("Enter")
    turn = turns.nth(before)
    turn.wait_for(timeout=60_000)
    return turn


def open_citation(turn: Locator) -> Locator:
    """Walk to the first citation by the keyboard; its card."""
    mark = turn.get_by_role("link", name="source").first
    mark.focus()
    card = turn.locator(".ak-card").first
    card.wait_for(state="visible")
    return card


def pictures(opened: Browser, address: str, scheme: Scheme) -> Iterator[tuple[str, Page]]:
    """The page as each picture shows it, one after another."""
    page = opened.new_page(
        viewport={"width": _WIDE, "height": _HIGH}, color_scheme=scheme, reduced_motion="reduce"
    )
    page.goto(address)
    yield "page-start", page
    open_citation(ask(page, CITED))
    yield "page-citation", page
    page.goto(address)
    ask(page, GAP)
    yield "page-gap", page
    page.goto(f"{address}/sources")
    yield "page-sources", page
    page.set_viewport_size({"width": 360, "height": _HIGH})
    page.goto(address)
    open_citation(ask(page, CITED))
    yield "page-narrow", page
    page.close()


def take(opened: Browser, address: str, folder: Path) -> list[Path]:
    """Take all pictures, light and dark; the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    schemes: tuple[Scheme, ...] = ("light", "dark")
    for scheme in schemes:
        for name, page in pictures(opened, address, scheme):
            page.wait_for_timeout(_SETTLED_MS)
            file = folder / f"{name}-{scheme}.png"
            page.screenshot(path=file)
            files.append(file)
    return files


def main() -> None:
    """Make the docs' pictures."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/pictures")
    with open_sample() as config, browser() as opened:
        index_sources(config)
        cases = config.folder / "feedback"
        with sample_endpoint(config), served(config, cases) as address:
            for file in take(opened, address, folder):
                size = file.stat().st_size
                print(f"{file}: {size:,} bytes" + ("  TOO LARGE" * (size > MOST_BYTES)))


if __name__ == "__main__":
    main()
