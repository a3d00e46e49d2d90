"""`screen`: does a text speak to the model that will read it?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from agent_knowledge.cli import show
from agent_knowledge.cli.batch import Row, require_one_way, run_batch, text_of
from agent_knowledge.cli.options import Input, Json, Output
from agent_knowledge.types import to_dict

if TYPE_CHECKING:
    from agent_knowledge.types.measured import Screened


def screen(
    text: Annotated[str | None, typer.Argument(help="The text, such as a passage.")] = None,
    *,
    as_json: Json = False,
    source: Input = None,
    target: Output = "-",
) -> None:
    """Find instructions to a model that are hidden in a text; needs no configuration.

    A line of a batch is {"id", "text"}; out come "suspicious", "score" and "spans".
    """
    from agent_knowledge.screening import InjectionScreen

    require_one_way(text, source, target)
    screen = InjectionScreen()
    if source is not None:
        run_batch(
            source,
            target,
            lambda rows: [_row(s) for s in screen.screen([text_of(row, "text") for row in rows])],
        )
        return
    (found,) = screen.screen([text or ""])
    show.output(_row(found), Text(_told(text or "", found)), as_json=as_json)


def _row(found: Screened) -> Row:
    row = to_dict(found)
    return {key: row[key] for key in ("suspicious", "score", "spans")}


def _told(text: str, found: Screened) -> str:
    verdict = "speaks to a model" if found.suspicious else "clean"
    lines = [f"{verdict} ({found.score:.2f})"]
    lines += [f"  {span.kind}: {text[span.start : span.end]}" for span in found.spans]
    return "\n".join(lines)
