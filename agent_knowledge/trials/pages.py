"""What the lab writes for readers, from the templates beside: pages in one file, and a data card.

A page holds its style, no script and nothing to load, and forbids itself both. Every value put into
a page is escaped, so that a model's answer in it stays a text whatever it holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from agent_knowledge.errors import InputError
from agent_knowledge.types import without_surrogates


def render(template: str, values: Mapping[str, object]) -> str:
    """Fill a template; what goes into HTML is escaped, Markdown takes it as it is.

    Args:
        template: Name of the file.
        values: All that it names.
    """
    return without_surrogates(_environment().get_template(template, globals=_KNOWN).render(values))


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


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("agent_knowledge.trials"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _span(ends: tuple[float, float], spec: str) -> str:
    return f"{ends[0]:{spec}} to {ends[1]:{spec}}"


_KNOWN: dict[str, Any] = {"figure": format, "span": _span}
"""What every template may call."""
