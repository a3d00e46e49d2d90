"""The one place where text meets a terminal: what comes from outside shows, and does not act.

Titles, names, addresses and answers may hold what drives a terminal: colours and cursor moves,
window titles, links that hide their target, cleared screens, directions that turn text around, or
rich's own markup. No other module of the package opens a console or prints what is not JSON.
"""

from __future__ import annotations

from collections.abc import Iterable

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.rule import Rule
from rich.segment import Segment
from rich.table import Table

from agent_knowledge.citations.notes import visible

_PIPED_WIDTH = 160
"""Columns where nobody's terminal sets a width."""


class Terminal(Console):
    """A rich console whose texts are texts: no markup, no emoji codes, no control characters."""

    def __init__(self, *, stderr: bool = False, width: int | None = None) -> None:
        super().__init__(stderr=stderr, width=width, markup=False, emoji=False, highlight=False)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """As rich does; only rich's own controls are left as they are."""
        for segment in super().render(renderable, options):
            shown = segment.text if segment.control else visible(segment.text)
            yield Segment(shown, segment.style, segment.control)


def shown(text: str) -> str:
    """A text as a terminal may have it: on its own lines, without what acts."""
    return visible("\n".join(text.replace("\r\n", "\n").split("\r")))


def echo_table(table: Table) -> None:
    """Print a table for a person."""
    width = None if Terminal().is_terminal else _PIPED_WIDTH
    Terminal(width=width).print(table)


def echo_rule(title: str) -> None:
    """Print a line across, with what stands below it."""
    Terminal().print(Rule(title, align="left", style="dim", characters="-"))


def echo_lines(text: str, *, end: str = "\n") -> None:
    """Print a text as it is, unwrapped."""
    typer.echo(f"{shown(text)}{end}", nl=False)


def complain(text: str) -> None:
    """Print a message on standard error."""
    typer.echo(shown(text), err=True)
