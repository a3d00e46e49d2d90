"""A page in one file: HTML with its style inside, no script and nothing to load.

Every text is escaped unless it is `Html`, which only `markup` and the functions here make. The page
also forbids itself scripts and every address, so that a model's answer in it stays a text whatever
it holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from string import Template

from agent_knowledge.errors import InputError
from agent_knowledge.markup import Html, element, joined
from agent_knowledge.types import without_surrogates


def table(
    caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], *, kind: str = ""
) -> Html:
    """A table whose first column names each row; it scrolls by itself where it is too wide.

    Args:
        caption: What it shows.
        head: Name of each column.
        rows: A cell per column; a cell that is a whole `td` element stands as it is.
        kind: Class of the table.
    """
    names = [element("th", name, at={"scope": "col"}) for name in head]
    lines = [
        element("tr", element("th", row[0], at={"scope": "row", "dir": "auto"}), *_cells(row[1:]))
        for row in rows
    ]
    inner = (
        element("caption", caption),
        element("thead", element("tr", *names)),
        element("tbody", *lines),
    )
    box = {"class": "wide", "role": "region", "tabindex": "0", "aria-label": caption}
    return element("div", element("table", *inner, at={"class": kind}), at=box)


def facts(rows: Iterable[tuple[str, str]]) -> Html:
    """A list of names and what they stand for; those with nothing behind them are left out."""
    pairs = [(element("dt", name), element("dd", value)) for name, value in rows if value]
    return element("dl", *(part for pair in pairs for part in pair))


def section(title: str, *body: str) -> Html:
    """A part of a page under its heading."""
    return element("section", element("h2", title), *body)


def page(title: str, *body: str) -> str:
    """A whole page, as text."""
    template = resources.files("agent_knowledge.trials").joinpath("page.html")
    filled = Template(template.read_text(encoding="utf-8")).substitute(
        title=joined([title]), body=joined(body)
    )
    return without_surrogates(filled)


def save(text: str, path: Path) -> None:
    """Write a page.

    Raises:
        InputError: It cannot be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        msg = f"cannot write {str(path)!r} ({error.strerror}); give a path that can be written"
        raise InputError(msg) from error


def _cells(cells: Iterable[str]) -> list[Html]:
    return [
        cell
        if isinstance(cell, Html) and cell.startswith("<td")
        else element("td", cell, at={"dir": "auto"})
        for cell in cells
    ]
