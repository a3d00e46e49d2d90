"""The one place where text meets a terminal: what comes from outside shows, and does not act.

Titles, names, addresses and answers may hold what drives a terminal: colours and cursor moves,
window titles, links that hide their target, cleared screens, directions that turn text around, or
rich's own markup. No other module of the package opens a console or prints what is not JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.measure import Measurement
from rich.rule import Rule
from rich.segment import Segment
from rich.table import Column, Table

from agent_knowledge.citations.notes import visible

_PIPED_WIDTH = 160
"""Columns where nobody's terminal sets a width."""
_UNBOUNDED = 10_000
"""Columns in which any table fits: a limit for measuring one."""


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
    """Print a table for a person.

    Where it is wider than the terminal it becomes several, each with the names that its first
    column has: no name is cut, and no row has to be found again by counting.
    """
    width = None if Terminal().is_terminal else _PIPED_WIDTH
    terminal = Terminal(width=width)
    for part in _parts(table, terminal):
        terminal.print(part)


def _parts(table: Table, terminal: Terminal) -> list[Table]:
    """Tables that fit, of the same rows; a column that is too wide for itself is folded."""
    first, *others = table.columns
    unbounded = terminal.options.update(width=_UNBOUNDED)
    parts, kept = list[Table](), list[Column]()
    for column in others:
        wider = Measurement.get(terminal, unbounded, _of(table, first, [*kept, column]))
        if kept and wider.maximum > terminal.width:
            parts.append(_of(table, first, kept))
            kept = []
        kept.append(column)
    return [*parts, _of(table, first, kept)]


def _of(table: Table, first: Column, others: Sequence[Column]) -> Table:
    """A table of some columns of another."""
    made = Table(box=table.box, pad_edge=table.pad_edge)
    columns = (first, *others)
    for column in columns:
        made.add_column(
            column.header, justify=column.justify, no_wrap=column.no_wrap, overflow=column.overflow
        )
    for row in zip(*(column.cells for column in columns), strict=True):
        made.add_row(*row)
    return made


def echo_rule(title: str) -> None:
    """Print a line across, with what stands below it."""
    Terminal().print(Rule(title, align="left", style="dim", characters="-"))


def echo_lines(text: str, *, end: str = "\n") -> None:
    """Print a text as it is, unwrapped."""
    typer.echo(f"{shown(text)}{end}", nl=False)


def complain(text: str) -> None:
    """Print a message on standard error."""
    typer.echo(shown(text), err=True)
