"""HTML put together from parts; every text is escaped unless it is `Html`."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping

_VOID = frozenset({"input", "br"})


class Html(str):
    """Markup, safe to put into a page."""

    __slots__ = ()


def element(name: str, *children: str, at: Mapping[str, str | float] | None = None) -> Html:
    """One element.

    Args:
        name: Of the tag.
        children: What it holds, in order; a text that is no `Html` is escaped.
        at: Its attributes; values are escaped, numbers are written to two places at most.
    """
    attributes = "".join(f' {key}="{_value(value)}"' for key, value in (at or {}).items())
    if name in _VOID:
        return Html(f"<{name}{attributes}>")
    return Html(f"<{name}{attributes}>{joined(children)}</{name}>")


def joined(parts: Iterable[str], between: str = "") -> Html:
    """Parts one after another, those that are no `Html` escaped."""
    return Html(_safe(between).join(map(_safe, parts)))


def _safe(text: str) -> Html:
    return text if isinstance(text, Html) else Html(html.escape(text))


def _value(value: str | float) -> str:
    if isinstance(value, str):
        return html.escape(value)
    return f"{value:.2f}".rstrip("0").rstrip(".")
